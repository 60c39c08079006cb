"""What a model and a training can be told, checked, and as JSON. No torch here, so that a web page can check a form."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from scoring.errors import ModelError, TrainingError

# Batches of 16 reach in 450 steps the held-out loss of 600 steps of 32, for 0.4 of the work; on a few hundred frames
# more steps only learn them by heart.
STEPS, BATCH_SIZE = 450, 16
MIN_STEPS_PER_EPOCH = 20
MIN_EPOCHS = 6
# At 1.5e-3 the KL of the wide model leaps to 20 000 in its second step.
PRESET_LR = {"small": 1.5e-3, "article": 3e-4, "large": 1e-3}
PRECISIONS = ("auto", "fp32", "bf16")
LOSSES = ("squared", "relative")
KEEPS = ("best", "last")
FIRST_CHANNELS, MOST_CHANNELS = 24, 384
SMALLEST_SIDES = 3.75, 5.0  # height and width after the last stage, as 60 x 80 has after four


@dataclass(frozen=True)
class VAEConfig:
    """Shape of a model. `channels` is one entry per stage, each halving height and width; `hidden` is the width of a
    dense layer between the convolutions and the latent space, `head` that of the classifier on the posterior mean, each
    0 for none. Raises ModelError when it can't be built."""

    height: int = 60
    width: int = 80
    channels: tuple[int, ...] = (24, 48, 96, 192)
    latent: int = 64
    hidden: int = 0
    beta: float = 1.0
    head: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", _as_channels(self.channels))
        _check_model_size("The number of stages", len(self.channels), 1, 8)
        for size in self.channels:
            _check_model_size("The channels of a stage", size, 1, 4096)
        smallest = 2 ** len(self.channels)
        _check_model_size("The input height", self.height, smallest, 2048)
        _check_model_size("The input width", self.width, smallest, 2048)
        _check_model_size("The latent size", self.latent, 1, 8192)
        _check_model_size("The hidden size", self.hidden, 0, 65536)
        _check_model_size("The width of the head", self.head, 0, 4096)
        if isinstance(self.beta, bool) or not isinstance(self.beta, (int, float)) or not 0 <= self.beta <= 1000:
            raise ModelError(f"beta must be a number from 0 to 1000, not {self.beta!r}.")

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of the input and after each stage."""
        return [(self.height >> i, self.width >> i) for i in range(len(self.channels) + 1)]


def presets() -> dict[str, VAEConfig]:
    """The named shapes: `small` has 1.3 M parameters, `article` about 100 M, `large` 6 M for 120 x 160; with another
    size its depth follows."""
    return {
        "small": VAEConfig(),
        "article": VAEConfig(channels=(128, 256, 512, 1024), hidden=2500, latent=128),
        "large": VAEConfig(120, 160, channels_for(120, 160), latent=128),
    }


def channels_for(height: int, width: int) -> tuple[int, ...]:
    """The stages of the `large` preset for frames of any size: as many as leave about 4 x 5 positions."""
    room = min(height / SMALLEST_SIDES[0], width / SMALLEST_SIDES[1])
    stages = min(max(round(math.log2(max(room, 1))), 1), 8)
    return tuple(min(FIRST_CHANNELS * 2**stage, MOST_CHANNELS) for stage in range(stages))


def config_from(values: Mapping[str, Any], base: VAEConfig | None = None) -> VAEConfig:
    """A configuration from JSON values over `base`. Raises ModelError on an unknown name or a bad value."""
    unknown = sorted(set(values) - {field.name for field in fields(VAEConfig)})
    if unknown:
        raise ModelError(f"The model configuration has no setting named {unknown[0]!r}.")
    return replace(base or VAEConfig(), **values)


@dataclass(frozen=True)
class OutlierConfig:
    """How a retraining with outliers goes; figures: docs/decisions.md. steps of batch_in frames that belong and
    batch_out that don't, with a learning rate that falls from lr. An outlier's loss is pushed up to a margin of
    margin_times the median loss of frames that belong + margin_more (for 60 x 80, growing with the size), with weight
    `hinge`; a head of `head` units on the posterior mean tells the two apart, its cross entropy with weight
    `head_weight`."""

    steps: int = 200
    batch_in: int = 32
    batch_out: int = 16
    lr: float = 5e-4
    hinge: float = 0.5
    margin_times: float = 3.0
    margin_more: float = 300.0
    head: int = 32
    head_weight: float = 60.0

    def __post_init__(self) -> None:
        _check_whole("outliers.steps", self.steps, 1, 100_000_000)
        _check_whole("outliers.batch_in", self.batch_in, 2, 65_536)
        _check_whole("outliers.batch_out", self.batch_out, 1, 65_536)
        _check_whole("outliers.head", self.head, 1, 4096)
        _check_number("outliers.lr", self.lr, 0.0, math.inf)
        for name in ("hinge", "margin_times", "margin_more", "head_weight"):
            _check_number(f"outliers.{name}", getattr(self, name), 0.0, math.inf, least=True)

    @classmethod
    def from_json(cls, values: object) -> OutlierConfig:
        """Raises TrainingError on unknown names and bad values."""
        if not isinstance(values, Mapping):
            raise TrainingError("outliers must be an object of settings.")
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise TrainingError(f"A retraining has no setting named {unknown[0]!r}.")
        return cls(**values)


@dataclass(frozen=True)
class TrainConfig:
    """Raises TrainingError for a value that can't be used.

    epochs: None chooses as many as make about `steps` steps, but at least 6. An epoch is one pass over the training
    frames, or as many whole passes as make 20 steps. patience: epochs without a better held-out loss before the
    training ends. keep: whether the weights of the "best" or of the "last" epoch are kept. flip, crop, jitter: how
    frames are varied (scoring/augment.py). clip: largest norm of a gradient. precision: "auto" is bf16 on CUDA and on
    CPUs that have bf16 instructions, fp32 elsewhere. loss: "squared" error, or "relative" to each frame's own
    variance, which favours neither busy nor flat frames.
    heldout_fraction: share of the frames kept aside, by whole videos (scoring/splits.py).
    outliers: used only when there are any.
    """

    preset: str = "small"
    vae: VAEConfig = field(default_factory=VAEConfig)
    epochs: int | None = None
    steps: int = STEPS
    batch_size: int = BATCH_SIZE
    lr: float = PRESET_LR["small"]
    clip: float = 100.0
    flip: bool = True
    crop: float = 0.8
    jitter: float = 0.1
    patience: int = 10
    keep: str = "best"
    seed: int = 0
    heldout_fraction: float = 0.2
    target_tpr: float = 0.95
    precision: str = "auto"
    loss: str = "squared"
    outliers: OutlierConfig = field(default_factory=OutlierConfig)

    def __post_init__(self) -> None:
        _check_whole("epochs", self.epochs, 1, 10_000, optional=True)
        _check_whole("steps", self.steps, 1, 100_000_000)
        _check_whole("batch_size", self.batch_size, 2, 65_536)
        _check_whole("patience", self.patience, 1, 10_000)
        _check_whole("seed", self.seed, 0, 2**31 - 1)
        _check_number("lr", self.lr, 0.0, math.inf)
        _check_number("clip", self.clip, 0.0, math.inf)
        _check_number("heldout_fraction", self.heldout_fraction, 0.0, 0.9)
        _check_number("target_tpr", self.target_tpr, 0.0, 1.0)
        _check_number("crop", self.crop, 0.1, 1.0, least=True, most=True)
        _check_number("jitter", self.jitter, 0.0, 1.0, least=True)
        if not isinstance(self.flip, bool):
            raise TrainingError("flip must be true or false.")
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("loss", self.loss, LOSSES)
        _check_choice("keep", self.keep, KEEPS)

    @classmethod
    def from_json(cls, source: str | Mapping[str, Any]) -> TrainConfig:
        """From JSON text or values. `vae` overrides single settings of the preset, which also brings its learning
        rate. Raises TrainingError on unknown names and bad values, ModelError on a bad `vae`."""
        values = _parse(source)
        unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
        if unknown:
            raise TrainingError(f"The training has no setting named {unknown[0]!r}.")
        preset = values.get("preset", "small")
        if not isinstance(preset, str) or preset not in presets():
            raise TrainingError(f"There is no preset {preset!r}; there are {', '.join(presets())}.")
        overrides = values.get("vae", {})
        if not isinstance(overrides, Mapping):
            raise TrainingError("vae must be an object of model settings.")
        vae = config_from(_with_depth(overrides, preset), presets()[preset])
        outliers = OutlierConfig.from_json(values.get("outliers", {}))
        return cls(**{"lr": PRESET_LR[preset], **values, "preset": preset, "vae": vae, "outliers": outliers})

    def as_json(self) -> dict[str, Any]:
        """Values that `from_json` turns back into this configuration."""
        return {**asdict(self), "vae": {**asdict(self.vae), "channels": list(self.vae.channels)}}

    def steps_per_epoch(self, frames: int) -> int:
        """Steps of one epoch over `frames` training frames; every pass has batches of nearly equal size."""
        per_pass = batches_per_pass(frames, self.batch_size)
        return per_pass * math.ceil(MIN_STEPS_PER_EPOCH / per_pass)

    def epochs_for(self, frames: int) -> int:
        """How many epochs a training on `frames` frames runs at most."""
        return self.epochs or max(MIN_EPOCHS, math.ceil(self.steps / self.steps_per_epoch(frames)))

    @property
    def retrain_epochs(self) -> int:
        """How many epochs a retraining with outliers runs."""
        return self.epochs or math.ceil(self.outliers.steps / MIN_STEPS_PER_EPOCH)


def batches_per_pass(frames: int, batch_size: int) -> int:
    """Batches that hold `frames` frames once, none larger than `batch_size`."""
    return math.ceil(frames / batch_size)


def _with_depth(overrides: Mapping[str, Any], preset: str) -> Mapping[str, Any]:
    """The settings, with the depth that the size asks for where the preset leaves it open."""
    size = [overrides.get(name, getattr(presets()[preset], name)) for name in ("height", "width")]
    known = all(type(side) is int and 0 < side <= 2048 for side in size)
    if preset != "large" or "channels" in overrides or not known:
        return overrides
    return {**overrides, "channels": channels_for(*size)}


def _parse(source: str | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(source, str):
        return dict(source)
    try:
        values = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise TrainingError(f"The training configuration is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise TrainingError("The training configuration must be a JSON object.")
    return values


def _as_channels(value: object) -> tuple[int, ...]:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)):
        raise ModelError("channels must be a list of whole numbers, one for each stage.")
    return tuple(value)


def _check_model_size(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ModelError(f"{name} must be a whole number from {low} to {high}, not {value!r}.")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise TrainingError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")


def _check_whole(name: str, value: object, low: int, high: int, *, optional: bool = False) -> None:
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise TrainingError(f"{name} must be a whole number from {low} to {high}, not {value!r}.")


def _check_number(
    name: str, value: object, low: float, high: float, *, least: bool = False, most: bool = False
) -> None:
    """least, most: whether `low` and `high` themselves will do."""
    number = not isinstance(value, bool) and isinstance(value, (int, float))
    if number and (low < value < high or (least and value == low) or (most and value == high)):  # type: ignore[operator]
        return
    reach = f"between {low:g} and {high:g}" if high < math.inf else f"{'at least' if least else 'above'} {low:g}"
    raise TrainingError(f"{name} must be a number {reach}, not {value!r}.")
