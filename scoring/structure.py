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


@dataclass(frozen=True)
class Placed:
    """A structure model on a device, as `structure_loss` reads it. basis: its mean and its components below each other,
    (K + 1, D); mean_square: the squared length of the mean; mean_along (K,): the mean's coordinates."""

    basis: Tensor
    mean_square: Tensor
    mean_along: Tensor


def placed(model: StructureModel, device: torch.device) -> Placed:
    """The model where frames are scored."""
    mean, components = (torch.from_numpy(part).to(device) for part in (model.mean, model.components))
    return Placed(torch.cat([mean[None], components]), mean.square().sum(), components @ mean)


def structure_loss(x: Tensor, model: Placed) -> Tensor:
    """Squared error (N,) that the model leaves of frames x (N, 3, H, W), in their own units as `reconstruction_loss`
    is. With y the frame without its mean colour and of length one, m the mean and C the components, it is
    |y - m|^2 - |C (y - m)|^2, which takes only y times m and C: neither a difference of pixels nor the way back to
    them."""
    with torch.autocast(x.device.type, enabled=False):
        x = x.float()
        rest = (x - x.mean((2, 3), keepdim=True)).flatten(1)
        variance = rest.square().sum(1)
        square = variance + variance_floor(x.shape[2] * x.shape[3])
        along = (rest @ model.basis.T) / square.sqrt()[:, None]
        distance = variance / square - 2 * along[:, 0] + model.mean_square
        left = distance - (along[:, 1:] - model.mean_along).square().sum(1)
    return left.clamp_min(0) * square


def _drawn(frames: FrameSet) -> Pixels:
    """Evenly drawn frames, as many as may be held with their mirror images."""
    most = max(MOST_VALUES // (2 * 3 * frames.size[0] * frames.size[1]), 1)
    return frames.take(np.unique(np.linspace(0, len(frames) - 1, most).round().astype(np.int64)))


def _rows(pixels: Pixels) -> NDArray[np.float32]:
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    rows: NDArray[np.float32] = torch.cat([standardised(x), standardised(x.flip(3))]).numpy()
    return rows
