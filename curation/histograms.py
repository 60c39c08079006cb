"""How the scores of frames are spread: drawn from kept counts, for one video from its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from django.db.models import Max, Min

from curation import scores, tallies
from curation.gallery_filters import GalleryFilters
from curation.models import Dataset, FrameProbability, FrameScore, ModelVersion, Score, Verdict
from curation.score_bins import Counts, Values, bars, spaced
from curation.tally_tables import COLUMN, VERDICTS, Table

Spacing = Callable[[str, float, float, int], Values]

BARS, FEWEST_BARS, MOST_BARS = 80, 10, 400
NAMES = {Verdict.NONE: "none", Verdict.IN: "in", Verdict.OUT: "out", Verdict.UNSURE: "unsure"}


def histogram(version: ModelVersion, score: str = Score.RECONSTRUCTION_LOSS, bins: int = 60) -> dict[str, Any]:
    """One score of the frames by this version: `bins` + 1 edges, counts of all frames that have it, and of those judged
    IN and OUT."""
    edges, counts = _of_version(version, score, bins, tallies.of_version(version))
    return {
        "edges": edges.tolist(),
        "counts": counts.sum(axis=1).tolist(),
        "in": counts[:, COLUMN[Verdict.IN]].tolist(),
        "out": counts[:, COLUMN[Verdict.OUT]].tolist(),
        "threshold": version.threshold_of(score),
    }


def for_gallery(
    dataset: Dataset, filters: GalleryFilters, *, bins: int = BARS, threshold: float | None = None
) -> dict[str, Any]:
    """The score that the gallery sorts by, of every frame that it could show whatever the verdict and the range: of the
    data set, or of one video. `threshold`: to count above this one instead of the version's.

    `edges` (bins + 1,) run from the lowest to the highest score that there is, losses far apart by ratio; `none`,
    `in`, `out`, `unsure` (bins,); `above` counts exactly; `low`, `high` are the range asked for. All empty before there
    is a model.
    """
    version = dataset.active_version
    if version is None:
        return _answer(filters.score, np.zeros(0), np.zeros((0, 4), np.int64), filters)
    score = scores.settled(version, filters.score)
    limit = version.threshold_of(score) if threshold is None else threshold
    bins = min(max(bins, FEWEST_BARS), MOST_BARS)
    if filters.video:
        edges, counts, above = _of_video(version, filters.video, score, bins, limit)
        fresh: dict[str, Any] = {}
    else:
        kept = tallies.of_dataset(dataset)
        edges, counts = _of_version(version, score, bins, kept.table or {}, spaced)
        above = tallies.above(version, score, limit, kept.table)
        fresh = {"scored": kept.scored, "frames": sum(kept.frames), "fresh": kept.scored == sum(kept.frames)}
    return _answer(score, edges, counts, filters) | {
        "threshold": limit,
        "quantiles": version.quantiles_of(score),
        "above": dict(zip(NAMES.values(), above, strict=True)),
        "version": version.number,
        **fresh,
    }


def _answer(score: Score, edges: Values, counts: Counts, filters: GalleryFilters) -> dict[str, Any]:
    columns = {NAMES[Verdict(verdict)]: counts[:, COLUMN[verdict]].tolist() for verdict in VERDICTS}
    return {
        "score": score.value,
        "sort": scores.NAMES[score],
        "label": scores.WORDS[score],
        "edges": edges.tolist(),
        **columns,
        "low": filters.low,
        "high": filters.high,
        "threshold": None,
        "quantiles": [],
        "above": dict.fromkeys(columns, 0),
    }


def _of_version(
    version: ModelVersion, score: str, bins: int, table: Table, edges: Spacing | None = None
) -> tuple[Values, Counts]:
    low, high = _ends(version, score)
    if low is None or high is None or not table[score].any():
        return np.zeros(0), np.zeros((0, len(VERDICTS)), np.int64)
    return bars(score, table[score], low, high, bins, edges and edges(score, low, high, bins))


def _ends(version: ModelVersion, score: str) -> list[float | None]:
    """Lowest and highest, one at a time: for both at once the database reads every row."""
    if score == Score.PROBABILITY:
        likely = FrameProbability.objects.of_version(version)
        return [likely.aggregate(edge=end("value"))["edge"] for end in (Min, Max)]
    rows = FrameScore.objects.of_version(version).having(score)
    return [rows.aggregate(edge=end(score))["edge"] for end in (Min, Max)]


def _of_video(
    version: ModelVersion, video: int, score: str, bins: int, threshold: float | None
) -> tuple[Values, Counts, list[int]]:
    rows = FrameScore.objects.of_version(version).having(score).filter(video=video)
    found = list(rows.order_by().values_list(score, "verdict"))
    if not found:
        return np.zeros(0), np.zeros((0, len(VERDICTS)), np.int64), [0] * len(VERDICTS)
    values = np.array([value for value, _ in found])
    verdicts = np.array([COLUMN[verdict] for _, verdict in found])
    edges = spaced(score, float(values.min()), float(values.max()), bins)
    counts = [np.histogram(values[verdicts == column], edges)[0] for column in range(len(VERDICTS))]
    beyond = values > (np.inf if threshold is None else threshold)
    above = [int((beyond & (verdicts == column)).sum()) for column in range(len(VERDICTS))]
    return edges, np.stack(counts, axis=1), above
