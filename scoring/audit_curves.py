"""What an audit's frames look like to a threshold: ROC, precision-recall and histograms, weighed so that they show the
population and not the draw. NumPy only; "positive" is as in honest_rates.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.honest_rates import Audited

Values = NDArray[np.float64]
Points = list[tuple[float, float]]
MOST_POINTS = 200


def roc(audited: Audited) -> Points:
    """(FPR, TPR) pairs from (0, 0) to (1, 1), one per score, at most 200; empty when a side has no frames."""
    inside, outside = _cumulated(audited)
    if not inside[-1] or not outside[-1]:
        return []
    pairs = np.stack([outside / outside[-1], inside / inside[-1]], axis=1)
    return [(0.0, 0.0), *_points(pairs)]


def precision_recall(audited: Audited) -> Points:
    """(recall, precision) of OUT among the frames above each threshold, recall from 0 up; empty without OUT frames."""
    inside, outside = _cumulated(audited)
    if not outside[-1]:
        return []
    hits, false = outside[-1] - outside, inside[-1] - inside
    hits, false = np.append(hits[::-1], outside[-1])[1:], np.append(false[::-1], inside[-1])[1:]
    pairs = np.stack([hits / outside[-1], hits / np.maximum(hits + false, 1e-300)], axis=1)
    return _points(pairs)


def histogram(audited: Audited, kinds: NDArray[np.str_], bins: int = 40) -> tuple[list[float], dict[str, list[float]]]:
    """Edges (bins + 1), and frames of the population per bin, by kind (n,). Of the highest scores the last hundredth
    shares the last bin, so that a single frame doesn't squeeze the rest."""
    if not len(audited.scores):
        return [], {}
    low, high = float(audited.scores.min()), float(np.quantile(audited.scores, 0.99))
    edges = np.linspace(low, max(high, low + 1e-9), bins + 1)
    clipped = np.minimum(audited.scores, edges[-1])
    counts = {
        str(kind): np.histogram(clipped[kinds == kind], edges, weights=audited.weights[kinds == kind])[0].tolist()
        for kind in np.unique(kinds)
    }
    return edges.tolist(), counts


def _cumulated(audited: Audited) -> tuple[Values, Values]:
    """Weight of the IN and of the OUT frames at or below each distinct score, ascending, (K,) each."""
    order = np.argsort(audited.scores, kind="stable")
    scores, weights, is_out = audited.scores[order], audited.weights[order], audited.is_out[order]
    ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    return np.cumsum(weights * ~is_out)[ends], np.cumsum(weights * is_out)[ends]


def _points(pairs: Values) -> Points:
    if len(pairs) > MOST_POINTS - 1:
        pairs = pairs[np.linspace(0, len(pairs) - 1, MOST_POINTS - 1).round().astype(int)]
    return [(float(x), float(y)) for x, y in pairs]
