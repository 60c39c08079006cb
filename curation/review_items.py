"""What the page of the review queue needs of a segment: its frames and some before and after, as columns and runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Any

from django.db.models import Q

from curation import storage
from curation.models import Frame, Video
from curation.review_queue import Item
from curation.segment_rows import Rule
from curation.versions_seen import runs

MOST_FRAMES = 20_000  # of one item; a longer segment comes in parts
FEWEST_BESIDE, MOST_BESIDE = 8, 120  # frames shown before and after a segment
WATCH_S = 6 * 3600
Row = tuple[int, int, int, float, str, int, bool, float | None]


def payload(rule: Rule, items: Sequence[Item]) -> dict[str, Any]:
    """One query for all frames of all items, one row each."""
    rows = _rows(rule, items)
    return {
        "items": [_item(item, rows) for item in items],
        "videos": {item.segment.video_id: _video(item.segment.video) for item in items},
        "score": rule.score.value,
        "threshold": rule.threshold,
    }


def _ends(item: Item) -> tuple[int, int]:
    return item.segment.first, min(item.segment.last, item.segment.first + MOST_FRAMES - 1)


def _around(item: Item) -> tuple[int, int]:
    """First and last frame that is sent."""
    first, last = _ends(item)
    beside = min(max((last - first + 1) // 2, FEWEST_BESIDE), MOST_BESIDE)
    return max(0, first - beside), last + beside


def _rows(rule: Rule, items: Sequence[Item]) -> dict[int, list[Row]]:
    """Per video: its frames that any of the items needs, in order."""
    if not items:
        return {}
    wanted = reduce(or_, (Q(video=item.segment.video_id, number__range=_around(item)) for item in items))
    frames = Frame.objects.filter(wanted).measured(rule.version, rule.score)
    columns = ("video_id", "number", "id", "time_s", "verdict", "review_version", "shot_start")
    found: dict[int, list[Row]] = defaultdict(list)
    for row in frames.order_by("video_id", "number").values_list(*columns, "measure"):
        found[row[0]].append(row)
    return found


def _item(item: Item, rows: dict[int, list[Row]]) -> dict[str, Any]:
    (first, last), (low, high) = _ends(item), _around(item)
    frames = [row for row in rows.get(item.segment.video_id, []) if low <= row[1] <= high]
    return {
        "segment": item.segment.pk,
        "cursor": item.cursor,
        "video": item.segment.video_id,
        "first": first,
        "last": last,
        "isOutlier": item.segment.is_outlier,
        "from": frames[0][1] if frames else first,
        "ids": _steps([row[2] for row in frames]),
        "times": [round(row[3], 3) for row in frames],
        "verdicts": [(word, len(list(group))) for word, group in groupby(row[4] for row in frames)],
        "versions": runs([row[5] for row in frames]),
        "shots": [row[1] for row in frames if row[6]],
        "values": [None if row[7] is None else float(f"{row[7]:.4g}") for row in frames],
    }


def _steps(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Ids as runs that go up by one: (first, how many)."""
    ordered = list(ids)
    groups = groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0])
    return [(group[0][1], len(group)) for _, found in groups for group in [list(found)]]


def _video(video: Video) -> dict[str, Any]:
    url = storage.presign_get(video.key, content_type=video.content_type, expires_s=WATCH_S)
    return {"name": video.name, "url": url, "duration": video.duration_s}
