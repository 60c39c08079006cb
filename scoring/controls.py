"""Scores that cost next to nothing. A model that doesn't beat them has learnt nothing worth its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.frames import Pixels
from scoring.frameset import FrameSet

GREEN_MARGIN = 8  # of 255: grey pixels with a little noise are not green
COMPONENTS = 32
MOST_FRAMES = 2000  # more change the components little and cost memory
BATCH = 256
VARIANCE_EXPONENT = 0.75
VARIANCE_FLOOR_PER_PIXEL = 30 / (60 * 80)


def controls(pixels: Pixels) -> dict[str, NDArray[np.float64]]:
    """For uint8 frames (N, H, W, 3), higher = more outlying: `minus_green_share`, the share of pixels that are greener
    than red and blue, negated; `minus_log_variance`, the log of the image variance that `ood_score` divides by."""
    wide = pixels.astype(np.int16)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    is_green = (green > red + GREEN_MARGIN) & (green > blue + GREEN_MARGIN)
    return {"minus_green_share": -is_green.mean((1, 2)), "minus_log_variance": -np.log(image_variance(pixels) + 1e-6)}


def image_variance(pixels: Pixels) -> NDArray[np.float64]:
    """Squared deviation of uint8 frames (N, H, W, 3) from each channel's mean in [0, 1], summed: (N,)."""
    unit = pixels / 255.0
    variance: NDArray[np.float64] = ((unit - unit.mean((1, 2), keepdims=True)) ** 2).sum((1, 2, 3))
    return variance


@dataclass(frozen=True)
class LinearModel:
    """The best linear autoencoder (principal component analysis) of the training frames: what a VAE has to beat.

    mean: (H * W * 3,) float32 in [0, 1]; components: (K, H * W * 3) float32, orthonormal rows.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    @classmethod
    def fit(cls, frames: FrameSet, components: int = COMPONENTS) -> LinearModel:
        """From at most 2 000 frames, drawn evenly. Raises ValueError without two frames."""
        from sklearn.decomposition import PCA

        if len(frames) < 2:
            raise ValueError("The linear control needs at least two training frames.")
        chosen = np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).astype(np.int64))
        flat = frames.take(chosen).reshape(len(chosen), -1).astype(np.float32) / 255
        with np.errstate(invalid="ignore"):  # frames that are all alike have no variance to share out
            fitted = PCA(min(components, len(flat) - 1), svd_solver="randomized", random_state=0).fit(flat)
        return cls(fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32))

    def reconstruction_loss(self, pixels: Pixels) -> NDArray[np.float64]:
        """Squared error in [0, 1] summed over H x W x 3 of uint8 frames (N, H, W, 3): (N,)."""
        losses = [self._losses(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
        return np.concatenate([np.zeros(0), *losses])

    def scores(self, pixels: Pixels) -> dict[str, NDArray[np.float64]]:
        """`pca32` and `pca32_normalised`, which divides by the image variance as the default score does, (N,) each."""
        loss = self.reconstruction_loss(pixels)
        floor = VARIANCE_FLOOR_PER_PIXEL * pixels.shape[1] * pixels.shape[2]
        normalised = np.log(np.maximum(loss, 1e-9)) - VARIANCE_EXPONENT * np.log(image_variance(pixels) + floor)
        return {"pca32": loss, "pca32_normalised": normalised}

    def _losses(self, pixels: Pixels) -> NDArray[np.float64]:
        """The squared length of what the components leave over: Pythagoras saves the way back to pixels."""
        centred = pixels.reshape(len(pixels), -1).astype(np.float32) / 255 - self.mean
        explained = (centred @ self.components.T) ** 2
        left: NDArray[np.float64] = np.square(centred).sum(1, dtype=np.float64) - explained.sum(1, dtype=np.float64)
        return np.maximum(left, 0.0)
