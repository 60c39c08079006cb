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
PHOTOMETRIC_SHARE = 0.1
PARTS = ("start", "verdicts")  # of the anchored score


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


def anchored(parts: Mapping[str, Values], units: Units) -> Values:
    """The score (N,) of a retrained model: the sum of its parts (N,), each in `units` (mean, standard deviation). Both
    are log odds by a recalibration: `start` of the model that it began with, which keeps a gain on one kind of outlier
    from being paid for with another kind, `verdicts` of itself."""
    score: Values = np.sum([(parts[name] - units[name][0]) / units[name][1] for name in PARTS], axis=0)
    return score


def units_of(parts: Mapping[str, Values], is_out: NDArray[np.bool_]) -> Units:
    """The units of each part (M,) on frames with a verdict: its mean where they belong, and its standard deviation with
    either verdict counting half, however many there are of each. On frames that belong alone, and were trained on, a
    part hardly varies and would drown the others."""
    share = np.where(is_out, 0.5 / max(int(is_out.sum()), 1), 0.5 / max(int((~is_out).sum()), 1))
    units: Units = {}
    for name, values in parts.items():
        deviation = np.sqrt(np.average((values - np.average(values, weights=share)) ** 2, weights=share))
        units[name] = float(values[~is_out].mean()), max(float(deviation), 1e-6)
    return units
