"""Segments: finding a video's, asking for those of a data set, and keeping them true to what people say.

How a segment's borders are moved by people is in curation/segment_edges.py, how rows are made in segment_rows.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from curation import jobs
from curation.models import Dataset, Frame, Job, Segment, Verdict, Video
from curation.segment_edges import WITHIN, cover, move_edge, take_back
from curation.segment_rows import Rule, Track, drafts, lock, rule_of, store, track
from scoring.segments import SIDE, runs, telling_shots

__all__ = [
    "Rule",
    "SegmentStatus",
    "cover",
    "lock",
    "move_edge",
    "open_frames",
    "rebuild",
    "recount",
    "request",
    "rule_of",
    "stale_videos",
    "status",
]


@dataclass(frozen=True, kw_only=True)
class SegmentStatus:
    """How far the segments are. `progress`: share of the finished videos, 0 to 1, whose segments are by the version,
    score and threshold of now; `is_current` when all are. `eta_s`: seconds left, None while that can't be said. `job`:
    the one at work, or the last one, whose reason says why it failed; not looked up while nothing is missing.
    `open_outliers` and `open_all` count segments with a frame that nobody judged, `settled` the others."""

    is_current: bool
    progress: float
    eta_s: float | None
    open_outliers: int
    open_all: int
    settled: int
    job: Job | None = None

    @property
    def is_moving(self) -> bool:
        return self.job is not None and self.job.is_open


def rebuild(*, video: Video) -> int:
    """Make the video's rows anew by what flags its data set's frames now: their number. 0, and nothing changes, without
    an active version and while the video is not ready or lacks scores by it. Segments that a person judged keep their
    frames and the word on them, the others are cut round them; rows whose frames stay the same stay."""
    with transaction.atomic():
        lock([video.pk])
        now = Video.objects.select_related("dataset__active_version").get(pk=video.pk)
        rule = rule_of(now.dataset)
        if rule is None or now.state not in (Video.State.READY, Video.State.READY_WITH_WARNING):
            return 0
        found = track(now.pk, rule)
        if not found.is_scored:
            return 0
        before = list(now.segments.all())
        after = drafts(now, rule, found, _firsts(found, before))
        _rank_within(after)
        store(before, after)
        Video.objects.filter(pk=now.pk).update(segmented_by=rule.key)
        return len(after)


def _firsts(found: Track, before: Iterable[Segment]) -> list[int]:
    """Numbers at which segments begin: by the scores, and round the ones that a person judged."""
    cuts = telling_shots(found.probability, found.shot_start)
    kept = [row for row in before if row.verdict != Verdict.NONE and row.last <= found.number[-1]]
    for row in kept:
        cuts[[place for place in (found.place(row.first), found.place(row.last + 1)) if place < len(cuts)]] = True
    begun = runs(found.values, found.time_s, found.probability > SIDE, cuts)
    firsts = np.array([int(found.number[span.first]) for span in begun])
    inside = np.zeros(len(firsts), np.bool_)
    for row in kept:
        inside |= (firsts > row.first) & (firsts <= row.last)
    numbers: list[int] = firsts[~inside].tolist()
    return numbers


def _rank_within(rows: Sequence[Segment]) -> None:
    """Rounds over the videos: the worst of each video come first, then the second worst. Until a job ranks all."""
    for side in (True, False):
        ranked = sorted((row for row in rows if row.is_outlier == side), key=lambda row: -row.worst)
        for rank, row in enumerate(ranked):
            row.diversity = rank


def request(*, dataset: Dataset, by: str = "") -> Job | None:
    """Ask for the segments of every video by what flags frames now; None without an active version."""
    version = dataset.active_version
    if version is None:
        return None
    return jobs.request(kind=Job.Kind.SEGMENT, dataset=dataset, by=by, model_version=version)


def stale_videos(dataset: Dataset, rule: Rule) -> QuerySet[Video]:
    """Finished videos whose segments were found by something else than this rule."""
    return dataset.videos.finished().exclude(segmented_by=rule.key)


def recount(*, frames: Iterable[tuple[int, int]]) -> None:
    """The verdicts of these frames, (video id, number), have changed: count the open frames of their segments, and take
    the word on a segment back when not all of its frames carry it any more. At most three queries, however many frames
    and videos. Call within the transaction that changed the verdicts, which holds the videos (segment_rows.lock)."""
    touched = _holding(frames)
    if not touched:
        return
    rows = Segment.objects.filter(pk__in=[pk for pk, _ in touched])
    rows.update(open_frames=open_frames())
    if any(verdict for _, verdict in touched):
        take_back(rows)


def open_frames() -> Coalesce:
    """Of a segment: how many of its frames nobody judged, counted."""
    inside = Frame.objects.filter(**WITHIN).unreviewed().order_by()
    counted = inside.values("video").annotate(frames=Count("pk")).values("frames")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())


def _holding(frames: Iterable[tuple[int, int]]) -> list[tuple[int, str]]:
    """Id and verdict of each segment that holds one of the frames."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for video_id, number in frames:
        numbers[video_id].append(number)
    rows = Segment.objects.filter(video__in=list(numbers))
    if len(numbers) == 1:  # then only these matter; else all rows of the videos are few enough
        (only,) = numbers.values()
        rows = rows.filter(first__lte=max(only), last__gte=min(only))
    found = rows.order_by().values_list("pk", "video_id", "first", "last", "verdict")
    ordered = {video_id: np.sort(each) for video_id, each in numbers.items()}
    return [
        (pk, verdict)
        for pk, video_id, first, last, verdict in found
        if np.searchsorted(ordered[video_id], last, side="right") > np.searchsorted(ordered[video_id], first)
    ]


def status(dataset: Dataset) -> SegmentStatus:
    """How far the segments of a data set are; at most three queries."""
    rule = rule_of(dataset)
    if rule is None:
        return SegmentStatus(is_current=True, progress=1.0, eta_s=None, open_outliers=0, open_all=0, settled=0)
    counts = _counts(dataset, rule)
    stale, videos = counts["stale"], counts["videos"]
    is_missing = stale or not counts["all"]
    job = dataset.jobs.filter(kind=Job.Kind.SEGMENT).order_by("-id").first() if is_missing else None
    return SegmentStatus(
        is_current=not stale,
        progress=1 - stale / videos if videos else 1.0,
        eta_s=jobs.eta_s(job) if job else None,
        open_outliers=counts["open_outliers"],
        open_all=counts["open_all"],
        settled=counts["all"] - counts["open_all"],
        job=job,
    )


def _counts(dataset: Dataset, rule: Rule) -> dict[str, int]:
    """One query. Segments are tens of thousands at most, and each count is a range of an index."""
    rows = Segment.objects.filter(dataset=OuterRef("pk")).order_by()
    videos = Video.objects.filter(dataset=OuterRef("pk")).finished().order_by()
    wanted = {
        "all": rows,
        "open_outliers": rows.open().on_side(is_outlier=True),
        "open_all": rows.open(),
        "videos": videos,
        "stale": videos.exclude(segmented_by=rule.key),
    }
    counted = {name: Coalesce(Subquery(_count(each)), 0) for name, each in wanted.items()}
    found = Dataset.objects.filter(pk=dataset.pk).values_list(*counted.values()).get()
    return dict(zip(counted, found, strict=True))


def _count(rows: QuerySet[Any]) -> Any:
    return rows.values("dataset").annotate(n=Count("pk")).values("n")
