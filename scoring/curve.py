"""The label-efficiency curve: what was measured in the folds of a rehearsal, as lines and as a table. NumPy only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.metrics import auroc, average_precision, fpr_at_tpr
from scoring.resampling import RESAMPLES, draws, percentile_interval

ALL = "mean of sets"
BASE = "reconstruction_loss"
MEASURES = ("auroc", "ap", "fpr95")

Values = NDArray[np.float64]
Key = tuple[str, int, str]  # method, reviews, set


@dataclass(frozen=True)
class Point:
    """One method after so many reviews on one set: means over folds of AUROC, average precision and FPR at 95 % TPR,
    with 95 % intervals over folds; gain: in AUROC over raw reconstruction loss in the same folds."""

    method: str
    reviews: int
    ood: str
    auroc: float
    ap: float
    fpr95: float
    interval: tuple[float, float]
    fpr95_interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
    folds: int
    sources: int


@dataclass(frozen=True)
class Outcome:
    """One method on one set in one fold by one seed."""

    fold: int
    method: str
    reviews: int
    ood: str
    auroc: float
    ap: float
    fpr95: float
    sources: int


def outcome(
    fold: int, method: str, reviews: int, ood: str, inside: Sequence[Values], outside: Sequence[Values]
) -> Outcome:
    """From scores (n,) of each tested source, higher = more outlying. Raises ValueError without any on a side."""
    ins, outs = np.concatenate(inside), np.concatenate(outside)
    figures = auroc(ins, outs), average_precision(ins, outs), fpr_at_tpr(ins, outs, 0.95)
    return Outcome(fold, method, reviews, ood, *figures, len(outside))


def points(outcomes: Iterable[Outcome], seed: int = 0) -> list[Point]:
    """A point for each method, number of reviews and set, in the order met, and for the mean of the sets of each fold.
    Seeds of a fold are averaged first: they differ far less than sources do. Intervals are percentiles of a bootstrap
    over folds, which share sources, so they are somewhat too narrow."""
    cells: dict[Key, dict[int, list[Values]]] = defaultdict(lambda: defaultdict(list))
    sources: dict[Key, int] = defaultdict(int)
    for each in outcomes:
        figures = np.array([each.auroc, each.ap, each.fpr95])
        cells[each.method, each.reviews, each.ood][each.fold].append(figures)
        sources[each.method, each.reviews, each.ood] += each.sources
        cells[each.method, each.reviews, ALL][each.fold].append(figures)
    means = {key: {fold: np.mean(found, axis=0) for fold, found in folds.items()} for key, folds in cells.items()}
    return [_point(key, folds, means.get((BASE, 0, key[2]), {}), sources[key], seed) for key, folds in means.items()]


def _point(key: Key, folds: dict[int, Values], base: dict[int, Values], sources: int, seed: int) -> Point:
    rows = np.array([folds[fold] for fold in sorted(folds)])
    gains = np.array([folds[fold][0] - base[fold][0] for fold in sorted(folds) if fold in base])
    method, reviews, ood = key
    area, precision, fpr = rows.mean(0).tolist()
    return Point(
        method,
        reviews,
        ood,
        auroc=area,
        ap=precision,
        fpr95=fpr,
        interval=_interval(rows[:, 0], seed),
        fpr95_interval=_interval(rows[:, 2], seed),
        gain=float(gains.mean()) if len(gains) else 0.0,
        gain_interval=_interval(gains, seed) if len(gains) else (0.0, 0.0),
        folds=len(rows),
        sources=sources,
    )


def _interval(figures: Values, seed: int) -> tuple[float, float]:
    drawn = draws(len(figures), RESAMPLES, np.random.default_rng(seed))
    return percentile_interval(drawn @ figures / len(figures), len(figures))


def table(found: Sequence[Point]) -> str:
    """Markdown: a row per method and number of reviews, AUROC and FPR95 with intervals per set."""
    sets = [*dict.fromkeys(point.ood for point in found if point.ood != ALL), ALL]
    cells = {(point.method, point.reviews, point.ood): point for point in found}
    rows = list(dict.fromkeys((point.method, point.reviews) for point in found))
    head = ["score", "reviews", *sets]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for method, reviews in rows:
        shown = [_cell(cells.get((method, reviews, name))) for name in sets]
        lines.append("| " + " | ".join([method.replace("_", " "), str(reviews), *shown]) + " |")
    return "\n".join(lines)


def _cell(point: Point | None) -> str:
    if point is None:
        return ""
    low, high = point.interval
    return f"{point.auroc:.3f} [{low:.2f}, {high:.2f}], FPR95 {point.fpr95:.2f}"
