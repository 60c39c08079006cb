"""What the page of one frame shows: its score against the threshold, its place in the video, and what people said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.db.models.functions import Mod

from curation import gallery
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Review

MOST_ROWS = 20_000
MOST_POINTS = 600
MOST_REVIEWS = 100


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Where things lie, in percent of a scale from 0: the loss, the threshold, the held-out frames' range."""

    loss: float
    threshold: float
    heldout_from: float
    heldout_width: float
    times_threshold: float


@dataclass(frozen=True, kw_only=True)
class FramePage:
    frame: Frame
    version: ModelVersion | None
    score: FrameScore | None
    gauge: Gauge | None
    previous_id: int | None
    next_id: int | None
    reviews: list[Review]
    curve: dict[str, Any]


def look(dataset: Dataset, filters: GalleryFilters, frame: Frame) -> FramePage:
    """Everything about `frame` by the active version; `filters` say in which gallery its neighbours stand."""
    version = dataset.active_version
    score = FrameScore.objects.of_version(version).filter(frame=frame).first() if version else None
    previous_id, next_id = gallery.neighbours(dataset, filters, frame)
    log = Review.objects.filter(frame=frame).select_related("user", "model_version", "undoes")
    return FramePage(
        frame=frame,
        version=version,
        score=score,
        gauge=_gauge(score.reconstruction_loss, version) if score and version else None,
        previous_id=previous_id,
        next_id=next_id,
        reviews=list(log.order_by("-id")[:MOST_REVIEWS]),
        curve=curve(frame, version),
    )


def _gauge(loss: float, version: ModelVersion) -> Gauge:
    heldout = version.heldout_quantiles or [0.0]
    scale = max(loss, version.threshold, heldout[-1], 1e-9) * 1.08
    return Gauge(
        loss=100 * loss / scale,
        threshold=100 * version.threshold / scale,
        heldout_from=100 * heldout[0] / scale,
        heldout_width=100 * (heldout[-1] - heldout[0]) / scale,
        times_threshold=loss / version.threshold if version.threshold else 0.0,
    )


def curve(frame: Frame, version: ModelVersion | None) -> dict[str, Any]:
    """The score along the frame's video: [frame id, time in seconds, loss, verdict] per point, at most 600 points."""
    video = frame.video
    points = _points(frame, version) if version else []
    return {
        "points": _thinned(points),
        "threshold": version.threshold if version else None,
        "duration": max(video.duration_s or 0.0, frame.time_s, points[-1][1] if points else 0.0),
        "frame": frame.pk,
        "time": frame.time_s,
    }


def _points(frame: Frame, version: ModelVersion) -> list[tuple[int, float, float, str]]:
    scores = FrameScore.objects.of_version(version).filter(video=frame.video_id)
    step = -(-frame.video.frame_count // MOST_ROWS)
    if step > 1:
        scores = scores.annotate(phase=Mod(F("frame__number"), step)).filter(phase=0)
    rows = scores.order_by("frame__number").values_list("frame_id", "frame__time_s", "reconstruction_loss", "verdict")
    return list(rows)


def _thinned(points: list[tuple[int, float, float, str]]) -> list[tuple[int, float, float, str]]:
    """The worst of each run of neighbours, so that no peak is lost."""
    run = -(-len(points) // MOST_POINTS) or 1
    runs = [points[start : start + run] for start in range(0, len(points), run)]
    return [max(each, key=lambda point: point[2]) for each in runs]
