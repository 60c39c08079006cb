"""Training: an explicit loop over epochs, with a held-out measure and a checkpoint after each one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.checkpoint import Checkpoint, Progress, load_checkpoint
from scoring.config import TrainConfig, batches_per_pass
from scoring.detector import Detector, plain
from scoring.fitting import fit_detector
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.preprocessing import Preprocessing
from scoring.reports import EpochReport, Hooks, StepReport, Tally
from scoring.run import Run, check_frames, close_epoch, go_on, network, randomness, run_epoch
from scoring.score import Scorer, Scores, choose_device, to_input
from scoring.steps import train_step
from scoring.vae import VAE, place

__all__ = ["Checkpoint", "EpochReport", "StepReport", "TrainConfig", "TrainResult", "load_checkpoint", "train"]


@dataclass(frozen=True)
class TrainResult:
    """detector: of the best epoch, on the CPU. heldout: its scores of the held-out frames, in their order. history: one
    object of numbers per epoch, those before a resume included."""

    detector: Detector
    best_epoch: int
    history: tuple[dict[str, Any], ...]
    heldout: Scores
    skipped_steps: int

    @property
    def model(self) -> VAE:
        """The detector's network."""
        return self.detector.vae

    @property
    def heldout_losses(self) -> NDArray[np.float64]:
        """Reconstruction losses of the held-out frames (M,)."""
        return self.heldout.reconstruction_loss


def train(
    train_pixels: Pixels | Sequence[Pixels],
    heldout_pixels: Pixels | Sequence[Pixels],
    config: TrainConfig,
    *,
    preprocessing: Preprocessing | None = None,
    start_from: Detector | None = None,
    resume: Checkpoint | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_checkpoint: Callable[[bytes], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str | torch.device | None = None,
) -> TrainResult:
    """Trains on uint8 frames (N, H, W, 3), one array or one per pack, and keeps the epoch with the least held-out loss.

    preprocessing: how the frames were prepared, recorded with the model. start_from: begin with its weights. resume: go
    on from a checkpoint of the same set and configuration; on the CPU the result is, to the bit, that of an
    uninterrupted training. Raises TrainingError for a set or configuration that can't be trained, Stopped between two
    steps once `should_stop` is true.
    """
    frames, heldout = FrameSet(train_pixels), FrameSet(heldout_pixels)
    config = replace(config, vae=replace(config.vae, head=0))  # a head learns from outliers, and here there are none
    check_frames(frames, heldout, (config.vae.height, config.vae.width))
    hooks = Hooks(on_step, on_epoch, on_checkpoint, should_stop)
    run = _begin(config, len(frames), len(heldout), choose_device(device), start_from)
    if resume is not None:
        go_on(run, resume)
    while run.progress.epoch < run.epochs and run.progress.epoch - run.progress.best_epoch < config.patience:
        began = time.monotonic()
        tally = _train_epoch(run, frames, hooks)
        close_epoch(run, tally, heldout, hooks, began)
    run.model.load_state_dict(run.best)
    detector = fit_detector(run.model, frames, preprocessing or plain(run.model).preprocessing, device=run.device)
    return finished(run, detector, heldout)


def finished(run: Run, detector: Detector, heldout: FrameSet) -> TrainResult:
    """The result of a run whose detector has been fitted."""
    scores = Scorer(detector, run.device).score_set(heldout)
    for model in filter(None, (detector.vae, detector.anchor)):
        model.cpu()
    progress = run.progress
    return TrainResult(detector, progress.best_epoch, progress.history, scores, progress.skipped_steps)


def _begin(config: TrainConfig, frames: int, heldout: int, device: torch.device, start_from: Detector | None) -> Run:
    weights = {} if start_from is None else start_from.vae.state_dict()
    kept = {key: value for key, value in weights.items() if not key.startswith("head.")}
    model = place(network(config, kept), device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    progress = Progress(train_frames=frames, heldout_frames=heldout)
    counts = config.epochs_for(frames), config.steps_per_epoch(frames)
    return Run(config, model, optimizer, device, progress, *counts, lr=config.lr, best={})


def _train_epoch(run: Run, frames: FrameSet, hooks: Hooks) -> Tally:
    rng, generator = randomness(run)
    batches = (_flipped(frames.take(indices), run.config, rng) for indices in _batches(run, len(frames), rng))
    return run_epoch(
        run,
        batches,
        lambda batch: train_step(run.model, run.optimizer, to_input(batch, run.device), run.config, generator),
        len,
        hooks,
    )


def _batches(run: Run, frames: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Indices of each step of an epoch: whole passes in random order, cut into batches of nearly equal size, so that
    no batch is too small for batch normalisation."""
    per_pass = batches_per_pass(frames, run.config.batch_size)
    for _ in range(run.steps_per_epoch // per_pass):
        yield from np.array_split(rng.permutation(frames), per_pass)


def _flipped(batch: Pixels, config: TrainConfig, rng: np.random.Generator) -> Pixels:
    """The batch with about half of its frames mirrored left to right."""
    if config.flip:
        mirrored = rng.random(len(batch)) < 0.5
        batch[mirrored] = batch[mirrored, :, ::-1]
    return batch
