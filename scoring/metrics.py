"""How well a score tells outliers from the rest. Higher scores are more outlying. For AUROC and average precision
outliers are the positives; for TPR and FPR, as in the article, a positive is a frame that the threshold accepts.

Single figures are scikit-learn's, imported when first asked for since that takes seconds. Figures with an interval
(`estimates`, `differences`) come from one computation for all resamples of a bootstrap over sources (videos); a
resample draws as many in-distribution sources as there are, with replacement, and outlier sources likewise. Where the
same videos have frames of both kinds that is cautious: with what is shared by both kinds of a video's frames drawn
apart, 95 % intervals held the truth in 98 to 100 % of 250 simulated draws of 5 to 15 videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.resampling import FEW_SOURCES, RESAMPLES, as_sources, draws, percentile_interval, resampled_units

Values = NDArray[np.float64]
Sources = Sequence[ArrayLike]  # scores of each source, (n,), in the order of time
Figures = dict[str, Values]
ROUNDING = 1e-9  # 0.07 of 100 frames is 7 frames, though 0.07 * 100 > 7 in floating point
CHUNK = 1_000_000  # cells of a table held at once, 8 MB


@dataclass(frozen=True)
class Estimate:
    """A figure, or what it gained, with its 95 % interval. `few_sources`: a side has fewer than five sources, so the
    interval is narrower than the truth about new videos; of a single source, blocks of consecutive frames are drawn."""

    value: float
    low: float
    high: float
    few_sources: bool


def auroc(in_scores: ArrayLike, out_scores: ArrayLike) -> float:
    """Chance that a random outlier scores above a random in-distribution frame, ties counted half.
    Raises ValueError when either side is empty or not finite."""
    from sklearn.metrics import roc_auc_score

    inside, outside = _checked(in_scores, out_scores)
    return float(roc_auc_score(_is_outlier(inside, outside), np.concatenate([inside, outside])))


def average_precision(in_scores: ArrayLike, out_scores: ArrayLike) -> float:
    """Area under the precision-recall curve as the sum over its steps; frames of equal score enter together.
    Raises ValueError as `auroc`."""
    from sklearn.metrics import average_precision_score

    inside, outside = _checked(in_scores, out_scores)
    return float(average_precision_score(_is_outlier(inside, outside), np.concatenate([inside, outside])))


def fpr_at_tpr(in_scores: ArrayLike, out_scores: ArrayLike, tpr: float = 0.95) -> float:
    """Share of the outliers that pass when the threshold lets at least `tpr` of the in-distribution frames pass.
    Raises ValueError as `auroc`, and for a `tpr` outside (0, 1]."""
    from sklearn.metrics import roc_curve

    _check_tpr(tpr)
    inside, outside = _checked(in_scores, out_scores)
    scores = -np.concatenate([inside, outside])  # accepted frames are the positives here: low scores first
    passed, kept, _ = roc_curve(~_is_outlier(inside, outside), scores, drop_intermediate=False)
    return float(passed[np.argmax(kept >= tpr - ROUNDING)])


def rates_at(in_scores: ArrayLike, out_scores: ArrayLike, threshold: float) -> tuple[float, float]:
    """(TPR, FPR): shares of the in-distribution frames and of the outliers at or below `threshold`.
    Raises ValueError as `auroc`."""
    inside, outside = _checked(in_scores, out_scores)
    return float(np.mean(inside <= threshold)), float(np.mean(outside <= threshold))


def estimates(
    in_sources: Sources,
    out_sources: Sources,
    *,
    target_tpr: float = 0.95,
    threshold: float | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """`auroc`, `average_precision`, `fpr_at_tpr` and, given a threshold, `tpr` and `fpr` at it. Raises ValueError when
    a side has no scores, when one is not finite, and for a `target_tpr` outside (0, 1]."""
    _check_tpr(target_tpr)
    sides = _Side(in_sources), _Side(out_sources)
    weights = _weights(*sides, resamples, seed)
    return _as_estimates(_figures(*sides, weights, target_tpr, threshold), *sides)


def differences(
    new: tuple[Sources, Sources],
    old: tuple[Sources, Sources],
    *,
    target_tpr: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """What a new score gains on an old one, new - old, over the same resampled sources, for the figures of
    `estimates`; `new` and `old` are (in_sources, out_sources) of the same frames. An interval that leaves out 0 is a
    real change. Raises ValueError as `estimates`, and when the frames are not the same in number."""
    _check_tpr(target_tpr)
    sides, before = (_Side(new[0]), _Side(new[1])), (_Side(old[0]), _Side(old[1]))
    if any(a.lengths != b.lengths for a, b in zip(sides, before, strict=True)):
        raise ValueError("Two scores can only be compared on the same frames of the same sources.")
    weights = _weights(*sides, resamples, seed)
    gained, lost = (_figures(*pair, weights, target_tpr, None) for pair in (sides, before))
    return _as_estimates({name: gained[name] - lost[name] for name in gained}, *sides)


class _Side:
    """The units of one side that are drawn, each with its scores from least to largest."""

    def __init__(self, sources: Sources) -> None:
        checked = as_sources(sources)
        if not checked:
            raise ValueError("Scores of both in-distribution frames and outliers are needed.")
        self.lengths = [len(source) for source in checked]
        self.units = [np.sort(unit) for unit in resampled_units(checked)]
        self.sizes = np.array([len(unit) for unit in self.units], dtype=np.float64)

    def below(self, scores: Values) -> Values:
        """Frames of each unit below each of `scores`, (K,): (units, K)."""
        return np.array([np.searchsorted(unit, scores, side="left") for unit in self.units], dtype=np.float64)

    def up_to(self, scores: Values) -> Values:
        """Frames of each unit at or below each of `scores`, (K,): (units, K)."""
        return np.array([np.searchsorted(unit, scores, side="right") for unit in self.units], dtype=np.float64)

    def blocks(self, rows: int) -> Iterator[Values]:
        """The distinct scores, ascending, so many at a time that a table of `rows` fits into memory."""
        distinct, width = np.unique(np.concatenate(self.units)), max(1, CHUNK // rows)
        yield from np.split(distinct, range(width, len(distinct), width))


def _weights(inside: _Side, outside: _Side, resamples: int, seed: int) -> tuple[Values, Values]:
    """How often each unit counts, (1 + resamples, units): once in the first row, which is the figure itself."""
    rng = np.random.default_rng(seed)
    drawn = [
        np.vstack([np.ones(len(side.units)), draws(len(side.units), resamples, rng)]) for side in (inside, outside)
    ]
    return drawn[0], drawn[1]


def _figures(
    inside: _Side, outside: _Side, weights: tuple[Values, Values], target_tpr: float, threshold: float | None
) -> Figures:
    """Each figure for each row of the weights, (R,)."""
    figures = {
        "auroc": _aurocs(inside, outside, *weights),
        "average_precision": _average_precisions(inside, outside, *weights),
        "fpr_at_tpr": _fprs_at_tpr(inside, outside, *weights, target_tpr),
    }
    if threshold is None:
        return figures
    limits = np.full(len(weights[0]), threshold)
    return figures | {"tpr": _accepted(inside, weights[0], limits), "fpr": _accepted(outside, weights[1], limits)}


def _aurocs(inside: _Side, outside: _Side, kept: Values, passed: Values) -> Values:
    """Wins of each outlier unit over each in-distribution unit, pair by pair, then weighed."""
    scores = np.concatenate(outside.units)
    starts = np.concatenate([[0], np.cumsum(outside.sizes[:-1])]).astype(np.int64)
    below = (np.searchsorted(unit, scores, "left") + np.searchsorted(unit, scores, "right") for unit in inside.units)
    wins = np.array([np.add.reduceat(both / 2, starts) for both in below])
    pairs: Values = (kept @ inside.sizes) * (passed @ outside.sizes)
    found: Values = np.sum((kept @ wins) * passed, axis=1) / pairs
    return found


def _average_precisions(inside: _Side, outside: _Side, kept: Values, passed: Values) -> Values:
    """At each score of an outlier: the outliers found there times the precision from the highest score down to it."""
    total = np.zeros(len(kept))
    for scores in outside.blocks(len(kept)):
        below = outside.below(scores)
        found = passed @ (outside.up_to(scores) - below)
        hits = passed @ (outside.sizes[:, None] - below)
        flagged = hits + kept @ (inside.sizes[:, None] - inside.below(scores))
        total += np.sum(found * hits / np.maximum(flagged, 1.0), axis=1)
    result: Values = total / (passed @ outside.sizes)
    return result


def _fprs_at_tpr(inside: _Side, outside: _Side, kept: Values, passed: Values, target_tpr: float) -> Values:
    """The first in-distribution score that keeps enough is the threshold of a row."""
    aim = (target_tpr - ROUNDING) * (kept @ inside.sizes)[:, None]
    blocks = list(inside.blocks(len(kept)))
    first = sum(np.sum(kept @ inside.up_to(scores) < aim, axis=1) for scores in blocks)
    return _accepted(outside, passed, np.concatenate(blocks)[first])


def _accepted(side: _Side, weights: Values, limits: Values) -> Values:
    """Share of the frames at or below the limit of each row, (R,)."""
    found: Values = np.sum(weights * side.up_to(limits).T, axis=1) / (weights @ side.sizes)
    return found


def _as_estimates(figures: Figures, inside: _Side, outside: _Side) -> dict[str, Estimate]:
    few = min(len(inside.lengths), len(outside.lengths)) < FEW_SOURCES
    units = min(len(inside.units), len(outside.units))
    made = {}
    for name, values in figures.items():
        value, (low, high) = float(values[0]), percentile_interval(values[1:], units)
        made[name] = Estimate(value, min(low, value), max(high, value), few)
    return made


def _check_tpr(tpr: float) -> None:
    if not 0.0 < tpr <= 1.0:
        raise ValueError(f"The true positive rate must lie above 0 and at most at 1, not at {tpr}.")


def _checked(in_scores: ArrayLike, out_scores: ArrayLike) -> tuple[Values, Values]:
    inside, outside = (np.asarray(scores, dtype=np.float64).ravel() for scores in (in_scores, out_scores))
    if not len(inside) or not len(outside):
        raise ValueError("Scores of both in-distribution frames and outliers are needed.")
    if not (np.isfinite(inside).all() and np.isfinite(outside).all()):
        raise ValueError("A score is not finite.")
    return inside, outside


def _is_outlier(inside: Values, outside: Values) -> NDArray[np.bool_]:
    return np.repeat([False, True], [len(inside), len(outside)])
