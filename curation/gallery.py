"""The gallery: pages of frames, worst first, their neighbours, and how far the review is.

The orders, with their filters and cursors, are in curation/gallery_by_score.py and gallery_lists.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db.models import Count, Q, Sum

from curation import gallery_copies, scores, tallies
from curation.gallery_by_score import ByScore
from curation.gallery_filters import GalleryFilters
from curation.gallery_lists import ByNumber, BySelection, selection_of
from curation.gallery_order import Card, GalleryPage, Order, Position
from curation.histograms import histogram
from curation.models import Dataset, Frame, Score
from curation.video_list import WORKING

__all__ = [
    "Card",
    "Counts",
    "GalleryFilters",
    "GalleryPage",
    "copies_of",
    "counts",
    "histogram",
    "neighbours",
    "page",
    "page_around",
]

PAGE_SIZE = 60
LEAD_IN = 24


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How far a dataset is. `scored` is by the active version, `without_probability` among them. `above` counts the
    frames above the threshold of the score that the data set flags by."""

    frames: int
    scored: int
    without_probability: int
    reviewed: int
    in_: int
    out: int
    unsure: int
    above: int
    is_moving: bool  # a video is still on its way


def page(dataset: Dataset, filters: GalleryFilters, after: str | None, size: int = PAGE_SIZE) -> GalleryPage:
    """The `size` frames that follow the cursor; without it the first ones, or those around the score that the filters
    start at. Raises Problem for a broken cursor."""
    order = _order(dataset, filters)
    start = None if after else order.start()
    if start is not None:
        return _around(order, start, [], size)
    cards = order.following(order.read_cursor(after) if after else None, size + 1)
    return _with_copies(order.page(cards, size, is_from_top=after is None))


def page_around(dataset: Dataset, filters: GalleryFilters, frame: Frame, size: int = PAGE_SIZE) -> GalleryPage:
    """A page that holds `frame` with a few before it: where somebody left the gallery."""
    order = _order(dataset, filters)
    position = order.position(frame)
    if position is None:
        return page(dataset, filters.without("start"), None, size)
    return _around(order, position, order.at(frame), size)


def _around(order: Order, position: Position, here: list[Card], size: int) -> GalleryPage:
    """What stands at the position and follows it, with a few before it."""
    before = order.flipped().following(position, LEAD_IN + 1)
    lead_in = list(reversed(before[:LEAD_IN]))
    rest = [*here, *order.following(position, size + 1)]
    found = order.page([*lead_in, *rest], len(lead_in) + size, is_from_top=len(before) <= LEAD_IN)
    return _with_copies(replace(found, starts_at=rest[0].frame.pk if rest else None))


def _with_copies(found: GalleryPage) -> GalleryPage:
    return replace(found, cards=gallery_copies.looked_up(found.cards))


def copies_of(dataset: Dataset, filters: GalleryFilters, frame: Frame) -> GalleryPage:
    """The near copies of a frame as a page of their own; without any where nothing is folded."""
    order = _order(dataset, filters)
    cards = gallery_copies.of(order, frame) if isinstance(order, ByScore) else []
    return order.page(cards, len(cards), is_from_top=False)


def neighbours(dataset: Dataset, filters: GalleryFilters, frame: Frame) -> tuple[int | None, int | None]:
    """Ids of the frames before and after in the gallery's order, whether or not `frame` passes the filters itself."""
    order = _order(dataset, filters)
    position = order.position(frame)
    if position is None:
        return None, None
    before, after = (direction.following(position, 1) for direction in (order.flipped(), order))
    return (before[0].frame.pk if before else None), (after[0].frame.pk if after else None)


def matching(dataset: Dataset, filters: GalleryFilters) -> int:
    """How many frames pass the filters. Reads every row of one video, and of a data set without scores."""
    return _order(dataset, filters).count()


def passing(dataset: Dataset, filters: GalleryFilters, most: int) -> list[tuple[int, int]]:
    """(id, review version) of up to `most` frames: all that the gallery's tiles stand for, in its order."""
    return _order(dataset, filters).passing(most)


def _order(dataset: Dataset, filters: GalleryFilters) -> Order:
    """By the score asked for; by outlier score as long as there are no probabilities."""
    version = dataset.active_version
    if filters.selection:
        score = scores.settled(version, filters.score) if version else None
        return BySelection(selection_of(dataset, filters.selection), version, score)
    if version is None:
        return ByNumber(dataset, filters)
    if filters.score != Score.PROBABILITY:
        return ByScore(version, filters, filters.score)
    calibration = scores.calibration_of(version)
    return ByScore(version, filters, Score.PROBABILITY if calibration else Score.OOD_SCORE, calibration)


def counts(dataset: Dataset) -> Counts:
    """How many frames there are, are scored, are judged; from kept counts, never counted."""
    moving = Count("pk", filter=Q(state__in=WORKING))
    videos = dataset.videos.order_by().aggregate(frames=Sum("frame_count"), moving=moving)
    kept, version = tallies.of_dataset(dataset), dataset.active_version
    score = scores.flag_score(dataset, version) if version else None
    limit = version.threshold_of(score) if version and score else None
    above = tallies.above(version, score, limit, kept.table) if version and score else []
    _, in_, out, unsure = kept.frames
    return Counts(
        frames=videos["frames"] or 0,
        scored=kept.scored,
        without_probability=kept.without_probability,
        reviewed=in_ + out + unsure,
        in_=in_,
        out=out,
        unsure=unsure,
        above=sum(above),
        is_moving=videos["moving"] > 0,
    )
