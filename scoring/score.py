"""What the model says about frames: losses, the default outlier score, reconstructions. The plain PyTorch reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.errors import ModelError
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.vae import VAE, kl_divergence, place, reconstruction_loss

CPU_BATCH, CUDA_BATCH = 32, 512
# The exponent and the floor of the image variance were chosen on real broadcast frames of 60 x 80: dividing by the
# frame's own variance keeps smooth turf, which any model reconstructs well, from passing as the most typical frame.
VARIANCE_EXPONENT = 0.75
VARIANCE_FLOOR_PER_PIXEL = 30 / (60 * 80)

T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """One float64 array (N,) per measure; higher is more outlying. reconstruction_loss: squared error summed over
    H x W x 3 in [0, 1]. kl: nats. ood_score: log(reconstruction_loss) - 0.75 log(image variance + floor)."""

    reconstruction_loss: NDArray[np.float64]
    kl: NDArray[np.float64]
    ood_score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.reconstruction_loss)


class Scorer:
    """Scores frames with one model. Takes the posterior mean in evaluation mode, so a frame always gets the same
    number. On CUDA it computes in bf16, and halves its batch when memory runs out."""

    def __init__(self, model: VAE, device: str | torch.device | None = None, batch_size: int | None = None) -> None:
        self.device = choose_device(device)
        self.model = place(model, self.device).eval()
        self.batch_size = batch_size or (CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH)

    def score(self, pixels: Pixels) -> Scores:
        """Scores of uint8 frames (N, H, W, 3). Raises ModelError when their size is not the model's."""
        return _joined(list(self._in_batches(FrameSet(pixels), self._score_batch)))

    def score_set(self, frames: FrameSet) -> Scores:
        """Scores of a whole set, a batch in memory at a time. Raises ModelError as `score`."""
        return _joined(list(self._in_batches(frames, self._score_batch)))

    def reconstruct(self, pixels: Pixels) -> Pixels:
        """What the model makes of uint8 frames (N, H, W, 3): the same shape and type. Raises ModelError as `score`."""
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

    def _score_batch(self, x: Tensor) -> Scores:
        reconstruction, mu, logvar = self.model(x)
        loss = reconstruction_loss(x, reconstruction)
        return Scores(_numbers(loss), _numbers(kl_divergence(mu, logvar)), _numbers(ood_score(loss, x)))

    def _reconstruct_batch(self, x: Tensor) -> Pixels:
        reconstruction = self.model(x)[0].mul(255).round().to(torch.uint8)
        pixels: Pixels = reconstruction.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pixels


def ood_score(loss: Tensor, x: Tensor) -> Tensor:
    """The default score (N,) from the reconstruction loss (N,) of frames x (N, 3, H, W) in [0, 1]."""
    variance = (x - x.mean((2, 3), keepdim=True)).square().flatten(1).sum(1)
    floor = VARIANCE_FLOOR_PER_PIXEL * x.shape[2] * x.shape[3]
    return torch.log(loss.clamp_min(1e-9)) - VARIANCE_EXPONENT * torch.log(variance + floor)


def choose_device(device: str | torch.device | None = None) -> torch.device:
    """`device`, or CUDA when there is one, else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def autocast(device: torch.device, *, bf16: bool) -> torch.autocast:
    """The context in which the network runs: bf16 where its layers bear it, or fp32 throughout."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)


def to_input(pixels: Pixels, device: torch.device) -> Tensor:
    """uint8 frames (N, H, W, 3) as the network takes them: (N, 3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().div_(255)


def _numbers(values: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.double().cpu().numpy()
    return numbers


def _joined(batches: list[Scores]) -> Scores:
    names = [entry.name for entry in fields(Scores)]
    return Scores(*(np.concatenate([np.zeros(0), *(getattr(batch, name) for batch in batches)]) for name in names))


def _check_size(frames: FrameSet, model: VAE) -> None:
    expected = (model.config.height, model.config.width)
    if len(frames) and frames.size != expected:
        given = "{} x {}".format(*frames.size)
        raise ModelError(
            f"The frames are {given} pixels high and wide; this model takes {expected[0]} x {expected[1]}."
        )
