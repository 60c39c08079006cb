"""A training under way: what changes while its loop runs, and what every kind of training does around its steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.checkpoint import Checkpoint, Progress, restore, save_checkpoint
from scoring.config import TrainConfig
from scoring.detector import Detector
from scoring.errors import ModelError, Stopped, TrainingError
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.ood import variance_floor
from scoring.ranks import ALONE, Network, Ranks
from scoring.reports import EpochReport, Hooks, StepLosses, StepReport, Tally
from scoring.score import Scorer, Scores
from scoring.steps import RELATIVE_WEIGHT
from scoring.vae import VAE

MIN_FRAMES = 8
MAX_BAD_STEPS = 20
SAMPLES = 8

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class TrainResult:
    """detector: of the best epoch, on the CPU. heldout: its scores of the held-out frames, in their order. history: one
    object of numbers per epoch, those before a resume included. reasons: of a retraining with outliers, how well its
    score tells each kind of them (scoring/outliers.py: by_reason)."""

    detector: Detector
    best_epoch: int
    history: tuple[dict[str, Any], ...]
    heldout: Scores
    skipped_steps: int
    reasons: tuple[dict[str, Any], ...] = ()

    @property
    def model(self) -> VAE:
        """The detector's network."""
        return self.detector.vae

    @property
    def heldout_losses(self) -> NDArray[np.float64]:
        """Reconstruction losses of the held-out frames (M,)."""
        return self.heldout.reconstruction_loss


@dataclass
class Run:
    """lr: the rate that the cosine starts at. network: the model as steps call it, which learns from all ranks."""

    config: TrainConfig
    model: VAE
    optimizer: torch.optim.Optimizer
    device: torch.device
    progress: Progress
    epochs: int
    steps_per_epoch: int
    lr: float
    best: dict[str, Tensor]
    ranks: Ranks = ALONE
    bad_in_a_row: int = 0
    network: Network = field(init=False)

    def __post_init__(self) -> None:
        self.network = self.ranks.wrapped(self.model)

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch


def check_frames(frames: FrameSet, heldout: FrameSet, size: tuple[int, int]) -> None:
    """Raises TrainingError for sets that can't be trained on or are not of `size` (height, width)."""
    if len(frames) < MIN_FRAMES:
        raise TrainingError(f"There are {len(frames)} frames to train on; at least {MIN_FRAMES} are needed.")
    if not len(heldout):
        raise TrainingError("There are no held-out frames to measure the training by.")
    for given in (frames.size, heldout.size):
        check_size(given, size)


def check_size(given: tuple[int, int], expected: tuple[int, int]) -> None:
    """Raises TrainingError when frames of a size are not what the model takes."""
    if given != expected:
        given_size, model_size = ("{} x {}".format(*size) for size in (given, expected))
        raise TrainingError(f"The frames are {given_size} pixels (height x width); the model takes {model_size}.")


def network(config: TrainConfig, weights: dict[str, Tensor]) -> VAE:
    """A network of the configuration's shape, the same for the same seed, with `weights` put in; the parts of it that
    they lack stay fresh. Raises TrainingError for weights of another shape."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = VAE(config.vae)
    try:
        model.load_state_dict({**model.state_dict(), **weights})
    except RuntimeError:
        raise TrainingError("The version to go on from has another shape than this training's model.") from None
    return model


def go_on(run: Run, checkpoint: Checkpoint) -> None:
    """Takes up the run where a checkpoint left it. Raises TrainingError when that belongs to another one."""
    now, then = run.progress, checkpoint.progress
    if checkpoint.config != run.config or then.frames != now.frames:
        raise TrainingError("The checkpoint belongs to another training set or configuration.")
    restore(checkpoint, run.model, run.optimizer)
    run.best = checkpoint.part("best")
    run.progress = then


def run_epoch(
    run: Run,
    batches: Iterable[Batch],
    step: Callable[[Batch], StepLosses | None],
    frames_in: Callable[[Batch], int],
    hooks: Hooks,
) -> Tally:
    """All steps of the next epoch, one for each batch. Raises Stopped, TrainingError."""
    run.model.train()
    tally = Tally()
    for i, batch in enumerate(batches):
        if run.ranks.any(hooks.should_stop is not None and hooks.should_stop()):
            raise Stopped("The training was stopped.")
        began = time.monotonic()
        number = run.progress.epoch * run.steps_per_epoch + i
        _set_rate(run, number)
        losses = _guarded(run, step, batch)
        tally.add(losses, frames_in(batch), time.monotonic() - began)
        if hooks.on_step is not None:
            hooks.on_step(_step_report(run, tally, number, losses))
    return tally


def randomness(run: Run) -> tuple[np.random.Generator, torch.Generator]:
    """The next epoch's random numbers, on the host and on the device: they depend on nothing but seed and epoch."""
    rng = np.random.default_rng([run.config.seed, run.progress.epoch])
    return rng, torch.Generator(run.device).manual_seed(int(rng.integers(2**62)))


def draw_noise(run: Run, count: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers (N, latent) for the posteriors of a whole batch."""
    return torch.randn(count, run.config.vae.latent, generator=generator, device=run.device)


def _set_rate(run: Run, step: int) -> None:
    for group in run.optimizer.param_groups:
        group["lr"] = run.lr * 0.5 * (1 + math.cos(math.pi * step / run.steps))


def _guarded(run: Run, step: Callable[[Batch], StepLosses | None], batch: Batch) -> StepLosses | None:
    try:
        losses = step(batch)
    except torch.OutOfMemoryError:
        message = f"The device has not enough memory for batches of {run.config.batch_size}; lower batch_size."
        raise TrainingError(message) from None
    if losses is not None:  # or none of the ranks has any: they all see the same gradient
        losses = StepLosses(*run.ranks.mean(astuple(losses)))
    run.bad_in_a_row = 0 if losses else run.bad_in_a_row + 1
    if run.bad_in_a_row >= MAX_BAD_STEPS:
        raise TrainingError(f"The loss was not a number for {MAX_BAD_STEPS} steps in a row; lower the learning rate.")
    return losses


def _step_report(run: Run, tally: Tally, step: int, losses: StepLosses | None) -> StepReport:
    per_step = tally.seconds / (tally.steps + tally.skipped)
    loss, eta_s = None if losses is None else losses.loss, per_step * (run.steps - step - 1)
    return StepReport(step + 1, run.steps, run.progress.epoch + 1, run.epochs, loss, tally.frames_per_second, eta_s)


def measured(run: Run, heldout: FrameSet) -> Scores:
    """The network's scores of the held-out frames as it is now. Raises TrainingError when they are not numbers."""
    try:
        return Scorer(run.model, run.device, activations=False).score_set(heldout)
    except ModelError:
        epoch = run.progress.epoch + 1
        raise TrainingError(
            f"The held-out loss was not a number after epoch {epoch}; lower the learning rate."
        ) from None


def objective(scores: Scores, config: TrainConfig) -> float:
    """Mean of what a training minimises, over scored frames."""
    error = scores.reconstruction_loss
    if config.loss == "relative":
        error = RELATIVE_WEIGHT * error / (scores.variance + variance_floor(config.vae.height * config.vae.width))
    return float(np.mean(error + config.vae.beta * scores.kl))


def close_epoch(
    run: Run, tally: Tally, heldout: FrameSet, hooks: Hooks, began: float, *, best: bool | None = None
) -> None:
    """Measures the epoch, keeps its weights when they are the best, or when `best` says so, and tells. The first rank
    does all this, the others only hear which epoch is the best by now."""
    if run.ranks.is_first:
        _measure_epoch(run, tally, heldout, hooks, began, best)
    else:
        run.progress = replace(run.progress, epoch=run.progress.epoch + 1)
    run.progress = replace(run.progress, best_epoch=int(run.ranks.from_first(run.progress.best_epoch)))


def _measure_epoch(run: Run, tally: Tally, heldout: FrameSet, hooks: Hooks, began: float, best: bool | None) -> None:
    scores, before = measured(run, heldout), run.progress
    loss = objective(scores, run.config)
    if best is None:
        best = before.best_loss is None or loss < before.best_loss
    if best:
        run.best = {key: value.detach().clone() for key, value in run.model.state_dict().items()}
    run.progress = replace(
        before,
        epoch=before.epoch + 1,
        best_epoch=before.epoch + 1 if best else before.best_epoch,
        best_loss=loss if best else before.best_loss,
        skipped_steps=before.skipped_steps + tally.skipped,
        elapsed_s=before.elapsed_s + time.monotonic() - began,
    )
    report = _epoch_report(run, tally, scores, loss, _samples(run, heldout), best)
    run.progress = replace(run.progress, history=(*before.history, report.as_json()))
    if hooks.on_epoch is not None:
        hooks.on_epoch(report)
    if hooks.on_checkpoint is not None:
        hooks.on_checkpoint(save_checkpoint(run.config, run.progress, run.model, run.best, run.optimizer))


def _epoch_report(
    run: Run, tally: Tally, scores: Scores, loss: float, samples: tuple[Pixels, Pixels], best: bool
) -> EpochReport:
    means, progress = tally.means(), run.progress
    return EpochReport(
        epoch=progress.epoch,
        epochs=run.epochs,
        train_loss=means.loss,
        train_reconstruction_loss=means.reconstruction_loss,
        train_kl=means.kl,
        train_hinge=means.hinge,
        train_head=means.head,
        heldout_loss=loss,
        heldout_reconstruction_loss=float(scores.reconstruction_loss.mean()),
        heldout_kl=float(scores.kl.mean()),
        frames_per_second=tally.frames_per_second,
        elapsed_s=progress.elapsed_s,
        eta_s=progress.elapsed_s / progress.epoch * (run.epochs - progress.epoch),
        skipped_steps=progress.skipped_steps,
        best=best,
        samples=samples,
    )


def _samples(run: Run, heldout: FrameSet) -> tuple[Pixels, Pixels]:
    """The same few held-out frames each time, spread over the set, and what the model makes of them."""
    indices = np.unique(np.linspace(0, len(heldout) - 1, SAMPLES).astype(np.int64))
    inputs = heldout.take(indices)
    return inputs, Scorer(run.model, run.device).reconstruct(inputs)


@dataclass(frozen=True)
class Training:
    """A training that is ready to go. epoch: takes the steps of the next epoch; best: see `close_epoch`; finish: makes
    the result of the run's weights once its epochs are over."""

    run: Run
    heldout: FrameSet
    epoch: Callable[[Hooks], Tally]
    best: bool | None
    finish: Callable[[], TrainResult]

    @property
    def is_over(self) -> bool:
        progress, config = self.run.progress, self.run.config
        return progress.epoch >= self.run.epochs or progress.epoch - progress.best_epoch >= config.patience

    def run_epochs(self, hooks: Hooks) -> None:
        """All that are left. Raises Stopped, TrainingError."""
        while not self.is_over:
            began = time.monotonic()
            tally = self.epoch(hooks)
            close_epoch(self.run, tally, self.heldout, hooks, began, best=self.best)


def finished(run: Run, detector: Detector, heldout: FrameSet, reasons: tuple[dict[str, Any], ...] = ()) -> TrainResult:
    """The result of a run whose detector has been fitted."""
    scores = Scorer(detector, run.device).score_set(heldout)
    detector.vae.cpu()
    if detector.retrained is not None:
        detector.retrained.anchor.cpu()
    progress = run.progress
    return TrainResult(detector, progress.best_epoch, progress.history, scores, progress.skipped_steps, reasons)
