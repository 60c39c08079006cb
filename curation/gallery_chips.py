"""What narrows the gallery, as chips: each says one thing, and leads to the list without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import UUID

from curation.gallery_filters import GalleryFilters
from curation.models import Dataset, Frame, Score, Selection
from curation.scores import SHORT, shown
from curation.templatetags.framesift import clock

VERDICTS = {"unreviewed": "Unreviewed", "reviewed": "Reviewed", "out": "OUT", "in": "IN", "unsure": "Unsure"}
SIDES = {"above": "Above the threshold", "below": "Below the threshold"}
ADDRESS = {"start": "from"}  # field -> its name in addresses, where that is another word


@dataclass(frozen=True, kw_only=True)
class Chip:
    """`fields`: the names in addresses of what it stands for, apart by spaces; `query`: the address without them."""

    label: str
    fields: str
    query: str


def chips(
    dataset: Dataset, filters: GalleryFilters, score: Score | None, *, names: Mapping[int, str] | None = None
) -> list[Chip]:
    """One per filter. `score` is the one that sorts; None before there is a model. `names`: of videos, where the caller
    has them: saves a query."""
    return [
        Chip(
            label=label,
            fields=" ".join(ADDRESS.get(field, field) for field in fields),
            query=filters.without(*fields).query(),
        )
        for label, *fields in _said(dataset, filters, score or filters.score, names or {})
    ]


def cleared(filters: GalleryFilters) -> str:
    """The address with every chip taken away; the order stays."""
    return filters.without("video", "verdict", "side", "low", "high", "copies", "start", "selection").query()


def _said(
    dataset: Dataset, filters: GalleryFilters, score: Score, names: Mapping[int, str]
) -> Iterator[tuple[str, ...]]:
    """(words, fields ...) of each."""
    if filters.selection:
        yield _list(dataset, filters.selection), "selection"
    if filters.video:
        name = (
            names.get(filters.video) or dataset.videos.filter(pk=filters.video).values_list("name", flat=True).first()
        )
        yield name or "A video that is gone", "video"
    if filters.verdict:
        yield VERDICTS[filters.verdict], "verdict"
    if filters.side:
        yield SIDES[filters.side], "side"
    if filters.is_ranged:
        yield f"{SHORT[score]} {_range(filters, score)}", "low", "high"
    if filters.copies:
        yield "Near copies one by one", "copies"
    if filters.start is not None:
        yield f"From {SHORT[score].lower()} {shown(filters.start, score)}", "start"


def _range(filters: GalleryFilters, score: Score) -> str:
    low, high = shown(filters.low, score), shown(filters.high, score)
    if filters.low is None:
        return f"up to {high}"
    return f"from {low}" if filters.high is None else f"{low} to {high}"


def _list(dataset: Dataset, uuid: UUID) -> str:
    """What a frozen list is a list of: frames like one (curation/similar.py), or what passed some filters."""
    made = Selection.objects.filter(dataset=dataset, uuid=uuid).only("query", "count").first()
    if made is None:
        return "A list that is gone"
    like = dict(parse_qsl(made.query)).get("like", "")
    frame = Frame.objects.filter(pk=like, video__dataset=dataset).select_related("video") if like.isdigit() else None
    model = frame.first() if frame is not None else None
    if model is None:
        return f"A list of {made.count:,} frames"
    return f"{made.count - 1:,} frames like {clock(model.time_s)} {model.video.name}"
