"""The epochs of a training in several processes, one for each GPU, by torchrun and DistributedDataParallel.

The ranks (scoring/rank.py) take the steps, measure and make checkpoints; this side starts them, passes on what they
report, and goes on from their last checkpoint as after any interruption. torchrun is killed by the kernel when this
process ends, however that comes about, and each rank when torchrun ends (PR_SET_PDEATHSIG), so nothing is left behind.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.numpy import load_file

from scoring.checkpoint import Checkpoint, load_checkpoint
from scoring.errors import ModelError, ProcessError, Stopped, TrainingError
from scoring.frames import Pixels
from scoring.order import Order, write_order
from scoring.processes import Processes
from scoring.rank import CHECKPOINT, SAMPLES
from scoring.reports import EpochReport, Hooks, StepReport

ROOT = Path(__file__).resolve().parent.parent
TICK_S = 0.2
GRACE_S = 60.0  # a rank that was asked to stop may be measuring an epoch
LAST_WORDS = 4000  # bytes of what the ranks wrote to standard error
KINDS: dict[str, type[Exception]] = {"TrainingError": TrainingError, "ModelError": ModelError}

Message = dict[str, Any]


def run_epochs_in(processes: Processes, order: Order, hooks: Hooks, *, device: torch.device) -> Checkpoint:
    """Runs all epochs that are left of what is ordered, and returns the checkpoint after the last one. Raises what a
    rank raised of TrainingError and ModelError, ProcessError for anything else that ends one, Stopped."""
    with tempfile.TemporaryDirectory(prefix="training-", dir=processes.scratch) as name:
        folder = Path(name)
        write_order(order, folder)
        ranks = _Launched(processes.count, folder, device)
        try:
            _follow(ranks, hooks)
            return load_checkpoint(ranks.checkpoint())
        finally:
            ranks.close()


class _Launched:
    """torchrun and its ranks. Always `close()` it."""

    def __init__(self, count: int, folder: Path, device: torch.device) -> None:
        self.folder, self.count = folder, count
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by `close`)
        self._checkpoint: BinaryIO | None = None
        words = [str(os.getpid()), str(count), str(folder), device.type]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scoring.launcher", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(count),
            bufsize=0,
            start_new_session=True,  # Ctrl+C is for this process, which then ends the others
        )

    def messages(self) -> Iterator[Message | None]:
        """What the ranks say, to the end; None now and then when they say nothing."""
        assert self._process.stdout is not None
        descriptor, rest = self._process.stdout.fileno(), b""
        while True:
            if not select.select([descriptor], [], [], TICK_S)[0]:
                yield None
                continue
            data = os.read(descriptor, 64 * 1024)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            yield from (json.loads(line) for line in lines)

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{word}\n".encode())

    def take_checkpoint(self) -> None:
        """Keeps the file that the first rank has just written, without its name: nothing is left behind if we die."""
        if self._checkpoint is not None:
            self._checkpoint.close()
        self._checkpoint = (self.folder / CHECKPOINT).open("rb")
        (self.folder / CHECKPOINT).unlink()

    def checkpoint(self) -> bytes:
        """The one that was taken last."""
        assert self._checkpoint is not None
        self._checkpoint.seek(0)
        return self._checkpoint.read()

    def samples(self) -> tuple[Pixels, Pixels]:
        """Of the epoch that has just been reported."""
        found = load_file(self.folder / SAMPLES)
        return found["inputs"], found["reconstructions"]

    def last_words(self) -> str:
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LAST_WORDS))
        return self._log.read().decode(errors="replace").strip()

    def close(self) -> None:
        """Ends all of them at once, if they haven't: the ranks die with torchrun."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._log, self._checkpoint):
            if file is not None:
                file.close()


def _environment(count: int) -> dict[str, str]:
    """The threads of this process, shared among the ranks; the engine is found wherever we are."""
    threads = max(1, torch.get_num_threads() // count)
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": search_path}


def _follow(ranks: _Launched, hooks: Hooks) -> None:
    """Until the ranks are done. Raises what ended them otherwise."""
    heard: dict[str, Message] = {}
    stop_by = None
    for message in ranks.messages():
        if stop_by is None and hooks.should_stop is not None and hooks.should_stop():
            ranks.say("stop")
            stop_by = time.monotonic() + GRACE_S
        if stop_by is not None and time.monotonic() > stop_by:
            break
        for kind, content in (message or {}).items():
            if kind in ("step", "epoch", "checkpoint"):
                _pass_on(ranks, hooks, kind, content)
            elif kind != "error" or "error" not in heard or content["at"] < heard["error"]["at"]:
                heard[kind] = content
    if "done" not in heard:
        raise _what_ended(ranks, heard, asked=stop_by is not None)


def _pass_on(ranks: _Launched, hooks: Hooks, kind: str, content: Any) -> None:
    if kind == "step" and hooks.on_step is not None:
        hooks.on_step(StepReport(**content))
    if kind == "epoch" and hooks.on_epoch is not None:
        hooks.on_epoch(EpochReport(**content, samples=ranks.samples()))
    if kind == "checkpoint":
        ranks.take_checkpoint()
        if hooks.on_checkpoint is not None:
            hooks.on_checkpoint(ranks.checkpoint())
        ranks.say("go")


def _what_ended(ranks: _Launched, heard: dict[str, Message], *, asked: bool) -> Exception:
    """The first cause: when one rank ends, the others only say that they have lost it."""
    if "killed" in heard:
        killed = heard["killed"]
        return ProcessError(
            f"Process {killed['rank'] + 1} of {ranks.count} of the training was killed (signal {killed['signal']}); "
            "perhaps the memory ran out."
        )
    if "error" in heard and heard["error"]["kind"] in KINDS:
        return KINDS[heard["error"]["kind"]](heard["error"]["words"])
    if "error" not in heard and ("stopped" in heard or asked):
        return Stopped("The training was stopped.")
    print(ranks.last_words(), file=sys.stderr)
    if "error" in heard:
        error = heard["error"]
        return ProcessError(f"Process {error['rank'] + 1} of {ranks.count} of the training failed: {error['words']}")
    return ProcessError("The processes of the training ended without a word; the log has what they wrote last.")
