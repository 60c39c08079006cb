"""What a training tells about itself while it runs. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Any

from scoring.frames import Pixels


@dataclass(frozen=True)
class StepLosses:
    """Means over a step's frames. loss: what was minimised; reconstruction_loss: squared error of the frames that
    belong, whatever was minimised; hinge, head: the terms of a retraining, before their weights."""

    loss: float
    reconstruction_loss: float
    kl: float
    hinge: float = 0.0
    head: float = 0.0


@dataclass(frozen=True)
class StepReport:
    """After each step. step counts from 1 over the whole training; loss is the mean over the step's frames, None when
    the step was skipped because it was not a number."""

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float | None
    frames_per_second: float
    eta_s: float


@dataclass(frozen=True)
class EpochReport:
    """After each epoch, which counts from 1. Losses are means per frame; train_loss and heldout_loss are what is
    minimised, train_hinge and train_head 0 but in a retraining with outliers. frames_per_second is of the training
    steps. samples: inputs and reconstructions of the same <= 8 held-out frames, each uint8 (M, H, W, 3)."""

    epoch: int
    epochs: int
    train_loss: float
    train_reconstruction_loss: float
    train_kl: float
    train_hinge: float
    train_head: float
    heldout_loss: float
    heldout_reconstruction_loss: float
    heldout_kl: float
    frames_per_second: float
    elapsed_s: float
    eta_s: float
    skipped_steps: int
    best: bool
    samples: tuple[Pixels, Pixels]

    def as_json(self) -> dict[str, Any]:
        """Everything but the samples."""
        return {key: value for key, value in vars(self).items() if key != "samples"}


@dataclass(frozen=True)
class Hooks:
    """Whom to tell, and whom to ask whether to stop. on_checkpoint comes after on_epoch, with bytes for
    `load_checkpoint`."""

    on_step: Callable[[StepReport], None] | None = None
    on_epoch: Callable[[EpochReport], None] | None = None
    on_checkpoint: Callable[[bytes], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass
class Tally:
    """Running sums of one epoch's steps."""

    losses: list[StepLosses] = field(default_factory=list)
    skipped: int = 0
    frames: int = 0
    seconds: float = 0.0

    def add(self, losses: StepLosses | None, frames: int, seconds: float) -> None:
        """A step of `frames` frames with its losses, or None for a skipped one."""
        self.frames += frames
        self.seconds += seconds
        if losses is None:
            self.skipped += 1
        else:
            self.losses.append(losses)

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def frames_per_second(self) -> float:
        return self.frames / max(self.seconds, 1e-9)

    def means(self) -> StepLosses:
        """Means over the steps that were taken, 0 without any."""
        sums = [sum(values) for values in zip(*map(astuple, self.losses), strict=True)]
        return StepLosses(*(value / self.steps for value in sums)) if sums else StepLosses(0.0, 0.0, 0.0)
