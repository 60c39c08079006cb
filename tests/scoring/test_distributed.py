"""Training in two real processes by torchrun and gloo: the same as in one, and it ends well however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scoring.checkpoint import load_checkpoint
from scoring.config import TrainConfig
from scoring.errors import ProcessError, Stopped, TrainingError
from scoring.outliers import Outliers
from scoring.processes import Processes, parse, resolved
from scoring.reports import EpochReport, StepReport
from scoring.train import TrainResult, train
from tests.scoring.frames_for_tests import stripe_frames, tiny_config, turf_frames

TRAIN, HELDOUT = turf_frames(47), turf_frames(12, seed=1)  # batches of 15 and 16: an uneven one to share
ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = tiny_config(epochs=1, precision="fp32")


@pytest.fixture(autouse=True)
def one_thread_each() -> Any:
    """One process with two threads rounds differently from one with one, as much as two processes do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(tmp_path: Path, config: TrainConfig = CONFIG, *, count: int = 2, **options: Any) -> TrainResult:
    return train(TRAIN, HELDOUT, config, device="cpu", processes=Processes(count, tmp_path), **options)


def distance(one: TrainResult, two: TrainResult) -> float:
    """Of their weights and running statistics, relative to their length."""
    a, b = (torch.cat([v.flatten().double() for v in r.model.state_dict().values()]) for r in (one, two))
    return float((a - b).norm() / a.norm())


def ranks_of(parent: int) -> dict[int, int]:
    """Rank -> process id of the training that runs in children of a process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"scoring.rank" in words and parent in lineage(int(folder.name)):
                settings = (folder / "environ").read_bytes().split(b"\0")
                rank = next(int(s[5:]) for s in settings if s.startswith(b"RANK="))
                found[rank] = int(folder.name)
        except (OSError, StopIteration):
            continue
    return found


def lineage(pid: int) -> list[int]:
    """A process and those that it descends from."""
    found = []
    while pid > 1:
        found.append(pid)
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def freeze(parent: int) -> list[int]:
    """Stops torchrun and the ranks where they are, so that they can't end by themselves; their process ids."""
    ranks = ranks_of(parent)
    assert sorted(ranks) == [0, 1]
    processes = [lineage(ranks[0])[1], *ranks.values()]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    return processes


def wait_until(is_so: Callable[[], bool], limit_s: float = 60) -> bool:
    until = time.monotonic() + limit_s
    while not is_so() and time.monotonic() < until:
        time.sleep(0.05)
    return is_so()


def test_it_trains_in_two_processes_as_in_one(tmp_path: Path) -> None:
    steps: dict[int, list[StepReport]] = {1: [], 2: []}
    epochs: dict[int, list[EpochReport]] = {1: [], 2: []}
    one, two = (
        trained(tmp_path, count=count, on_step=steps[count].append, on_epoch=epochs[count].append) for count in (1, 2)
    )
    assert len(steps[2]) == len(steps[1]) == 21
    assert [step.loss for step in steps[2]] == pytest.approx([step.loss for step in steps[1]], rel=1e-5)
    assert distance(one, two) < 1e-4
    assert two.heldout.ood_score == pytest.approx(one.heldout.ood_score, rel=1e-3)
    assert (epochs[2][0].samples[0] == epochs[1][0].samples[0]).all()
    assert not list(tmp_path.iterdir())


def test_it_retrains_in_two_processes_as_in_one(tmp_path: Path) -> None:
    start = trained(tmp_path, count=1).detector
    config = replace(CONFIG, outliers=replace(CONFIG.outliers, batch_in=13, batch_out=7))
    outliers = Outliers([stripe_frames(10), stripe_frames(5, seed=4)], ["ads"] * 15, [False] * 12 + [True] * 3)
    one, two = (trained(tmp_path, config, count=n, outliers=outliers, start_from=start) for n in (1, 2))
    for figure in ("train_loss", "train_hinge", "train_head", "heldout_loss"):
        assert two.history[0][figure] == pytest.approx(one.history[0][figure], rel=1e-4), figure
    assert distance(one, two) < 1e-3
    assert two.reasons == one.reasons


def test_it_stops_all_processes_together_and_goes_on_with_as_many(tmp_path: Path) -> None:
    config, steps, checkpoints = replace(CONFIG, epochs=2), list[StepReport](), list[bytes]()
    watch: dict[str, Any] = {"on_step": steps.append, "on_checkpoint": checkpoints.append}
    with pytest.raises(Stopped):
        trained(tmp_path, config, should_stop=lambda: len(steps) >= 23, **watch)
    assert 23 <= len(steps) < 42 and len(checkpoints) == 1
    assert not ranks_of(os.getpid()) and not list(tmp_path.iterdir())
    whole = trained(tmp_path, config, count=1)
    resumed = trained(tmp_path, config, resume=load_checkpoint(checkpoints[0]))
    losses = [[epoch["heldout_loss"] for epoch in result.history] for result in (resumed, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_it_says_what_ended_one_of_the_processes(tmp_path: Path) -> None:
    # Only the first one measures; the other waits for it in a collective.
    with pytest.raises(TrainingError, match="not a number after epoch 1; lower the learning rate"):
        trained(tmp_path, replace(CONFIG, lr=1e30, batch_size=12))
    assert not ranks_of(os.getpid())


def test_it_says_that_one_of_the_processes_was_killed(tmp_path: Path) -> None:
    def kill_the_second(report: StepReport) -> None:
        if report.step == 3:
            os.kill(ranks_of(os.getpid())[1], signal.SIGKILL)

    with pytest.raises(ProcessError, match=r"Process 2 of 2 .* was killed \(signal 9\)"):
        trained(tmp_path, replace(CONFIG, epochs=500), on_step=kill_the_second)
    assert not ranks_of(os.getpid())


def test_it_ends_the_processes_when_the_caller_breaks_off(tmp_path: Path) -> None:
    def break_off(_report: StepReport) -> None:
        freeze(os.getpid())
        raise LookupError("cancelled")

    with pytest.raises(LookupError):
        trained(tmp_path, replace(CONFIG, epochs=500), on_step=break_off)
    assert wait_until(lambda: not ranks_of(os.getpid())) and not list(tmp_path.iterdir())


def test_it_leaves_no_process_behind_when_its_own_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scoring.processes import Processes\n"
        "from scoring.train import train; from tests.scoring.test_distributed import *\n"
        "train(TRAIN, HELDOUT, replace(CONFIG, epochs=5000, patience=5000), device='cpu',\n"
        "      processes=Processes(2, Path(sys.argv[1])), on_step=lambda report: print(report.step, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"1\n"
        processes = freeze(parent.pid)
        parent.kill()
    assert parent.pid not in processes and wait_until(lambda: not any(map(is_alive, processes)), limit_s=10)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in left if not name.startswith(("samples", "checkpoint"))]  # of an epoch under way


def test_it_takes_no_more_processes_than_a_batch_has_frames() -> None:
    config = tiny_config(batch_size=4, outliers={"batch_in": 8, "batch_out": 3})
    assert Processes(8).fitting(config, 9, retrains=False) == 3  # batches of 3
    assert Processes(8).fitting(config, 9, retrains=True) == 3
    assert Processes(2).fitting(config, 900, retrains=False) == 2


def test_it_reads_how_many_processes_are_wanted() -> None:
    assert (parse("auto"), parse(""), parse("3")) == (None, None, 3)
    assert resolved("auto") == max(1, torch.cuda.device_count())
    for wrong in ("0", "-1", "two", "65"):
        with pytest.raises(ValueError, match="auto or a whole number up to 64"):
            parse(wrong)
