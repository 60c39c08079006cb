"""The gallery: pages of frames, worst first, their neighbours, and how the scores are spread.

The order itself, with its filters and cursors, is in curation/gallery_order.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import Floor

from curation import scores
from curation.gallery_filters import GalleryFilters
from curation.gallery_order import JUDGED, ByNumber, ByScore, Card, GalleryPage, Order
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Score, ScoredPack, Verdict
from curation.video_list import WORKING

__all__ = [
    "Card",
    "Counts",
    "GalleryFilters",
    "GalleryPage",
    "counts",
    "histogram",
    "neighbours",
    "page",
    "page_around",
]

PAGE_SIZE = 60
LEAD_IN = 24
EXACT_UP_TO = 50_000


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How far a dataset is. `scored` is by the active version; it is rounded beyond 50 000 frames. `above` counts the
    frames above the threshold of the score that the data set flags by."""

    frames: int
    scored: int
    reviewed: int
    in_: int
    out: int
    unsure: int
    above: int
    is_moving: bool  # a video is still on its way


def page(dataset: Dataset, filters: GalleryFilters, after: str | None, size: int = PAGE_SIZE) -> GalleryPage:
    """The `size` frames that follow the cursor; the first ones without it. Raises Problem for a broken cursor."""
    order = _order(dataset, filters)
    cards = order.following(order.read_cursor(after) if after else None, size + 1)
    return order.page(cards, size, is_from_top=after is None)


def page_around(dataset: Dataset, filters: GalleryFilters, frame: Frame, size: int = PAGE_SIZE) -> GalleryPage:
    """A page that holds `frame` with a few before it: where somebody left the gallery."""
    order = _order(dataset, filters)
    position = order.position(frame)
    if position is None:
        return page(dataset, filters, None, size)
    before = order.flipped().following(position, LEAD_IN + 1)
    lead_in = list(reversed(before[:LEAD_IN]))
    rest = [*order.at(frame), *order.following(position, size + 1)]
    found = order.page([*lead_in, *rest], len(lead_in) + size, is_from_top=len(before) <= LEAD_IN)
    return replace(found, starts_at=rest[0].frame.pk if rest else None)


def neighbours(dataset: Dataset, filters: GalleryFilters, frame: Frame) -> tuple[int | None, int | None]:
    """Ids of the frames before and after in the gallery's order, whether or not `frame` passes the filters itself."""
    order = _order(dataset, filters)
    position = order.position(frame)
    if position is None:
        return None, None
    before, after = (direction.following(position, 1) for direction in (order.flipped(), order))
    return (before[0].frame.pk if before else None), (after[0].frame.pk if after else None)


def matching(dataset: Dataset, filters: GalleryFilters) -> int:
    """How many frames pass the filters. Reads them all: ask only at the end of the gallery."""
    return _order(dataset, filters).count()


def _order(dataset: Dataset, filters: GalleryFilters) -> Order:
    """By the score asked for; by outlier score as long as there are no probabilities."""
    version = dataset.active_version
    if version is None:
        return ByNumber(dataset, filters)
    if filters.score != Score.PROBABILITY:
        return ByScore(version, filters, filters.score)
    calibration = scores.calibration_of(version)
    return ByScore(version, filters, Score.PROBABILITY if calibration else Score.OOD_SCORE, calibration)


def histogram(version: ModelVersion, score: str = Score.RECONSTRUCTION_LOSS, bins: int = 60) -> dict[str, Any]:
    """One score of the frames by this version: `bins` + 1 edges, counts of all frames that have it, and of those judged
    IN and OUT."""
    rows = FrameScore.objects.of_version(version).filter(**{f"{score}__isnull": False})
    low, high = (rows.aggregate(edge=edge(score))["edge"] for edge in (Min, Max))
    threshold = version.threshold_of(score)
    empty: dict[str, Any] = {"edges": [], "counts": [], "in": [], "out": [], "threshold": threshold}
    if low is None:
        return empty
    width = (high - low) / bins or 1.0
    by_verdict = {verdict: [0] * bins for verdict in Verdict.values}
    binned = rows.annotate(bin=Floor((F(score) - low) / width)).values_list("bin", "verdict")
    for bin_, verdict, frames in binned.annotate(frames=Count("pk")).order_by():
        by_verdict[verdict][min(int(bin_), bins - 1)] += frames
    return {
        "edges": [low + width * i for i in range(bins + 1)],
        "counts": [sum(column) for column in zip(*by_verdict.values(), strict=True)],
        "in": by_verdict[Verdict.IN],
        "out": by_verdict[Verdict.OUT],
        "threshold": threshold,
    }


def counts(dataset: Dataset) -> Counts:
    """How many frames there are, are scored, are judged; none of it reads more than 50 000 rows."""
    moving = Count("pk", filter=Q(state__in=WORKING))
    videos = dataset.videos.order_by().aggregate(frames=Sum("frame_count"), moving=moving)
    frames = videos["frames"] or 0
    judged = Frame.objects.filter(video__in=dataset.videos.values("pk"), verdict__in=JUDGED)
    by_verdict = dict(judged.order_by().values_list("verdict").annotate(frames=Count("pk")))
    version = dataset.active_version
    return Counts(
        frames=frames,
        scored=_scored(version, frames) if version else 0,
        reviewed=sum(by_verdict.values()),
        in_=by_verdict.get(Verdict.IN, 0),
        out=by_verdict.get(Verdict.OUT, 0),
        unsure=by_verdict.get(Verdict.UNSURE, 0),
        above=scores.flagged(dataset, version) if version else 0,
        is_moving=videos["moving"] > 0,
    )


def _scored(version: ModelVersion, frames: int) -> int:
    """Exact for a small dataset; for a large one by whole packs, because counting rows would read them all."""
    rows = FrameScore.objects.of_version(version)
    counted = rows.values("pk")[: EXACT_UP_TO + 1].count()
    if counted <= EXACT_UP_TO:
        return counted
    packs = ScoredPack.objects.filter(model_version=version)
    return max(counted, packs.aggregate(total=Sum("pack__frame_count"))["total"] or 0)
