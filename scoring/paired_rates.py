"""Two versions on the same audit frames: what one gains on the other, with an interval. Estimated as in honest_rates.

Paired, because what makes a frame hard is common to both and cancels. The interval is the difference -+ Student's t
times its standard error over whole videos (Särndal, Swensson, Wretman, 1992, section 5.6; AUROC: DeLong et al., 1988,
Obuchowski, 1997).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.honest_rates import Audited, auroc_parts, effective, scarce, video_variance
from scoring.metrics import Estimate
from scoring.resampling import FEW_SOURCES

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Versions:
    """One score of both versions on the same frames, with the threshold of each; arrays of length n."""

    old: Audited
    new: Values
    limits: tuple[float, float]

    def only(self, chosen: Mask) -> Versions:
        return Versions(self.old.only(chosen), self.new[chosen], self.limits)


def gains(pair: Versions, *, confidence: float = CONFIDENCE) -> dict[str, Estimate]:
    """new - old of `auroc`, `tpr` and `fpr`, each version at its own threshold, with intervals of this `confidence`;
    one that can't be told is left out. More is better, but for `fpr`."""
    is_out = pair.old.is_out
    found = {}
    if is_out.any() and not is_out.all():
        found["auroc"] = _auroc(pair, confidence)
    moved = (pair.new <= pair.limits[1]).astype(float) - (pair.old.scores <= pair.limits[0])
    for name, among in (("tpr", ~is_out), ("fpr", is_out)):
        if among.any():
            found[name] = _mean(pair.old, among, moved, confidence)
    return found


def _auroc(pair: Versions, confidence: float) -> Estimate:
    (before, old), (after, new) = auroc_parts(pair.old), auroc_parts(pair.old.by(pair.new))
    return _estimate(after - before, new - old, scarce(pair.old), pair.old.videos, confidence)


def _mean(audited: Audited, among: Mask, values: Values, confidence: float) -> Estimate:
    weights = audited.weights * among
    mean = float((weights * values).sum() / weights.sum())
    return _estimate(mean, weights * (values - mean) / weights.sum(), weights, audited.videos, confidence)


def _estimate(value: float, parts: Values, weights: Values, videos: NDArray[np.int64], confidence: float) -> Estimate:
    """With a single video nothing is known of others: the widest interval there is."""
    told = effective(weights, videos)
    variance = video_variance(parts, weights, videos)
    half = _student(told - 1, confidence) * math.sqrt(variance) if variance >= 0 else 1.0
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), few_sources=told < FEW_SOURCES)


def _student(freedom: float, confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), (1 + confidence) / 2))
