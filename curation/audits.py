"""Audit samples: drawing one, adding to it, ending it; and the videos that are set aside while one serves.

Rates on frames that people looked at because they scored high are biased, and so are rates on frames, or on near copies
of frames, that a model learned from. So an audit takes whole videos that no training run has used, draws frames of them
at random (scoring/audit.py), and training leaves these videos alone while the audit serves.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from curation import calibrations, scores
from curation.models import AuditFrame, AuditSample, Dataset, FrameScore, ModelVersion, Score, TrainingRun, Video
from curation.problems import Problem
from scoring import audit

FEWEST, MOST = 20, 5000  # frames of one draw
SHARE = 0.5  # of the unused videos that is set aside
NO_VERSION = "An audit is drawn by the scores of the active version; there is none yet. Train a model first."
NO_VIDEOS = (
    "Every video is a reference or was used by a training, so none can be audited. Upload recordings that no model has "
    "learned from."
)
SERVING = "An audit serves already. Draw more frames into it, or end it first."


@dataclass(frozen=True)
class Population:
    """Frames that can be drawn, ordered by id: arrays of one length."""

    frames: NDArray[np.int64]
    videos: NDArray[np.int64]
    values: NDArray[np.float64]

    def table(self, strata: NDArray[np.int64], count: int) -> dict[str, list[int]]:
        """Video -> its frames in each of `count` strata."""
        found = {}
        for video in np.unique(self.videos).tolist():
            found[str(video)] = np.bincount(strata[self.videos == video], minlength=count).tolist()
        return found


def serving(dataset: Dataset) -> AuditSample | None:
    return dataset.audits.serving().select_related("model_version").first()


def set_aside(dataset: Dataset) -> set[int]:
    """Ids of the videos that nothing may learn from now."""
    kept = Video.objects.filter(audits__dataset=dataset, audits__state=AuditSample.State.SERVING)
    return set(kept.values_list("pk", flat=True))


def used_videos(dataset: Dataset) -> set[int]:
    """Videos that a training has learned from, was measured by, or is at work on."""
    runs = dataset.training_runs.exclude(version=None) | dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES)
    used = {video for videos in runs.values_list("set_videos", flat=True) for video in videos}
    trained = dataset.model_versions.values_list("metrics__trained_videos", flat=True)
    return used | {video for videos in trained for video in videos or []}


def candidates(dataset: Dataset) -> dict[int, int]:
    """Videos that an audit may take, with their frames: scored to the end, no reference, never used by a training."""
    rows = dataset.videos.finished().filter(is_reference=False, frame_count__gt=0)
    used = used_videos(dataset)
    return {pk: frames for pk, frames in rows.values_list("pk", "frame_count") if pk not in used}


def draw(
    *, dataset: Dataset, by: User | None, frames: int, share: float = SHARE, seed: int | None = None
) -> AuditSample:
    """Set videos aside and draw `frames` of them. Raises Problem when that can't be done, with what to do."""
    _check_size(frames)
    if not 0.0 < share <= 1.0:
        raise Problem("The share of the videos to set aside lies above 0 % and at most at 100 %.")
    version = dataset.active_version
    if version is None:
        raise Problem(NO_VERSION, status=409)
    seed = secrets.randbits(31) if seed is None else seed
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        if serving(dataset) is not None:
            raise Problem(SERVING, status=409)
        chosen = audit.choose_videos(candidates(dataset), share=share, seed=seed)
        sample = _sample(dataset, version, chosen, seed, by)
        _add_frames(sample, frames)
        if scores.has(version, Score.PROBABILITY):
            calibrations.request_for(version)  # without what was said of the videos that are set aside now
    return sample


def top_up(*, sample: AuditSample, frames: int) -> int:
    """Draw on from the same population: `frames` more, or as many as are left. Returns how many. Raises Problem for an
    audit that has ended, or whose population can't be found any more."""
    _check_size(frames)
    with transaction.atomic():
        row = AuditSample.objects.select_for_update().get(pk=sample.pk)
        if row.state != AuditSample.State.SERVING:
            raise Problem("This audit has ended. Draw a new one.", status=409)
        return _add_frames(row, frames)


def retire(*, sample: AuditSample) -> None:
    """End an audit: its videos may be trained on again, and its rates hold no longer for what is trained then."""
    AuditSample.objects.filter(pk=sample.pk, state=AuditSample.State.SERVING).update(
        state=AuditSample.State.RETIRED, retired_at=timezone.now()
    )


def _check_size(frames: int) -> None:
    if not FEWEST <= frames <= MOST:
        raise Problem(f"An audit draws {FEWEST} to {MOST:,} frames at a time; not {frames:,}.")


def _sample(dataset: Dataset, version: ModelVersion, videos: list[int], seed: int, by: User | None) -> AuditSample:
    score = scores.flag_score(dataset, version)
    found = _population(version, score, videos)
    if not len(found.frames):
        raise Problem(NO_VIDEOS, status=409)
    cuts = audit.cut_points(found.values)
    sample = AuditSample.objects.create(
        dataset=dataset,
        seed=seed,
        model_version=version,
        score=score,
        cuts=cuts.tolist(),
        population=found.table(audit.strata_of(found.values, cuts), len(cuts) + 1),
        last_frame=int(found.frames[-1]),
        created_by=by,
    )
    sample.videos.set(np.unique(found.videos).tolist())
    return sample


def _population(version: ModelVersion, score: Score, videos: list[int], last_frame: int | None = None) -> Population:
    rows = FrameScore.objects.of_version(version).having(score).filter(video__in=videos)
    if last_frame is not None:
        rows = rows.filter(frame__lte=last_frame)
    found = list(rows.order_by("frame_id").values_list("frame_id", "video_id", score))
    frames, owners, values = zip(*found, strict=True) if found else ((), (), ())
    return Population(np.array(frames, np.int64), np.array(owners, np.int64), np.array(values, np.float64))


def _add_frames(sample: AuditSample, count: int) -> int:
    """The population is found anew, by the scores that made the strata; what was drawn before is left out."""
    if sample.model_version is None:
        raise Problem("The version that this audit was drawn by is gone; end it and draw a new one.", status=409)
    videos = list(sample.videos.values_list("pk", flat=True))
    found = _population(sample.model_version, Score(sample.score), videos, sample.last_frame)
    before = list(sample.frames.values_list("frame_id", flat=True))
    strata = audit.strata_of(found.values, sample.cuts)
    drawn = audit.draw(
        strata,
        cuts=len(sample.cuts),
        count=count,
        seed=sample.seed + len(before),
        taken=np.isin(found.frames, np.array(before, np.int64)),
    )
    AuditFrame.objects.bulk_create(
        AuditFrame(sample=sample, frame_id=int(found.frames[index]), stratum=int(stratum), place=place, inclusion=0.0)
        for place, (index, stratum) in enumerate(zip(drawn.indices, drawn.strata, strict=True), start=len(before))
    )
    _set_inclusion(sample)
    return len(drawn.indices)


def _set_inclusion(sample: AuditSample) -> None:
    """Two draws without replacement from one stratum are one such draw: so many of so many."""
    drawn = Counter(sample.frames.values_list("stratum", flat=True))
    for stratum, frames in enumerate(strata_sizes(sample)):
        if drawn[stratum]:
            sample.frames.filter(stratum=stratum).update(inclusion=drawn[stratum] / frames)


def strata_sizes(sample: AuditSample) -> list[int]:
    """Frames of the population in each stratum, without those of videos that were deleted since."""
    there = set(map(str, sample.videos.values_list("pk", flat=True)))
    rows = [counts for video, counts in sample.population.items() if video in there]
    return np.sum(rows, axis=0).astype(int).tolist() if rows else [0] * (len(sample.cuts) + 1)


def describe(sample: AuditSample) -> dict[str, Any]:
    """What stands in the API and on the page about the draw itself."""
    sizes = strata_sizes(sample)
    return {"videos": sample.videos.count(), "population": sum(sizes), "strata": sizes, "frames": sample.frames.count()}
