"""The review queue: segments with a frame that nobody judged, in an order that a person chose.

Keyset, never OFFSET: an item's cursor is its own place in the order, which stands also when the segment is settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from curation.models import Dataset, Segment
from curation.problems import Problem

Key = tuple[float, int]
MOST_DIGITS = 18
BROKEN_CURSOR = "That link to a place in the queue is broken. Start again from the top."


@dataclass(frozen=True, kw_only=True)
class Order:
    """`field` sorts, `tie` decides where it is equal. `by_side`: all outlying segments come before the others."""

    label: str
    about: str
    field: str
    tie: str = "id"
    is_downward: bool = False
    by_side: bool = False

    @property
    def columns(self) -> list[str]:
        """The tie goes down with the field where it is the id, so that an index can be read backwards."""
        sign = "-" if self.is_downward else ""
        return [sign + self.field, (sign if self.tie == "id" else "") + self.tie]

    def after(self, key: Key) -> Q:
        """What comes after this key. The bound on the field alone lets an index find the place."""
        value, tie = key
        way = "lt" if self.is_downward else "gt"
        tie_way = way if self.tie == "id" else "gt"
        beyond = Q(**{f"{self.field}__{way}": value})
        level = Q(**{self.field: value, f"{self.tie}__{tie_way}": tie})
        return Q(**{f"{self.field}__{way}e": value}) & (beyond | level)

    def key(self, row: Segment) -> Key:
        return getattr(row, self.field), getattr(row, self.tie)


ORDERS = {
    "worst": Order(label="Worst", about="The highest score first", field="worst", is_downward=True, by_side=True),
    "uncertain": Order(label="Uncertain", about="Where the model is least sure first", field="certainty"),
    "diverse": Order(label="Diverse", about="Each as unlike the others as can be", field="diversity", by_side=True),
    "audit": Order(label="Random", about="All segments in a random order", field="draw"),
    "newest": Order(
        label="Newest", about="The newest video first, in its own order",
        field="video_id", tie="first", is_downward=True,
    ),
}  # fmt: skip
SIDES = {"all": "Outlying first", "out": "Outlying only", "in": "The others only"}


@dataclass(frozen=True, kw_only=True)
class QueueFilters:
    order: str = "worst"
    side: str = "all"
    video: int | None = None

    @classmethod
    def from_query(cls, query: QueryDict) -> QueueFilters:
        """Raises Problem for a value that is none of those on offer; names it doesn't know are left alone."""
        order, side, video = query.get("order") or "worst", query.get("side") or "all", query.get("video", "")
        if order not in ORDERS:
            raise Problem(f"The queue can be ordered by {', '.join(ORDERS)}; not by {order[:20]!r}.")
        if side not in SIDES:
            raise Problem(f"The side of the threshold is {', '.join(SIDES)}; not {side[:20]!r}.")
        if video and not (video.isascii() and video.isdigit() and len(video) <= MOST_DIGITS):
            raise Problem("That isn't a video of this data set.")
        return cls(order=order, side=side, video=int(video) if video else None)

    def query(self) -> str:
        """URL-encoded, without what is the default; the cursor is no part of it."""
        asked = {"order": self.order, "side": self.side, "video": self.video}
        usual = {"order": "worst", "side": "all", "video": None}
        return urlencode({name: value for name, value in asked.items() if value != usual[name]})

    @property
    def is_narrowed(self) -> bool:
        return self.side != "all" or self.video is not None

    @property
    def parts(self) -> list[bool | None]:
        """Which sides come one after the other; None: both, mixed."""
        if self.side != "all":
            return [self.side == "out"]
        return [True, False] if ORDERS[self.order].by_side else [None]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A segment; `cursor` asks for what comes after it in the queue, and is empty for one asked for by name."""

    segment: Segment
    cursor: str = ""


def items(dataset: Dataset, filters: QueueFilters, *, after: str = "", count: int) -> list[Item]:
    """The next `count` items; at most two queries. Raises Problem for a broken cursor."""
    part, key = _place(filters, after)
    return list(islice(_from(dataset, filters, part, key, count), count))


def _from(dataset: Dataset, filters: QueueFilters, part: int, key: Key | None, count: int) -> Iterator[Item]:
    order = ORDERS[filters.order]
    for number, side in enumerate(filters.parts[part:], start=part):
        rows = _open(dataset, filters, side).order_by(*order.columns)
        if key is not None and number == part:
            rows = rows.filter(order.after(key))
        for row in rows.select_related("video")[:count]:
            yield Item(segment=row, cursor=_cursor(number, order.key(row)))


def _open(dataset: Dataset, filters: QueueFilters, side: bool | None) -> QuerySet[Segment]:
    rows = Segment.objects.filter(dataset=dataset).open()
    if side is not None:
        rows = rows.on_side(is_outlier=side)
    return rows if filters.video is None else rows.filter(video=filters.video)


def _cursor(part: int, key: Key) -> str:
    return f"{part}~{key[0]!r}~{key[1]}"


def _place(filters: QueueFilters, cursor: str) -> tuple[int, Key | None]:
    """Where a cursor points: which part of the order, and the key there."""
    if not cursor:
        return 0, None
    try:
        part, value, tie = cursor[:80].split("~")
        place, number = int(part), float(value)
        if not (0 <= place < len(filters.parts) and math.isfinite(number) and 0 <= int(tie) < 2**63):
            raise ValueError(cursor)
    except ValueError:
        raise Problem(BROKEN_CURSOR) from None
    is_whole = ORDERS[filters.order].field in ("video_id", "diversity")
    return place, (int(number) if is_whole else number, int(tie))


def at(dataset: Dataset, video_id: int, first: int, last: int) -> Item | None:
    """The segment of exactly these frames, or one drawn for the look of it where the rows have other edges by now: what
    an undo brings back. None for frames that don't exist."""
    rows = Segment.objects.filter(dataset=dataset, video=video_id, first__lte=last, last__gte=first)
    row = rows.select_related("video").order_by("first").first()
    if row is None or first > last:
        return None
    if (row.first, row.last) != (first, last):
        row.pk, row.first, row.last = None, first, last
    return Item(segment=row)
