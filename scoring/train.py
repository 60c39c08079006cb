"""Training: an explicit loop over epochs, with a held-out measure and a checkpoint after each one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.augment import augmented, draw_lots
from scoring.checkpoint import Checkpoint, Progress, load_checkpoint
from scoring.config import TrainConfig, batches_per_pass
from scoring.detector import Detector, plain
from scoring.distributed import run_epochs_in
from scoring.errors import TrainingError
from scoring.fitting import fit_detector
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.order import Order
from scoring.outliers import Outliers
from scoring.preprocessing import Preprocessing
from scoring.processes import ONE, Processes
from scoring.ranks import ALONE, Ranks
from scoring.reports import EpochReport, Hooks, StepLosses, StepReport, Tally
from scoring.retrain import retraining
from scoring.run import (
    Run,
    Training,
    TrainResult,
    check_frames,
    draw_noise,
    finished,
    go_on,
    network,
    randomness,
    run_epoch,
)
from scoring.score import choose_device, to_input
from scoring.steps import train_step
from scoring.vae import place

__all__ = [
    "Checkpoint",
    "EpochReport",
    "Outliers",
    "StepReport",
    "TrainConfig",
    "TrainResult",
    "load_checkpoint",
    "train",
]


def train(
    train_pixels: Pixels | Sequence[Pixels],
    heldout_pixels: Pixels | Sequence[Pixels],
    config: TrainConfig,
    *,
    outliers: Outliers | None = None,
    preprocessing: Preprocessing | None = None,
    start_from: Detector | None = None,
    resume: Checkpoint | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_checkpoint: Callable[[bytes], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str | torch.device | None = None,
    processes: Processes = ONE,
) -> TrainResult:
    """Trains on uint8 frames (N, H, W, 3), one array or one per pack, and keeps the epoch with the least held-out loss.

    outliers: frames that don't belong, with which `start_from` is retrained (scoring/retrain.py). preprocessing: how
    the frames were prepared, recorded with the model. start_from: begin with its weights. resume: go on from a
    checkpoint of the same set and configuration; on the CPU the result is, to the bit, that of an uninterrupted
    training. processes: several share every batch, one on each GPU (scoring/distributed.py); the result is that of one
    up to rounding, and either goes on from the other's checkpoints. Raises TrainingError for a set or configuration
    that can't be trained, Stopped between two steps once `should_stop` is true, ProcessError when one of several
    processes fails.
    """
    order = Order(FrameSet(train_pixels), FrameSet(heldout_pixels), config, outliers, preprocessing, start_from, resume)
    hooks, training = Hooks(on_step, on_epoch, on_checkpoint, should_stop), prepare(order, device=device)
    count = processes.fitting(config, len(order.frames), retrains=outliers is not None)
    if count == 1 or training.is_over:
        training.run_epochs(hooks)
    else:
        epochs = run_epochs_in(replace(processes, count=count), order, hooks, device=training.run.device)
        go_on(training.run, epochs)
    return training.finish()


def prepare(order: Order, *, device: str | torch.device | None = None, ranks: Ranks = ALONE) -> Training:
    """What has been ordered, ready to go, or to go on, as one of `ranks`. Raises TrainingError."""
    _check_start(order.start_from, order.outliers, order.preprocessing)
    if order.outliers is not None and order.start_from is not None:
        training = retraining(
            order.frames, order.heldout, order.outliers, order.config, order.start_from, device=device, ranks=ranks
        )
    else:
        training = _training(order, choose_device(device), ranks)
    if order.resume is not None:
        go_on(training.run, order.resume)
    return training


def _training(order: Order, device: torch.device, ranks: Ranks) -> Training:
    """A head learns from outliers, and here there are none."""
    frames, heldout = order.frames, order.heldout
    config = replace(order.config, vae=replace(order.config.vae, head=0))
    check_frames(frames, heldout, (config.vae.height, config.vae.width))
    run = _begin(config, len(frames), len(heldout), device, order.start_from, ranks)

    def finish() -> TrainResult:
        run.model.load_state_dict(run.best)
        prepared = order.preprocessing or (order.start_from or plain(run.model)).preprocessing
        return finished(run, fit_detector(run.model, frames, prepared, device=run.device), heldout)

    best = True if config.keep == "last" else None
    return Training(run, heldout, partial(_train_epoch, run, frames), best=best, finish=finish)


def _check_start(start_from: Detector | None, outliers: Outliers | None, preprocessing: Preprocessing | None) -> None:
    if outliers is not None and start_from is None:
        raise TrainingError("Outliers can only retrain a version: say which one to go on from.")
    if None not in (start_from, preprocessing) and start_from.preprocessing != preprocessing:  # type: ignore[union-attr]
        raise TrainingError(
            f"The frames were prepared as {preprocessing}, those of the version to go on from as "
            f"{start_from.preprocessing}: start fresh instead."  # type: ignore[union-attr]
        )


def _begin(
    config: TrainConfig, frames: int, heldout: int, device: torch.device, start_from: Detector | None, ranks: Ranks
) -> Run:
    weights = {} if start_from is None else start_from.vae.state_dict()
    kept = {key: value for key, value in weights.items() if not key.startswith("head.")}
    model = ranks.prepared(place(network(config, kept), device))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    progress = Progress(train_frames=frames, heldout_frames=heldout)
    counts = config.epochs_for(frames), config.steps_per_epoch(frames)
    return Run(config, model, optimizer, device, progress, *counts, lr=config.lr, best={}, ranks=ranks)


def _train_epoch(run: Run, frames: FrameSet, hooks: Hooks) -> Tally:
    rng, generator = randomness(run)

    def step(indices: NDArray[np.int64]) -> StepLosses | None:
        count, rows = len(indices), run.ranks.rows(len(indices))
        lots = draw_lots(count, rng)[rows]
        x = augmented(to_input(frames.take(indices[rows]), run.device), run.config, lots)
        noise, weight = draw_noise(run, count, generator)[rows], run.ranks.weight(count)
        return train_step(run.network, run.optimizer, x, run.config, noise, weight)

    return run_epoch(run, _batches(run, len(frames), rng), step, len, hooks)


def _batches(run: Run, frames: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Indices of each step of an epoch: whole passes in random order, cut into batches of nearly equal size, so that
    no batch is too small for batch normalisation."""
    per_pass = batches_per_pass(frames, run.config.batch_size)
    for _ in range(run.steps_per_epoch // per_pass):
        yield from np.array_split(rng.permutation(frames), per_pass)
