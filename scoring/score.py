"""What a detector says about frames, in one pass: losses, the outlier score, activations, reconstructions. The plain
PyTorch reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from scoring import measure, ood
from scoring.detector import Detector, plain
from scoring.errors import ModelError
from scoring.features import Activations
from scoring.feed import Feed
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.inference import Inference
from scoring.measure import Compiled, Measured, gathered
from scoring.ood import Values
from scoring.packs import Inputs
from scoring.preprocessing import Preprocessing
from scoring.structure import Placed, placed
from scoring.threads import in_threads
from scoring.vae import VAE, place

CPU_BATCH, CUDA_BATCH = 32, 128  # on a GPU half a pack: the other half travels meanwhile

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


class Scorer:
    """Scores frames with one detector; a bare network scores as one that saw no outlier. Takes the posterior mean in
    evaluation mode, so a frame always gets the same number, whatever it is scored with. On CUDA it computes in bf16,
    compiled, and halves its batch when memory runs out. Raises ModelError for frames of another size than the model's,
    and for a frame of which the model makes no finite number."""

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
        self._structure = None if structure is None else placed(structure, self.device)
        self.with_activations = activations
        is_cuda = self.device.type == "cuda"
        self.batch_size = batch_size or (CUDA_BATCH if is_cuda else CPU_BATCH)
        self._feed, self._measure = Feed(self.device), self._way_to_measure()
        self._threads = 1 if is_cuda else torch.get_num_threads()

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
        return gathered(list(self._in_batches(frames, self._measure_batch)))

    def reconstruct(self, pixels: Pixels) -> Pixels:
        """What the model makes of uint8 frames (N, H, W, 3): the same shape and type."""
        batches = list(self._in_batches(FrameSet(pixels), self._reconstruct_batch))
        return np.concatenate(batches) if batches else pixels[:0].copy()

    def _in_batches(self, frames: FrameSet, work: Callable[[Tensor], T]) -> Iterator[T]:
        _check_size(frames, self.model)
        done = 0
        while done < len(frames):
            try:
                for count, result in self._results(frames, done, work):
                    done += count
                    yield result
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise ModelError("The device has not enough memory to score a single frame.") from None
                self.batch_size //= 2
                self._measure = self._way_to_measure()

    def _way_to_measure(self) -> Callable[[VAE | Inference, Placed | None, Tensor], Tensor]:
        return Compiled(self.batch_size) if self.device.type == "cuda" else measure.measure

    def _results(self, frames: FrameSet, start: int, work: Callable[[Tensor], T]) -> Iterator[tuple[int, T]]:
        """How many frames each batch has, and its result. On a CPU each core has batches of its own: sharing every
        small step among them takes half as long again, as they wait for each other."""
        batches = self._batches(frames, start)

        def worked(batch: Tensor) -> tuple[int, T]:
            return len(batch), self._worked(batch, work)

        if self._threads == 1:
            yield from map(worked, self._feed(batches))
            return
        try:
            pixels = map(torch.from_numpy, batches)
            yield from in_threads(pixels, worked, self._threads, self._threads, lambda: torch.set_num_threads(1))
        finally:
            torch.set_num_threads(self._threads)  # of threads to come; setting it in one tells them as well

    def _batches(self, frames: FrameSet, start: int) -> Iterator[Pixels]:
        for first in range(start, len(frames), self.batch_size):
            yield frames.take(np.arange(first, min(first + self.batch_size, len(frames))))

    def _worked(self, batch: Tensor, work: Callable[[Tensor], T]) -> T:
        with torch.inference_mode(), autocast(self.device, bf16=self.device.type == "cuda"):
            return work(as_input(batch))

    def _measure_batch(self, x: Tensor) -> Measured:
        found, retrained = self._measure_with(self._network, x), self.detector.retrained
        if retrained is not None and self._anchor is not None:
            before, pixels = self._measure_with(self._anchor, x), x.shape[2] * x.shape[3]
            found.parts.update(
                start=retrained.start.score(before.activations, label_free(before, pixels)),
                verdicts=retrained.verdicts.score(found.activations, label_free(found, pixels)),
            )
        return found

    def _measure_with(self, network: VAE | Inference, x: Tensor) -> Measured:
        rows = self._measure(network, self._structure, x)
        return measure.read(rows, with_structure=self._structure is not None)

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
    return as_input(torch.from_numpy(pixels).to(device))


def as_input(pixels: Tensor) -> Tensor:
    """As `to_input`, of a tensor that is where it is wanted."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


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
