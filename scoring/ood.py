"""The outlier score as a formula over what a model measured. NumPy only; higher is more outlying."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Dividing by the frame's own variance keeps smooth turf, which any model reconstructs well, from passing as the most
# typical frame. Exponent and floors were chosen on real broadcast frames of 60 x 80.
VARIANCE_EXPONENT = 0.75
VARIANCE_FLOOR_PER_PIXEL = 30 / (60 * 80)
LOSS_FLOOR_PER_PIXEL = 1 / (60 * 80)
PHOTOMETRIC_SHARE = 0.1


def label_free(
    reconstruction_loss: Values, fitted_loss: Values, structure_loss: Values | None, variance: Values, pixels: int
) -> Values:
    """The default score (N,) of a model that saw no outlier: log(loss + floor) - 0.75 log(variance + floor), the mean
    of that of the network's fitted loss and that of the structure model's loss, or of the former alone where there is
    no such model. A tenth of what the fit of brightness and contrast takes away is added to both losses: a video of
    another tint or exposure is no outlier for that, but a plain picture of any colour would pass as the most typical
    one. All are sums over a frame of `pixels` pixels, and the floors grow with them."""
    forgiven = PHOTOMETRIC_SHARE * (reconstruction_loss - fitted_loss)
    own = _relative(fitted_loss + forgiven, variance, pixels)
    if structure_loss is None:
        return own
    return (own + _relative(structure_loss + forgiven, variance, pixels)) / 2


def _relative(loss: Values, variance: Values, pixels: int) -> Values:
    floor = LOSS_FLOOR_PER_PIXEL * pixels
    score: Values = np.log(np.maximum(loss, 0) + floor) - VARIANCE_EXPONENT * np.log(variance + variance_floor(pixels))
    return score


def variance_floor(pixels: int) -> float:
    """What is added to the variance of a frame of `pixels` pixels, so that a flat one isn't divided by nothing."""
    return VARIANCE_FLOOR_PER_PIXEL * pixels


def anchored(start: Values, verdicts: Values) -> Values:
    """The score (N,) of a retrained model, from two recalibrated scores (scoring/recalibrate.py), which have one unit:
    of the model that it began with, so that a gain on one kind of outlier isn't paid for with another, and its own."""
    return start + verdicts
