"""What the timeline of a video shows: its frames as columns and runs, and its segments."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from curation.models import Dataset, Frame, Segment, Video
from curation.segment_rows import Rule, rule_of
from curation.versions_seen import runs

MOST_FRAMES = 100_000  # 28 hours of a frame a second; what lies behind is left out

Row = tuple[int, int, float, str, int, bool, float | None]


def look(dataset: Dataset, video: Video) -> dict[str, Any]:
    """The timeline as JSON, in the shape in which the review queue sends stretches of a video; at most four queries.

    `from`: number of the first frame; then one entry per frame, in order: `times` in seconds, `values` of the score
    that flags (null where a frame has none), and as runs `ids`, `verdicts` and `versions`. `shots`: numbers of frames
    that begin one. `isCurrent`: whether the segments are by what flags frames now. `isCut`: there are more frames."""
    rule = rule_of(dataset)
    rows = _rows(video, rule)
    shown = rows[:MOST_FRAMES]
    return {
        "video": video.pk,
        "duration": video.duration_s,
        "score": rule.score.value if rule else "",
        "label": rule.score.label if rule else "",
        "threshold": rule.threshold if rule else None,
        "from": shown[0][1] if shown else 0,
        "ids": _steps([row[0] for row in shown]),
        "times": [round(row[2], 3) for row in shown],
        "values": [None if row[6] is None else float(f"{row[6]:.4g}") for row in shown],
        "verdicts": [(word, len(list(group))) for word, group in groupby(row[3] for row in shown)],
        "versions": runs([row[4] for row in shown]),
        "shots": [row[1] for row in shown if row[5]],
        "segments": segments_of(video),
        "isCurrent": rule is None or video.segmented_by == rule.key,
        "isCut": len(rows) > len(shown),
    }


def segments_of(video: Video) -> list[dict[str, Any]]:
    """The video's segments in the order of its frames. Whether they are judged stands in the frames' verdicts."""
    return [_segment(row) for row in video.segments.select_related("judged_by").order_by("first")]


def _segment(row: Segment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "first": row.first,
        "last": row.last,
        "isOutlier": row.is_outlier,
        "mean": row.mean,
        "worst": row.worst,
        "worstNumber": row.worst_number,
        "verdict": row.verdict,
        "reason": row.reason,
        "by": row.judged_by.get_username() if row.judged_by else "",
    }


def _rows(video: Video, rule: Rule | None) -> list[Row]:
    """One more than is shown, if there is one."""
    names = ("id", "number", "time_s", "verdict", "review_version", "shot_start")
    frames = Frame.objects.filter(video=video).order_by("number")
    if rule is None:
        return [(*row, None) for row in frames.values_list(*names)[: MOST_FRAMES + 1]]
    scored = frames.measured(rule.version, rule.score)
    return list(scored.values_list(*names, "measure")[: MOST_FRAMES + 1])


def _steps(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Ids as runs that go up by one: (first, how many)."""
    groups = groupby(enumerate(ids), key=lambda pair: pair[1] - pair[0])
    return [(group[0][1], len(group)) for _, found in groups for group in [list(found)]]
