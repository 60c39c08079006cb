"""The rows of a video's segments: by which rule they are found, what is known of its frames, and how both become rows.

What people do with segments is in curation/segments.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from numpy.typing import NDArray

from curation import scores
from curation.models import Dataset, Frame, ModelVersion, Score, Segment, Verdict, Video
from scoring.segments import SIDE, smooth, spans, z_scores
from scoring.segments import Segment as Span

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
MEASURED = ("measure", "word__id")  # of Frame.objects.measured
UNSURE = 0.25  # P(outlying) on the inner side where nothing tells more
FIGURES = [
    "start_s", "end_s", "is_outlier", "mean", "worst", "worst_number", "certainty", "open_frames", "diversity",
    "model_version", "score", "threshold",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What decides on which side a frame lies. `quantiles`: of held-out scores, empty where the version kept none."""

    version: ModelVersion
    score: Score
    threshold: float
    quantiles: list[float]
    fit: int | None = None  # the calibration behind probabilities

    @property
    def key(self) -> str:
        """Equal where segments would come out the same; see Video.segmented_by."""
        parts = [self.version.pk, self.score.value, repr(self.threshold), self.fit or ""]
        return ":".join(map(str, parts))


def rule_of(dataset: Dataset) -> Rule | None:
    """By the active version, the score that flags and its threshold; None without a version. At most one query beyond
    the version."""
    version = dataset.active_version
    if version is None:
        return None
    score = scores.flag_score(dataset, version)
    threshold = version.threshold_of(score)
    if threshold is None:
        return None
    fit = version.calibrations.standing().values_list("pk", flat=True).first() if score == Score.PROBABILITY else None
    return Rule(version=version, score=score, threshold=threshold, quantiles=version.quantiles_of(score), fit=fit)


@dataclass(frozen=True, kw_only=True)
class Track:
    """Frames of a video in the order of their numbers, (N,): number, time, whether a shot starts, whether nobody judged
    them, the score, and P(outlying) smoothed over time. `is_scored`: each has its row of scores."""

    number: NDArray[np.int64]
    time_s: Values
    shot_start: Flags
    is_open: Flags
    values: Values
    probability: Values
    is_scored: bool

    def place(self, number: int) -> int:
        """Where frame `number` stands; the place where it would stand, if there is no such frame."""
        return int(np.searchsorted(self.number, number))


def track(video_id: int, rule: Rule, *, first: int = 0, last: int | None = None) -> Track:
    """Frames `first` to `last` of a video, by default all. One query. A score that a frame lacks is filled in between
    those of its neighbours; the threshold itself where no frame has one, which lies on the inner side."""
    frames = Frame.objects.filter(video=video_id, number__gte=first)
    if last is not None:
        frames = frames.filter(number__lte=last)
    rows = list(
        frames.measured(rule.version, rule.score)
        .order_by("number")
        .values_list("number", "time_s", "shot_start", "verdict", *MEASURED)
    )
    number, time_s, shot, verdict, found, ids = zip(*rows, strict=True) if rows else ((),) * 6
    values = _filled(np.array([np.nan if each is None else each for each in found], np.float64), rule.threshold)
    times, shots = np.array(time_s, np.float64), np.array(shot, np.bool_)
    return Track(
        number=np.array(number, np.int64),
        time_s=times,
        shot_start=shots,
        is_open=np.array([each == Verdict.NONE for each in verdict], np.bool_),
        values=values,
        probability=_probability(values, times, shots, rule),
        is_scored=bool(rows) and None not in ids,
    )


def _filled(values: Values, otherwise: float) -> Values:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.full(len(values), otherwise)
    filled: Values = np.interp(np.arange(len(values)), known, values[known])
    return filled


def _probability(values: Values, time_s: Values, shots: Flags, rule: Rule) -> Values:
    """Without held-out scores there is no measure of how far is far: then the side by the threshold, never surely."""
    if not rule.quantiles:
        return np.where(values > rule.threshold, 1 - UNSURE, UNSURE)
    return smooth(z_scores(values, rule.threshold, rule.quantiles), time_s, shots)


def drafts(video: Video, rule: Rule, of: Track, firsts: Iterable[int]) -> list[Segment]:
    """Unsaved rows that begin at these numbers, ascending, and together hold every frame of the track."""
    places = [of.place(number) for number in firsts]
    found = spans(of.values, of.time_s, of.probability > SIDE, places)
    return [_draft(video, rule, of, span) for span in found]


def _draft(video: Video, rule: Rule, of: Track, span: Span) -> Segment:
    inside = slice(span.first, span.last + 1)
    return Segment(
        dataset_id=video.dataset_id,
        video=video,
        first=int(of.number[span.first]),
        last=int(of.number[span.last]),
        start_s=span.start_s,
        end_s=span.end_s,
        is_outlier=span.is_outlier,
        mean=span.mean,
        worst=float(of.values[span.worst]),
        worst_number=int(of.number[span.worst]),
        certainty=float(np.abs(2 * of.probability[inside] - 1).mean()),
        draw=random.random(),  # noqa: S311  (a sample, no secret)
        open_frames=int(of.is_open[inside].sum()),
        model_version=rule.version,
        score=rule.score,
        threshold=rule.threshold,
    )


def lock(video_ids: Iterable[int] | QuerySet[Any, Any]) -> None:
    """Hold these videos (ids, or a query for them) until the transaction ends, always before their frames and segments:
    so nobody waits for each other crosswise, and counts of open frames miss no verdict. Rows that refer to the videos
    may still be written."""
    if connection.features.has_select_for_update:
        rows = Video.objects.filter(pk__in=video_ids).order_by("pk").values_list("pk")
        list(rows.select_for_update(no_key=True))


def store(before: Iterable[Segment], after: Iterable[Segment]) -> None:
    """Make the rows `before` into `after`. Where frames are the same the row stays, with what people said of it."""
    kept = {(row.first, row.last): row for row in before}
    fresh, same = [], []
    for row in after:
        known = kept.pop((row.first, row.last), None)
        if known is None:
            fresh.append(row)
        elif _renewed(known, row):
            same.append(known)
    Segment.objects.filter(pk__in=[row.pk for row in kept.values()]).delete()
    # An upsert: an UPDATE that chooses between many values takes many times as long.
    Segment.objects.bulk_create(same, update_conflicts=True, unique_fields=["id"], update_fields=FIGURES)
    Segment.objects.bulk_create(fresh)


def _renewed(known: Segment, row: Segment) -> bool:
    """Takes the figures of `row` over; whether any is another than before."""
    columns = ["model_version_id" if name == "model_version" else name for name in FIGURES]
    changed = [name for name in columns if getattr(known, name) != getattr(row, name)]
    for name in changed:
        setattr(known, name, getattr(row, name))
    return bool(changed)
