"""What a new version is worth on each kind of outlier that people named, beside the version it went on from."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.models import ModelVersion
from scoring.detector import Detector
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.reason_report import Outliers, Scored, report
from scoring.score import Scorer, Scores
from scoring.worker.record import MEASURED, scores_by_video
from scoring.worker.training_frames import Part, TrainingFrames
from scoring.worker.weights import load_version

MOST_FRAMES = 4000  # OUT frames measured of each part; evenly drawn from more


def measure(
    frames: TrainingFrames, detector: Detector, heldout: Scores, *, before: ModelVersion | None
) -> list[dict[str, Any]]:
    """Rows as scoring/reason_report.py makes them; none without OUT frames. `heldout`: the new version's scores."""
    pixels, outliers = _drawn(frames)
    if not len(outliers.reasons):
        return []
    after = _scored(Scorer(detector, activations=False), pixels, heldout, frames.heldout)
    old = None
    if before is not None:
        scorer = Scorer(load_version(before), activations=False)
        old = _scored(scorer, pixels, scorer.score_set(FrameSet(frames.heldout.pixels)), frames.heldout)
    return report(outliers, after, old)


def _drawn(frames: TrainingFrames) -> tuple[Pixels, Outliers]:
    pixels: list[Pixels] = []
    reasons: list[str] = []
    videos: list[int] = []
    is_seen: list[bool] = []
    for part, seen in ((frames.measured_out, False), (frames.out, True)):
        places = _evenly(part)
        if not len(places):
            continue
        pixels.append(FrameSet(part.pixels).take(places))
        reasons += [part.reason_of_frame[place] for place in places]
        videos += [part.video_of_frame[place] for place in places]
        is_seen += [seen] * len(places)
    joined = np.concatenate(pixels) if pixels else np.zeros((0, 0, 0, 3), dtype=np.uint8)
    return joined, Outliers(reasons, videos, is_seen)


def _evenly(part: Part) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.unique(np.linspace(0, len(part) - 1, min(len(part), MOST_FRAMES)).astype(np.int64))


def _scored(scorer: Scorer, pixels: Pixels, heldout: Scores, part: Part) -> dict[str, Scored]:
    out = scorer.score(pixels)
    inside = scores_by_video(heldout, part.video_of_frame)
    return {name: Scored(inside[name], getattr(out, name)) for name in MEASURED}
