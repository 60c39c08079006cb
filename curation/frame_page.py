"""What the page of one frame shows: its scores against their thresholds, its place in the video, what people said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.db.models.functions import Mod

from curation import gallery, scores
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Review, Score

MOST_ROWS = 20_000
MOST_POINTS = 600
MOST_REVIEWS = 100
MOST_VERSIONS = 20
MARGIN = 0.08  # of a gauge's scale, beyond what it shows

Row = tuple[int, float, str, float, float, float | None]


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One score of the frame. Where things lie is in percent of the scale; the bar begins at 0, or at the threshold for
    the outlier score, which has no zero. None: the frame lacks the score, or the version the threshold."""

    score: Score
    value: float | None
    threshold: float | None
    value_at: float = 0.0
    threshold_at: float = 0.0
    bar_from: float = 0.0
    bar_width: float = 0.0
    heldout_from: float = 0.0
    heldout_width: float = 0.0

    @property
    def is_outlier(self) -> bool | None:
        return None if self.value is None or self.threshold is None else self.value > self.threshold


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score of the frame by a version, beside that version's own threshold."""

    score: Score
    value: float | None
    threshold: float | None

    @property
    def is_outlier(self) -> bool:
        return self.value is not None and self.threshold is not None and self.value > self.threshold


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    version: ModelVersion
    is_active: bool
    cells: list[Cell]


@dataclass(frozen=True, kw_only=True)
class FramePage:
    """`gauges`: one per score, that of the gallery's order first. `by_version`: the newest version first."""

    frame: Frame
    version: ModelVersion | None
    score: FrameScore | None
    gauges: list[Gauge]
    previous_id: int | None
    next_id: int | None
    reviews: list[Review]
    curve: dict[str, Any]
    by_version: list[VersionRow]

    @property
    def scores(self) -> list[Score]:
        """In the order of the cells of `by_version`."""
        return list(Score)


def look(dataset: Dataset, filters: GalleryFilters, frame: Frame) -> FramePage:
    """Everything about `frame` by the active version; `filters` say in which gallery its neighbours stand."""
    version = dataset.active_version
    sorted_by = scores.settled(version, filters.score) if version else filters.score
    score = FrameScore.objects.of_version(version).with_probability().filter(frame=frame).first() if version else None
    previous_id, next_id = gallery.neighbours(dataset, filters, frame)
    log = Review.objects.filter(frame=frame).select_related("user", "model_version", "undoes")
    return FramePage(
        frame=frame,
        version=version,
        score=score,
        gauges=gauges(score, version, first=sorted_by) if score and version else [],
        previous_id=previous_id,
        next_id=next_id,
        reviews=list(log.order_by("-id")[:MOST_REVIEWS]),
        curve=curve(frame, version, sorted_by),
        by_version=by_version(frame, version),
    )


def by_version(frame: Frame, active: ModelVersion | None) -> list[VersionRow]:
    """What each version says of the frame, at most 20; one query."""
    rows = FrameScore.objects.with_probability().filter(frame=frame)
    found = rows.select_related("model_version").order_by("-model_version__number")
    return [
        VersionRow(version=row.model_version, is_active=row.model_version == active, cells=_cells(row))
        for row in found[:MOST_VERSIONS]
    ]


def _cells(row: FrameScore) -> list[Cell]:
    version = row.model_version
    return [Cell(score=score, value=row.value(score), threshold=version.threshold_of(score)) for score in Score]


def gauges(row: FrameScore, version: ModelVersion, first: Score) -> list[Gauge]:
    ordered = sorted(Score, key=lambda score: score != first)
    return [gauge(score, row.value(score), version) for score in ordered]


def gauge(score: Score, value: float | None, version: ModelVersion) -> Gauge:
    """Where value, threshold and held-out frames lie on a scale that shows them all."""
    threshold, heldout = version.threshold_of(score), version.quantiles_of(score)[:1] + version.quantiles_of(score)[-1:]
    if value is None:
        return Gauge(score=score, value=None, threshold=threshold)
    marks = [value, *([] if threshold is None else [threshold]), *heldout]
    low, high = _scale(score, marks)

    def place(mark: float) -> float:
        return 100 * (mark - low) / (high - low)

    origin = threshold if score == Score.OOD_SCORE and threshold is not None else low
    return Gauge(
        score=score,
        value=value,
        threshold=threshold,
        value_at=place(value),
        threshold_at=place(threshold) if threshold is not None else 0.0,
        bar_from=place(min(origin, value)),
        bar_width=abs(place(value) - place(origin)),
        heldout_from=place(heldout[0]) if heldout else 0.0,
        heldout_width=place(heldout[-1]) - place(heldout[0]) if heldout else 0.0,
    )


def _scale(score: Score, marks: list[float]) -> tuple[float, float]:
    if score == Score.PROBABILITY:
        return 0.0, 1.0
    high = max(marks)
    if score == Score.RECONSTRUCTION_LOSS:
        return 0.0, max(high, 1e-9) * (1 + MARGIN)
    low = min(marks)
    room = max(high - low, 1e-9) * MARGIN
    return low - room, high + room


def curve(frame: Frame, version: ModelVersion | None, shown: Score) -> dict[str, Any]:
    """Each score along the frame's video: [frame id, time in seconds, value, verdict] per point, at most 600 points."""
    video = frame.video
    rows = _rows(frame, version) if version else []
    last = rows[-1][1] if rows else 0.0
    return {
        "curves": {score.value: _one(rows, place, version, score) for place, score in enumerate(Score, start=3)},
        "shown": shown.value,
        "duration": max(video.duration_s or 0.0, frame.time_s, last),
        "frame": frame.pk,
        "time": frame.time_s,
    }


def _one(rows: list[Row], place: int, version: ModelVersion | None, score: Score) -> dict[str, Any]:
    points = [(row[0], row[1], row[place], row[2]) for row in rows if row[place] is not None]
    return {"points": _thinned(points), "threshold": version.threshold_of(score) if version else None}


def _rows(frame: Frame, version: ModelVersion) -> list[Row]:
    found = FrameScore.objects.of_version(version).with_probability().filter(video=frame.video_id)
    step = -(-frame.video.frame_count // MOST_ROWS)
    if step > 1:
        found = found.annotate(phase=Mod(F("frame__number"), step)).filter(phase=0)
    names = ("frame_id", "frame__time_s", "verdict", *Score.values)
    return list(found.order_by("frame__number").values_list(*names))


def _thinned(points: list[Any]) -> list[Any]:
    """The worst of each run of neighbours, so that no peak is lost."""
    run = -(-len(points) // MOST_POINTS) or 1
    runs = [points[start : start + run] for start in range(0, len(points), run)]
    return [max(each, key=lambda point: point[2]) for each in runs]
