"""Scores that look at no model at all. A model that doesn't beat them has learnt nothing worth its time. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.frames import Pixels

GREEN_MARGIN = 8  # of 255: grey pixels with a little noise are not green


def controls(pixels: Pixels) -> dict[str, NDArray[np.float64]]:
    """For uint8 frames (N, H, W, 3), higher = more outlying: `minus_green_share`, the share of pixels that are greener
    than red and blue, negated; `minus_log_variance`, the log of the image variance that `ood_score` divides by."""
    wide = pixels.astype(np.int16)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    is_green = (green > red + GREEN_MARGIN) & (green > blue + GREEN_MARGIN)
    unit = pixels / 255.0
    variance = ((unit - unit.mean((1, 2), keepdims=True)) ** 2).sum((1, 2, 3))
    return {"minus_green_share": -is_green.mean((1, 2)), "minus_log_variance": -np.log(variance + 1e-6)}
