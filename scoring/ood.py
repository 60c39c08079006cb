"""The outlier score as a formula over what a model measured. NumPy only; higher is more outlying."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Units = dict[str, tuple[float, float]]

# Dividing by the frame's own variance keeps smooth turf, which any model reconstructs well, from passing as the most
# typical frame. Exponent and floors were chosen on real broadcast frames of 60 x 80.
VARIANCE_EXPONENT = 0.75
VARIANCE_FLOOR_PER_PIXEL = 30 / (60 * 80)
LOSS_FLOOR_PER_PIXEL = 1 / (60 * 80)
PARTS = ("start", "reconstruction", "head")  # of the anchored score


def label_free(reconstruction_loss: Values, fitted_loss: Values, variance: Values, pixels: int) -> Values:
    """The default score (N,) of a model that saw no outlier: log(loss + floor) - 0.75 log(variance + floor). All are
    sums over a frame of `pixels` pixels, and the floors grow with them."""
    loss = np.log(reconstruction_loss + LOSS_FLOOR_PER_PIXEL * pixels)
    score: Values = loss - VARIANCE_EXPONENT * np.log(variance + variance_floor(pixels))
    return score


def variance_floor(pixels: int) -> float:
    """What is added to the variance of a frame of `pixels` pixels, so that a flat one isn't divided by nothing."""
    return VARIANCE_FLOOR_PER_PIXEL * pixels


def anchored(parts: Mapping[str, Values], units: Units) -> Values:
    """The score (N,) of a retrained model: the sum of its parts (N,), each in `units` (mean, standard deviation) of
    frames that belong. The part of the model it began with keeps a gain on one kind of outlier from being paid for
    with another kind."""
    score: Values = np.sum([(parts[name] - units[name][0]) / units[name][1] for name in PARTS], axis=0)
    return score


def units_of(parts: Mapping[str, Values]) -> Units:
    """Mean and standard deviation of each part (N,), for `anchored`."""
    return {name: (float(values.mean()), max(float(values.std()), 1e-6)) for name, values in parts.items()}
