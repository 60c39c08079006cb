"""Variations of training frames, so that a network doesn't learn a few hundred of them by heart."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from scoring.config import TrainConfig

Lots = NDArray[np.float32]


def draw_lots(count: int, rng: np.random.Generator) -> Lots:
    """What decides how each of so many frames is varied, (N, 8). Drawn on the host, so that every device sees the
    same, and for a whole batch, whatever part of it a process takes."""
    return rng.random((count, 8), dtype=np.float32)


def augmented(x: Tensor, config: TrainConfig, lots: Lots) -> Tensor:
    """Frames x (N, 3, H, W) in [0, 1], each mirrored or not, cut to a part of `config.crop` to 1 of its sides and
    brought back to its size, and changed in contrast and in the gain of each channel by up to `config.jitter`, by lots
    (N, 8)."""
    drawn = torch.from_numpy(lots).to(x.device)
    if config.crop < 1:
        x = _cropped(x, drawn[:, 0], drawn[:, 1:3], config)
    if config.flip:
        x = torch.where((drawn[:, 3] < 0.5)[:, None, None, None], x.flip(3), x)
    if config.jitter > 0:
        x = _jittered(x, 1 + config.jitter * (2 * drawn[:, 4:8] - 1))
    return x.contiguous(memory_format=torch.channels_last)


def _cropped(x: Tensor, size: Tensor, place: Tensor, config: TrainConfig) -> Tensor:
    """size (N,), place (N, 2): uniform in [0, 1)."""
    share = config.crop + (1 - config.crop) * size
    theta = torch.zeros(len(x), 2, 3, device=x.device)
    theta[:, 0, 0] = theta[:, 1, 1] = share
    theta[:, :, 2] = (1 - share)[:, None] * (2 * place - 1)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _jittered(x: Tensor, gains: Tensor) -> Tensor:
    """gains (N, 4): of the contrast and of each channel."""
    mean = x.mean((1, 2, 3), keepdim=True)
    contrasted = (x - mean) * gains[:, :1, None, None] + mean
    return (contrasted * gains[:, 1:, None, None]).clamp(0, 1)
