"""One process of a training that runs in several, started by torchrun (scoring/launcher.py).

    python -m scoring.rank LAUNCHER_PID FOLDER DEVICE

Standard output carries one JSON object a line to the process that waits for the training: of the first rank `step`,
`epoch`, `checkpoint`, `stopped` and `done`, of any of them `error`. Lines come whole, because they are shorter than
what a pipe takes at once. The first rank reads `go` (the checkpoint was taken) and `stop` from standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring import isolation
from scoring.runtime import keep_memory

if TYPE_CHECKING:
    from scoring.reports import EpochReport, Hooks

LONGEST = 2000  # characters of an error's words; POSIX promises at least 512 bytes a write, Linux 4096
CHECKPOINT, SAMPLES = "checkpoint.safetensors", "samples.safetensors"
OUT = 1


def main(argv: list[str]) -> int:
    global OUT
    isolation.die_with_parent(int(argv[1]))
    OUT = os.dup(1)
    os.dup2(2, 1)  # a stray print of some library must not end up between the messages
    keep_memory()
    try:
        _train(Path(argv[2]), argv[3])
    except Exception as error:
        _tell_error(error)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # whatever the others are waiting for, this one waits for nothing
    return 0


def tell(message: dict[str, Any]) -> None:
    """One line, in one piece."""
    os.write(OUT, json.dumps(message).encode() + b"\n")


def _train(folder: Path, device_type: str) -> None:
    import torch
    import torch.distributed as dist

    from scoring.errors import Stopped
    from scoring.order import forget_order, read_order
    from scoring.ranks import join
    from scoring.train import prepare

    device = torch.device(device_type)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    ranks, order = join(device), read_order(folder)
    ranks.any(False)  # everybody has read it
    if ranks.is_first:
        forget_order(folder)
    try:
        prepare(order, device=device, ranks=ranks).run_epochs(_hooks(folder, first=ranks.is_first))
        last = {"done": True}
    except Stopped:
        last = {"stopped": True}
    if ranks.is_first:
        tell(last)
    dist.destroy_process_group()


def _hooks(folder: Path, *, first: bool) -> Hooks:
    """Only the first rank tells and listens; what it hears reaches the others between two steps."""
    from scoring.reports import Hooks

    if not first:
        return Hooks()
    ear = _Ear()

    def on_checkpoint(data: bytes) -> None:
        (folder / f"{CHECKPOINT}.partial").write_bytes(data)
        (folder / f"{CHECKPOINT}.partial").replace(folder / CHECKPOINT)
        tell({"checkpoint": True})
        ear.wait_for_go()

    return Hooks(lambda report: tell({"step": vars(report)}), _on_epoch(folder), on_checkpoint, ear.stop.is_set)


def _on_epoch(folder: Path) -> Any:
    from safetensors.numpy import save_file

    def on_epoch(report: EpochReport) -> None:
        save_file(dict(zip(("inputs", "reconstructions"), report.samples, strict=True)), folder / SAMPLES)
        tell({"epoch": report.as_json()})

    return on_epoch


class _Ear:
    """Listens to standard input from the moment it is made."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._go = threading.Semaphore(0)
        threading.Thread(target=self._listen, name="ear", daemon=True).start()

    def wait_for_go(self) -> None:
        """Until the last checkpoint was taken, so that the next one can lie in its place."""
        self._go.acquire()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                self.stop.set()
            elif line.strip() == "go":
                self._go.release()
        os._exit(1)  # nobody is there any more


def _tell_error(error: Exception) -> None:
    from scoring.errors import ModelError, TrainingError

    is_known = isinstance(error, (ModelError, TrainingError))
    words = str(error) if is_known else f"{type(error).__name__}: {error}"
    kind = type(error).__name__ if is_known else ""
    rank = int(os.environ.get("RANK", "0"))
    tell({"error": {"kind": kind, "words": words[:LONGEST], "rank": rank, "at": time.monotonic()}})


if __name__ == "__main__":
    sys.exit(main(sys.argv))
