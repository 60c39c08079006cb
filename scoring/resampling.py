"""Bootstrap over sources (videos), never over frames: frames of one video are near copies of each other. NumPy only.

Percentile intervals (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) of resampled
clusters (A. Davison, D. Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
BLOCKS = 20
RESAMPLES = 1000


def as_sources(sources: Sequence[ArrayLike]) -> list[Values]:
    """The scores of each source that has any, (n,) each. Raises ValueError when a score is not finite."""
    arrays = [np.asarray(source, dtype=np.float64).ravel() for source in sources]
    if not all(np.isfinite(values).all() for values in arrays):
        raise ValueError("A score is not finite.")
    return [values for values in arrays if len(values)]


def resampled_units(sources: Sequence[Values]) -> list[Values]:
    """What is drawn again and again: the sources, or up to 20 consecutive blocks of the only one. Blocks tell nothing
    of how videos differ, so an interval from them is narrower than the truth about new videos."""
    if len(sources) == 1:
        return np.array_split(sources[0], min(BLOCKS, len(sources[0])))
    return list(sources)


def draws(units: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each unit is drawn in each resample, (resamples, units)."""
    return rng.multinomial(units, np.full(units, 1 / units), resamples)


def percentile_interval(figures: ArrayLike) -> tuple[float, float]:
    """The middle 95 % of the figures of the resamples."""
    low, high = np.quantile(np.asarray(figures, dtype=np.float64), [0.025, 0.975])
    return float(low), float(high)
