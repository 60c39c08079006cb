"""What a detector says about frames, in one pass: losses, the outlier score, activations, reconstructions. The plain
PyTorch reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring import ood
from scoring.detector import Detector, plain
from scoring.errors import ModelError
from scoring.features import Activations, rounded
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.inference import Inference
from scoring.ood import Values
from scoring.packs import Inputs
from scoring.preprocessing import Preprocessing
from scoring.structure import on_device, structure_loss
from scoring.vae import (
    VAE,
    absolute_error,
    fitted_loss,
    image_variance,
    kl_divergence,
    place,
    pooled,
    reconstruction_loss,
)

CPU_BATCH, CUDA_BATCH = 32, 512

T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """One float64 array (N,) per measure, all finite. reconstruction_loss: squared error summed over H x W x 3 in
    [0, 1]; l1: absolute error likewise; variance: squared deviation from the frame's mean colour likewise; kl: nats;
    ood_score: scoring/ood.py, higher is more outlying. activations: pooled, (N, D) float16, for recalibration; None
    when they were not asked for."""

    reconstruction_loss: Values
    l1: Values
    kl: Values
    variance: Values
    ood_score: Values
    activations: Activations | None = None

    def __len__(self) -> int:
        return len(self.reconstruction_loss)


@dataclass(frozen=True)
class Measured:
    """What one pass over N frames gave: losses as in Scores; fitted_loss: squared error after a fit of brightness and
    contrast (scoring/vae.py); structure_loss: that of the structure model, None without one; parts (N,) of an anchored
    score, none of a fresh model; activations: pooled, (N, D) float16."""

    reconstruction_loss: Values
    fitted_loss: Values
    structure_loss: Values | None
    l1: Values
    kl: Values
    variance: Values
    parts: dict[str, Values]
    activations: Activations


class Scorer:
    """Scores frames with one detector; a bare network scores as one that saw no outlier. Takes the posterior mean in
    evaluation mode, so a frame always gets the same number, whatever it is scored with. On CUDA it computes in bf16,
    and halves its batch when memory runs out. Raises ModelError for frames of another size than the model's, and for a
    frame of which the model makes no finite number."""

    def __init__(
        self,
        detector: Detector | VAE,
        device: str | torch.device | None = None,
        batch_size: int | None = None,
        *,
        activations: bool = True,
    ) -> None:
        self.device = choose_device(device)
        self.detector = plain(detector) if isinstance(detector, VAE) else detector
        self.model = place(self.detector.vae, self.device).eval()
        self._network = _laid_out(self.model, self.device)
        retrained = self.detector.retrained
        self._anchor = (
            None if retrained is None else _laid_out(place(retrained.anchor, self.device).eval(), self.device)
        )
        structure = self.detector.structure
        self._structure = None if structure is None else on_device(structure, self.device)
        self.with_activations = activations
        self.batch_size = batch_size or (CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH)

    def score_inputs(self, inputs: Inputs) -> Scores:
        """Scores of a pack's frames. Raises ModelError too when they were prepared in another way than the model's."""
        self.check(inputs.preprocessing)
        return self.score(inputs.pixels)

    def check(self, preprocessing: Preprocessing) -> None:
        """Raises ModelError when frames prepared like this are not what the model learned from."""
        if preprocessing != self.detector.preprocessing:
            raise ModelError(
                f"The frames were prepared as {preprocessing}; this model takes {self.detector.preprocessing}. "
                "Extract the video again, or use a model that was trained on such frames."
            )

    def score(self, pixels: Pixels) -> Scores:
        """Scores of uint8 frames (N, H, W, 3)."""
        return self.score_set(FrameSet(pixels))

    def score_set(self, frames: FrameSet) -> Scores:
        """Scores of a whole set, a batch in memory at a time."""
        return _joined([self._scores(found) for found in self._in_batches(frames, self._measure_batch)], self._none())

    def measure(self, frames: FrameSet) -> Measured:
        """What the scores of a set, not an empty one, are made of."""
        return _gathered(list(self._in_batches(frames, self._measure_batch)))

    def reconstruct(self, pixels: Pixels) -> Pixels:
        """What the model makes of uint8 frames (N, H, W, 3): the same shape and type."""
        batches = list(self._in_batches(FrameSet(pixels), self._reconstruct_batch))
        return np.concatenate(batches) if batches else pixels[:0].copy()

    def _in_batches(self, frames: FrameSet, work: Callable[[Tensor], T]) -> Iterator[T]:
        _check_size(frames, self.model)
        start = 0
        while start < len(frames):
            batch = frames.take(np.arange(start, min(start + self.batch_size, len(frames))))
            try:
                result = self._on_device(batch, work)
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise ModelError("The device has not enough memory to score a single frame.") from None
                self.batch_size //= 2
                continue
            yield result
            start += len(batch)

    def _on_device(self, batch: Pixels, work: Callable[[Tensor], T]) -> T:
        with torch.inference_mode(), autocast(self.device, bf16=self.device.type == "cuda"):
            return work(to_input(batch, self.device))

    def _measure_batch(self, x: Tensor) -> Measured:
        found, retrained = self._measure_with(self._network, x), self.detector.retrained
        if retrained is not None and self._anchor is not None:
            before, pixels = self._measure_with(self._anchor, x), x.shape[2] * x.shape[3]
            found.parts.update(
                start=retrained.start.score(before.activations, label_free(before, pixels)),
                verdicts=retrained.verdicts.score(found.activations, label_free(found, pixels)),
            )
        return found

    def _measure_with(self, model: VAE | Inference, x: Tensor) -> Measured:
        stages = model.features(x)
        mu, logvar = model.moments(stages[-1])
        # Colours apart: sums over pixels of three values each would take three times as long.
        x, reconstruction = x.contiguous(), model.decode(mu).contiguous()
        activations = pooled(stages).cpu().numpy()
        found = Measured(
            reconstruction_loss=_numbers(reconstruction_loss(x, reconstruction)),
            fitted_loss=_numbers(fitted_loss(x, reconstruction)),
            structure_loss=None if self._structure is None else _numbers(structure_loss(x, self._structure)),
            l1=_numbers(absolute_error(x, reconstruction)),
            kl=_numbers(kl_divergence(mu, logvar)),
            variance=_numbers(image_variance(x)),
            parts={},
            activations=rounded(activations),
        )
        _check_finite([found.reconstruction_loss, found.kl, found.variance, activations])
        return found

    def _scores(self, found: Measured) -> Scores:
        score = ood_score(self.detector, found)
        activations = found.activations if self.with_activations else None
        return Scores(found.reconstruction_loss, found.l1, found.kl, found.variance, score, activations)

    def _none(self) -> Activations | None:
        return np.zeros((0, 3 * sum(self.model.config.channels)), np.float16) if self.with_activations else None

    def _reconstruct_batch(self, x: Tensor) -> Pixels:
        reconstruction = self.model(x)[0].mul(255).round().to(torch.uint8)
        pixels: Pixels = reconstruction.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pixels


def ood_score(detector: Detector, found: Measured) -> Values:
    """The outlier score (N,): label-free for a model that saw no outlier, anchored for a retrained one."""
    if detector.retrained is not None:
        return ood.anchored(**found.parts)
    return label_free(found, detector.vae.config.height * detector.vae.config.width)


def label_free(found: Measured, pixels: int) -> Values:
    """The outlier score (N,) of a network alone, from what it measured on frames of so many pixels."""
    return ood.label_free(found.reconstruction_loss, found.fitted_loss, found.structure_loss, found.variance, pixels)


def _laid_out(model: VAE, device: torch.device) -> VAE | Inference:
    """On a GPU the network as it is: the libraries there fold and fuse by themselves."""
    return Inference(model) if device.type == "cpu" else model


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """`device`, or CUDA when there is one, else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def autocast(device: torch.device, *, bf16: bool) -> torch.autocast:
    """The context in which the network runs: bf16 where its layers bear it, or fp32 throughout."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


def to_input(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 frames (N, H, W, 3) as the network takes them: (N, 3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div_(255)


def _numbers(values: Tensor) -> Values:
    numbers: Values = values.double().cpu().numpy()
    return numbers


def _check_finite(arrays: Sequence[NDArray[Any]]) -> None:
    if not all(np.isfinite(values).all() for values in arrays):
        raise ModelError("The model makes no finite number of a frame: its weights have run away; train it again.")


def _gathered(batches: list[Measured]) -> Measured:
    def whole(name: str) -> Any:
        if getattr(batches[0], name) is None:
            return None
        return np.concatenate([getattr(batch, name) for batch in batches])

    parts = {name: np.concatenate([batch.parts[name] for batch in batches]) for name in batches[0].parts}
    return Measured(
        **{entry.name: whole(entry.name) for entry in fields(Measured) if entry.name != "parts"}, parts=parts
    )


def _joined(batches: list[Scores], nothing: Activations | None) -> Scores:
    names = [entry.name for entry in fields(Scores) if entry.name != "activations"]
    numbers = {name: np.concatenate([np.zeros(0), *(getattr(batch, name) for batch in batches)]) for name in names}
    seen = [batch.activations for batch in batches if batch.activations is not None]
    return Scores(**numbers, activations=None if nothing is None else np.concatenate([nothing, *seen]))


def _check_size(frames: FrameSet, model: VAE) -> None:
    expected = (model.config.height, model.config.width)
    if len(frames) and frames.size != expected:
        given = "{} x {}".format(*frames.size)
        raise ModelError(
            f"The frames are {given} pixels high and wide; this model takes {expected[0]} x {expected[1]}."
        )
