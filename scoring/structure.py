"""A linear model of what frames that belong are made of, whatever their exposure and tint: the principal components of
standardised frames and their mirror images. It misses other things than the network does, so half of the label-free
score is its (scoring/ood.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.ood import variance_floor
from scoring.vae import image_variance

COMPONENTS = 64
MOST_VALUES = 30_000_000  # numbers held while fitting: about 1 000 frames of 60 x 80
ROUNDS = 3  # of subspace iteration
RANK = 1e-4  # of the largest component: what has less is rounding


@dataclass(frozen=True)
class StructureModel:
    """mean (D,) and components (K, D), orthonormal rows, float32 in the precision of float16, as they are stored;
    D = 3 * H * W, channels first."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def width(self, height: int) -> int:
        """Of its frames, in pixels, when they have `height` rows."""
        return len(self.mean) // (3 * height)


def fit_structure(frames: FrameSet) -> StructureModel:
    """From frames that belong, at least one; about 1 000 of 60 x 80, evenly drawn, fewer of larger ones. The same
    frames give the same model."""
    from sklearn.utils.extmath import randomized_svd

    rows = _rows(_drawn(frames))
    mean = rows.mean(0)
    rows -= mean
    wanted = min(COMPONENTS, *rows.shape)
    _, sizes, axes = randomized_svd(rows, wanted, n_iter=ROUNDS, power_iteration_normalizer="QR", random_state=0)
    kept = sizes > RANK * max(float(sizes[0]), 1e-6)
    stored = [np.ascontiguousarray(values, np.float16).astype(np.float32) for values in (mean, axes[kept])]
    return StructureModel(*stored)


def standardised(x: Tensor) -> Tensor:
    """Frames x (N, 3, H, W) in [0, 1] without their mean colour, and of length one but for nearly flat ones, (N, D)."""
    length = torch.sqrt(image_variance(x) + variance_floor(x.shape[2] * x.shape[3]))
    return (x - x.mean((2, 3), keepdim=True)).flatten(1) / length[:, None]


def colours_last(model: StructureModel, height: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean (D,) and components (K, D) for `structure_loss`, in the order in which frames of so many rows lie in memory:
    reordering every frame instead would take longer than all the rest."""
    rows = torch.from_numpy(np.concatenate([model.mean[None], model.components])).view(
        -1, 3, height, model.width(height)
    )
    ordered = rows.permute(0, 2, 3, 1).flatten(1).contiguous().to(device)
    return ordered[0], ordered[1:]


def structure_loss(x: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    """Squared error (N,) that the model of `mean` and `components` (see `colours_last`) leaves of frames x
    (N, 3, H, W), in their own units as `reconstruction_loss` is. Only lengths are computed: Pythagoras saves the way
    back to pixels."""
    with torch.autocast(x.device.type, enabled=False):
        pixels = x.float().permute(0, 2, 3, 1)
        rest = (pixels - pixels.mean((1, 2), keepdim=True)).flatten(1)
        square = rest.square().sum(1) + variance_floor(x.shape[2] * x.shape[3])
        rest = rest.div_(square.sqrt()[:, None]).sub_(mean)
        left = rest.square().sum(1) - (rest @ components.T).square().sum(1)
    return left.clamp_min(0) * square


def _drawn(frames: FrameSet) -> Pixels:
    """Evenly drawn frames, as many as may be held with their mirror images."""
    most = max(MOST_VALUES // (2 * 3 * frames.size[0] * frames.size[1]), 1)
    return frames.take(np.unique(np.linspace(0, len(frames) - 1, most).round().astype(np.int64)))


def _rows(pixels: Pixels) -> NDArray[np.float32]:
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    rows: NDArray[np.float32] = torch.cat([standardised(x), standardised(x.flip(3))]).numpy()
    return rows
