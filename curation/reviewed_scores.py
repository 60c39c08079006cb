"""One score of two model versions on the same reviewed frames, as arrays, with the video that each frame is from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.models import FrameScore, ModelVersion, Review, Verdict
from curation.models.frame import FrameScoreQuerySet
from curation.rates import Floats

Mask = NDArray[np.bool_]
Sources = list[Floats]  # scores of each video apart


@dataclass(frozen=True)
class Reviewed:
    """Frames judged IN or OUT that both versions scored, ordered by video and frame; arrays of the same length."""

    frame_ids: NDArray[np.int64]
    video_ids: NDArray[np.int64]
    is_out: Mask
    reasons: NDArray[np.str_]
    old: Floats
    new: Floats

    def split(self, values: Floats, chosen: Mask | None = None) -> tuple[Floats, Floats]:
        """The values of the IN and of the OUT frames."""
        keep = np.ones(len(values), bool) if chosen is None else chosen
        return values[keep & ~self.is_out], values[keep & self.is_out]

    def by_video(self, values: Floats, of: Mask | None = None) -> tuple[Sources, Sources]:
        """As `split`, by video; of the OUT frames only those in `of`."""
        outside = self.is_out if of is None else self.is_out & of
        return self._videos(values, ~self.is_out), self._videos(values, outside)

    def _videos(self, values: Floats, chosen: Mask) -> Sources:
        if not chosen.any():
            return []
        (starts,) = np.nonzero(np.diff(self.video_ids[chosen]))
        return np.split(values[chosen], starts + 1)


def load(old: ModelVersion, new: ModelVersion, score: str) -> Reviewed:
    """Frames that lack the score by either version are left out."""
    before = dict(_rows(old, score).values_list("frame", score))
    rows = _rows(new, score).order_by("video", "frame").values_list("frame", "video", "verdict", "frame__reason", score)
    both = [row for row in rows if row[0] in before]
    return Reviewed(
        frame_ids=np.array([row[0] for row in both], dtype=np.int64),
        video_ids=np.array([row[1] for row in both], dtype=np.int64),
        is_out=np.array([row[2] == Verdict.OUT for row in both], dtype=bool),
        reasons=np.array([row[3] for row in both], dtype=np.str_),
        old=np.array([before[row[0]] for row in both], dtype=float),
        new=np.array([row[4] for row in both], dtype=float),
    )


def _rows(version: ModelVersion, score: str) -> FrameScoreQuerySet:
    judged = FrameScore.objects.of_version(version).filter(verdict__in=[Verdict.IN, Verdict.OUT])
    return judged.having(score)


def judged_before(reviewed: Reviewed, new: ModelVersion) -> Mask:
    """Which frames had a verdict when the new version's training set was frozen, or come from a reference video."""
    run = getattr(new, "training_run", None)
    log = Review.objects.applied().filter(dataset_id=new.dataset_id)
    judged = log.filter(created_at__lt=run.created_at if run else new.created_at).values_list("frame", flat=True)
    reference = log.filter(frame__video__is_reference=True).values_list("frame", flat=True)
    return np.isin(reviewed.frame_ids, np.array([*judged, *reference], dtype=np.int64))


def learned_from(reviewed: Reviewed, new: ModelVersion, known: Mask) -> Mask:
    """Of the frames known then, those that the new version may have been trained on: OUT ones only when its run took
    them in."""
    run = getattr(new, "training_run", None)
    return known if run is not None and run.out_frames else known & ~reviewed.is_out
