"""Training: an explicit loop over epochs, with a held-out measure and a checkpoint after each one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.checkpoint import Checkpoint, Progress, load_checkpoint, restore, save_checkpoint
from scoring.config import TrainConfig, batches_per_pass
from scoring.errors import Stopped, TrainingError
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.reports import EpochReport, Hooks, StepReport, Tally
from scoring.score import Scorer, Scores, autocast, choose_device, to_input
from scoring.vae import VAE, kl_divergence, place, reconstruction_loss

__all__ = ["Checkpoint", "EpochReport", "StepReport", "TrainConfig", "TrainResult", "load_checkpoint", "train"]

MIN_FRAMES = 8
MAX_BAD_STEPS = 20
SAMPLES = 8


@dataclass(frozen=True)
class TrainResult:
    """The model of the best epoch, in evaluation mode on the CPU. heldout: its scores of the held-out frames, in their
    order. history: one object of numbers per epoch, those before a resume included."""

    model: VAE
    best_epoch: int
    history: tuple[dict[str, Any], ...]
    heldout: Scores
    skipped_steps: int

    @property
    def heldout_losses(self) -> NDArray[np.float64]:
        """Reconstruction losses of the held-out frames (M,)."""
        return self.heldout.reconstruction_loss


@dataclass
class Run:
    """What changes while the loop runs."""

    config: TrainConfig
    model: VAE
    optimizer: torch.optim.Optimizer
    device: torch.device
    progress: Progress
    epochs: int
    steps_per_epoch: int
    best: dict[str, Tensor]
    bad_in_a_row: int = 0


def train(
    train_pixels: Pixels | Sequence[Pixels],
    heldout_pixels: Pixels | Sequence[Pixels],
    config: TrainConfig,
    *,
    start_from: VAE | None = None,
    resume: Checkpoint | None = None,
    on_step: Callable[[StepReport], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    on_checkpoint: Callable[[bytes], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str | torch.device | None = None,
) -> TrainResult:
    """Trains on uint8 frames (N, H, W, 3), one array or one per pack, and keeps the epoch with the least held-out loss.

    start_from: begin with these weights. resume: go on from a checkpoint of the same set and configuration; on the CPU
    the result is, to the bit, that of an uninterrupted training. Raises TrainingError for a set or configuration that
    can't be trained, Stopped between two steps once `should_stop` is true.
    """
    frames, heldout = FrameSet(train_pixels), FrameSet(heldout_pixels)
    _check_frames(frames, heldout, config)
    hooks = Hooks(on_step, on_epoch, on_checkpoint, should_stop)
    run = _begin(config, len(frames), len(heldout), choose_device(device), start_from)
    if resume is not None:
        _go_on(run, resume)
    while run.progress.epoch < run.epochs and run.progress.epoch - run.progress.best_epoch < config.patience:
        began = time.monotonic()
        tally = _run_epoch(run, frames, hooks)
        _close_epoch(run, tally, heldout, hooks, began)
    return _finish(run, heldout)


def train_step(
    model: VAE, optimizer: torch.optim.Optimizer, x: Tensor, config: TrainConfig, generator: torch.Generator | None
) -> tuple[float, float] | None:
    """One step on frames x (N, 3, H, W) in [0, 1]: mean reconstruction loss and KL. None when the gradient was not a
    number; weights and running statistics are then as before."""
    before = [buffer.clone() for buffer in model.buffers()]
    with autocast(x.device, bf16=uses_bf16(config, x.device)):
        reconstruction, mu, logvar = model(x, generator)
    loss, kl = reconstruction_loss(x, reconstruction).mean(), kl_divergence(mu, logvar).mean()
    optimizer.zero_grad(set_to_none=True)
    (loss + config.vae.beta * kl).backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    if not math.isfinite(norm.item()):
        for buffer, value in zip(model.buffers(), before, strict=True):
            buffer.copy_(value)
        return None
    optimizer.step()
    return loss.item(), kl.item()


def uses_bf16(config: TrainConfig, device: torch.device) -> bool:
    """Whether steps compute in bf16: when asked for, or by default where the hardware does so natively. On a CPU with
    avx512_bf16 this saved 0.37 of the time at the same AUROC."""
    if config.precision == "auto" and device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")


def _check_frames(frames: FrameSet, heldout: FrameSet, config: TrainConfig) -> None:
    if len(frames) < MIN_FRAMES:
        raise TrainingError(f"There are {len(frames)} frames to train on; at least {MIN_FRAMES} are needed.")
    if not len(heldout):
        raise TrainingError("There are no held-out frames to measure the training by.")
    expected = (config.vae.height, config.vae.width)
    for given in (frames.size, heldout.size):
        if given != expected:
            given_size, model_size = ("{} x {}".format(*size) for size in (given, expected))
            raise TrainingError(f"The frames are {given_size} pixels (height x width); the model takes {model_size}.")


def _begin(config: TrainConfig, frames: int, heldout: int, device: torch.device, start_from: VAE | None) -> Run:
    model = place(_fresh_model(config, start_from), device)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    progress = Progress(train_frames=frames, heldout_frames=heldout)
    counts = config.epochs_for(frames), config.steps_per_epoch(frames)
    return Run(config, model, optimizer, device, progress, *counts, best={})


def _fresh_model(config: TrainConfig, start_from: VAE | None) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = VAE(config.vae)
    if start_from is None:
        return model
    try:
        model.load_state_dict(start_from.state_dict())
    except RuntimeError:
        raise TrainingError("The version to go on from has another shape than this training's model.") from None
    return model


def _go_on(run: Run, checkpoint: Checkpoint) -> None:
    now, then = run.progress, checkpoint.progress
    same_set = (then.train_frames, then.heldout_frames) == (now.train_frames, now.heldout_frames)
    if checkpoint.config != run.config or not same_set:
        raise TrainingError("The checkpoint belongs to another training set or configuration.")
    restore(checkpoint, run.model, run.optimizer)
    run.best = checkpoint.part("best")
    run.progress = then


def _run_epoch(run: Run, frames: FrameSet, hooks: Hooks) -> Tally:
    """All steps of the next epoch. Raises Stopped, TrainingError."""
    run.model.train()
    rng = np.random.default_rng([run.config.seed, run.progress.epoch])
    generator = torch.Generator(run.device).manual_seed(int(rng.integers(2**62)))
    tally = Tally()
    for i, indices in enumerate(_batches(run, len(frames), rng)):
        if hooks.should_stop is not None and hooks.should_stop():
            raise Stopped("The training was stopped.")
        began = time.monotonic()
        step = run.progress.epoch * run.steps_per_epoch + i
        _set_rate(run, step)
        losses = _guarded_step(run, to_input(_flipped(frames.take(indices), run.config, rng), run.device), generator)
        tally.add(losses, len(indices), time.monotonic() - began)
        if hooks.on_step is not None:
            hooks.on_step(_step_report(run, tally, step, losses))
    return tally


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


def _set_rate(run: Run, step: int) -> None:
    done = step / (run.epochs * run.steps_per_epoch)
    for group in run.optimizer.param_groups:
        group["lr"] = run.config.lr * 0.5 * (1 + math.cos(math.pi * done))


def _guarded_step(run: Run, x: Tensor, generator: torch.Generator) -> tuple[float, float] | None:
    try:
        losses = train_step(run.model, run.optimizer, x, run.config, generator)
    except torch.OutOfMemoryError:
        message = f"The device has not enough memory for batches of {run.config.batch_size}; lower batch_size."
        raise TrainingError(message) from None
    run.bad_in_a_row = 0 if losses else run.bad_in_a_row + 1
    if run.bad_in_a_row >= MAX_BAD_STEPS:
        raise TrainingError(f"The loss was not a number for {MAX_BAD_STEPS} steps in a row; lower the learning rate.")
    return losses


def _step_report(run: Run, tally: Tally, step: int, losses: tuple[float, float] | None) -> StepReport:
    steps = run.epochs * run.steps_per_epoch
    per_step = tally.seconds / (tally.steps + tally.skipped)
    loss = None if losses is None else losses[0] + run.config.vae.beta * losses[1]
    eta_s = per_step * (steps - step - 1)
    epoch = run.progress.epoch + 1
    return StepReport(step + 1, steps, epoch, run.epochs, loss, tally.frames_per_second, eta_s)


def _close_epoch(run: Run, tally: Tally, heldout: FrameSet, hooks: Hooks, began: float) -> None:
    """Measures the epoch, keeps its weights when they are the best, and tells."""
    scorer = Scorer(run.model, run.device)
    scores = scorer.score_set(heldout)
    before = run.progress
    loss = float(np.mean(scores.reconstruction_loss + run.config.vae.beta * scores.kl))
    best = math.isfinite(loss) and (before.best_loss is None or loss < before.best_loss)
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
    report = _epoch_report(run, tally, scores, _samples(scorer, heldout), best)
    run.progress = replace(run.progress, history=(*before.history, report.as_json()))
    if hooks.on_epoch is not None:
        hooks.on_epoch(report)
    if hooks.on_checkpoint is not None:
        hooks.on_checkpoint(save_checkpoint(run.config, run.progress, run.model, run.best, run.optimizer))


def _epoch_report(run: Run, tally: Tally, scores: Scores, samples: tuple[Pixels, Pixels], best: bool) -> EpochReport:
    (loss, kl), beta, progress = tally.means(), run.config.vae.beta, run.progress
    heldout_loss, heldout_kl = float(scores.reconstruction_loss.mean()), float(scores.kl.mean())
    return EpochReport(
        epoch=progress.epoch,
        epochs=run.epochs,
        train_loss=loss + beta * kl,
        train_reconstruction_loss=loss,
        train_kl=kl,
        heldout_loss=heldout_loss + beta * heldout_kl,
        heldout_reconstruction_loss=heldout_loss,
        heldout_kl=heldout_kl,
        frames_per_second=tally.frames_per_second,
        elapsed_s=progress.elapsed_s,
        eta_s=progress.elapsed_s / progress.epoch * (run.epochs - progress.epoch),
        skipped_steps=progress.skipped_steps,
        best=best,
        samples=samples,
    )


def _samples(scorer: Scorer, heldout: FrameSet) -> tuple[Pixels, Pixels]:
    """The same few held-out frames each time, spread over the set, and what the model makes of them."""
    indices = np.unique(np.linspace(0, len(heldout) - 1, SAMPLES).astype(np.int64))
    inputs = heldout.take(indices)
    return inputs, scorer.reconstruct(inputs)


def _finish(run: Run, heldout: FrameSet) -> TrainResult:
    if not run.progress.best_epoch:
        raise TrainingError("No epoch gave a held-out loss that is a number; lower the learning rate.")
    run.model.load_state_dict(run.best)
    scores = Scorer(run.model, run.device).score_set(heldout)
    progress = run.progress
    return TrainResult(run.model.cpu(), progress.best_epoch, progress.history, scores, progress.skipped_steps)
