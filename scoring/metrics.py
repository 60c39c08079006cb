"""How well a score tells outliers from the rest. Higher scores are more outlying; outliers are the positives.
NumPy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
BLOCKS = 20


def auroc(in_scores: ArrayLike, out_scores: ArrayLike) -> float:
    """Chance that a random outlier scores above a random in-distribution frame, ties counted half.
    Raises ValueError when either side is empty or not finite."""
    inside, outside = _checked(in_scores, out_scores)
    return float(_share_below(np.sort(inside), outside).mean())


def average_precision(in_scores: ArrayLike, out_scores: ArrayLike) -> float:
    """Area under the precision-recall curve as the sum over its steps; frames of equal score enter together.
    Raises ValueError as `auroc`."""
    inside, outside = _checked(in_scores, out_scores)
    cuts = np.unique(outside)[::-1]
    hits = len(outside) - np.searchsorted(np.sort(outside), cuts, side="left")
    false = len(inside) - np.searchsorted(np.sort(inside), cuts, side="left")
    recall = hits / len(outside)
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / (hits + false)))


def fpr_at_tpr(in_scores: ArrayLike, out_scores: ArrayLike, tpr: float = 0.95) -> float:
    """Share of the outliers that pass when the threshold lets at least `tpr` of the in-distribution frames pass.
    Raises ValueError as `auroc`."""
    inside, outside = _checked(in_scores, out_scores)
    threshold = np.sort(inside)[max(int(np.ceil(tpr * len(inside))), 1) - 1]
    return float(np.mean(outside <= threshold))


def auroc_interval(
    in_sources: Sequence[ArrayLike], out_sources: Sequence[ArrayLike], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the AUROC by bootstrap over sources (videos), because frames of one video are near copies. A
    side with a single source is cut into 20 consecutive blocks instead, which is narrower than the truth about new
    videos. Raises ValueError as `auroc`."""
    inside, outside = _blocks(in_sources), _blocks(out_sources)
    _checked(np.concatenate(inside), np.concatenate(outside))
    wins = np.array([[_share_below(np.sort(a), b).sum() * len(a) for b in outside] for a in inside])
    pairs = np.array([[float(len(a) * len(b)) for b in outside] for a in inside])
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), resamples)
    columns = rng.multinomial(len(outside), np.full(len(outside), 1 / len(outside)), resamples)
    drawn = ((rows @ wins) * columns).sum(1) / ((rows @ pairs) * columns).sum(1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _share_below(inside: Values, outside: Values) -> Values:
    """For each outlier, the share of the sorted in-distribution scores below it, equal ones counted half."""
    below = np.searchsorted(inside, outside, side="left") + np.searchsorted(inside, outside, side="right")
    share: Values = below / (2.0 * len(inside))
    return share


def _blocks(sources: Sequence[ArrayLike]) -> list[Values]:
    arrays = [np.asarray(source, dtype=np.float64).ravel() for source in sources]
    arrays = [values for values in arrays if len(values)]
    if len(arrays) == 1:
        arrays = np.array_split(arrays[0], min(BLOCKS, len(arrays[0])))
    return arrays or [np.zeros(0)]


def _checked(in_scores: ArrayLike, out_scores: ArrayLike) -> tuple[Values, Values]:
    inside, outside = (np.asarray(scores, dtype=np.float64).ravel() for scores in (in_scores, out_scores))
    if not len(inside) or not len(outside):
        raise ValueError("Scores of both in-distribution frames and outliers are needed.")
    if not (np.isfinite(inside).all() and np.isfinite(outside).all()):
        raise ValueError("A score is not finite.")
    return inside, outside
