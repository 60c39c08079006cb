"""Fixed bins per score: fine enough for a threshold that is dragged, and the same for every version and for ever.

Bin i holds edges[i-1] <= score < edges[i]; the first and the last one are open, so no score is without a bin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.models import Score

FAR_APART = 8  # the highest loss over the lowest

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, order=True)
class Bound:
    """One end of a range of scores."""

    value: float
    is_strict: bool = False


def _loss_edges() -> Values:
    """Half a percent apart, from a hundredth to ten millions: losses are sums over anything from 16 x 16 pixels up."""
    edges: Values = np.geomspace(1e-2, 1e7, 4145)
    return edges


def _ood_edges() -> Values:
    """Log ratios mostly, sums of two logits after a retraining: hundredths where they lie, tenths far out."""
    return np.round(
        np.concatenate([np.arange(-1000, -100) / 10, np.arange(-1000, 1000) / 100, np.arange(100, 1001) / 10]), 2
    )


def _probability_edges() -> Values:
    """Hundredths in the middle; finer and finer towards 0 and 1, where calibrated probabilities crowd."""
    low = np.geomspace(1e-6, 1e-2, 201)
    return np.concatenate([low, np.arange(2, 99) / 100, 1 - low[::-1]])


EDGES: dict[str, Values] = {
    Score.RECONSTRUCTION_LOSS: _loss_edges(),
    Score.OOD_SCORE: _ood_edges(),
    Score.PROBABILITY: _probability_edges(),
}


def bins_of(score: str, values: Iterable[float] | Values) -> NDArray[np.intp]:
    """The bin (N,) of each value (N,)."""
    return np.searchsorted(EDGES[score], np.asarray(values, dtype=np.float64), side="right")


def bin_count(score: str) -> int:
    return len(EDGES[score]) + 1


def inner(score: str, low: Bound | None, high: Bound | None) -> slice:
    """The bins that lie wholly within the bounds; those that hold a bound are left out."""
    first = 0 if low is None else int(bins_of(score, [low.value])[0]) + 1
    end = bin_count(score) if high is None else int(bins_of(score, [high.value])[0])
    return slice(first, max(first, end))


def partial(score: str, low: Bound | None, high: Bound | None) -> list[tuple[Bound | None, Bound | None]]:
    """Ranges within the bins that hold a bound, to be counted row by row: at most two. An upper Bound of these that is
    strict excludes its value."""
    if low is not None and high is not None and bins_of(score, [low.value])[0] >= bins_of(score, [high.value])[0]:
        return [(low, high)]
    ends: list[tuple[Bound | None, Bound | None]] = []
    if low is not None:
        ends.append((low, _upper_edge(score, low.value)))
    if high is not None:
        ends.append((_lower_edge(score, high.value), high))
    return ends


def _upper_edge(score: str, value: float) -> Bound | None:
    edges, bin_ = EDGES[score], int(bins_of(score, [value])[0])
    return Bound(float(edges[bin_]), is_strict=True) if bin_ < len(edges) else None


def _lower_edge(score: str, value: float) -> Bound | None:
    bin_ = int(bins_of(score, [value])[0])
    return Bound(float(EDGES[score][bin_ - 1])) if bin_ > 0 else None


def spaced(score: str, low: float, high: float, bars: int) -> Values:
    """Edges (bars + 1,) from `low` to `high`. Losses far apart go by ratio: an advertisement's is fifty times a
    match's, and equal steps would leave the frames that belong one bar."""
    if score == Score.RECONSTRUCTION_LOSS and 0 < low * FAR_APART < high:
        edges: Values = np.geomspace(low, high, bars + 1)
    else:
        edges = low + (high - low or 1.0) / bars * np.arange(bars + 1, dtype=np.float64)
    edges[0], edges[-1] = low, high if high > low else edges[-1]
    return edges


def bars(
    score: str, counts: Counts, low: float, high: float, bars: int, edges: Values | None = None
) -> tuple[Values, Counts]:
    """Counts (bins, K) as a picture of `bars` bars from `low` to `high`, the lowest and highest value that there is:
    edges (bars + 1,), equal steps unless given, and counts (bars, K). A bin across two bars is split in
    proportion; sums stay exact."""
    if edges is None:
        edges = low + (high - low or 1.0) / bars * np.arange(bars + 1, dtype=np.float64)
        edges[-1] = high if high > low else edges[-1]
    if high <= low:
        return edges, np.vstack([counts.sum(axis=0, keepdims=True), np.zeros((bars - 1, counts.shape[1]), np.int64)])
    used = np.flatnonzero(counts.any(axis=1))
    first, last = int(used[0]), int(used[-1])
    fine = np.clip(np.concatenate([[low], EDGES[score][first:last], [high]]), low, high)
    summed = np.vstack([np.zeros((1, counts.shape[1])), np.cumsum(counts[first : last + 1], axis=0)])
    columns = [np.interp(edges, fine, column) for column in summed.T]
    rounded: Counts = np.rint(np.stack(columns, axis=1)).astype(np.int64)
    return edges, np.diff(rounded, axis=0)
