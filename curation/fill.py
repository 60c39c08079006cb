"""A made-up data set of any size, for load tests: rows of every kind that a real one has, written in bulk.

What is real about it: frames in packs, shots, near copies, scores of an active version with its thresholds, a review
log that replays, segments, kept counts, thumbnails. What isn't: pixels to learn from (curation/fill_objects.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from curation import bulk, fill_objects, probability_rows, segments, tally_changes
from curation.fill_rows import PACK, STEP_S, Recording, belonging, lengths, recording
from curation.models import (
    Activation,
    Calibration,
    Dataset,
    Frame,
    FrameProbability,
    FrameScore,
    Membership,
    ModelVersion,
    Pack,
    Review,
    Role,
    ScoredPack,
    Segment,
    Video,
)
from curation.problems import Problem
from curation.tally_tables import VERDICTS
from scoring.threshold import quantiles, threshold_from_quantiles

MOST_FRAMES = 20_000_000
HELD_OUT = 30  # videos that the thresholds are measured on
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What belongs together while rows are written: the n-th recording is the n-th video; ids are given out before."""

    dataset: Dataset
    version: ModelVersion
    owner: User | None
    recordings: list[Recording]
    videos: list[Video]
    packs: list[list[Pack]]
    frame_ids: range
    places: tuple[list[fill_objects.Place], list[fill_objects.Place]]

    def each(self) -> Iterator[tuple[Video, list[Pack], Recording, range]]:
        """Video, its packs, its recording, the ids of its frames."""
        start = 0
        for video, packs, found in zip(self.videos, self.packs, self.recordings, strict=True):
            yield video, packs, found, self.frame_ids[start : start + len(found)]
            start += len(found)


def make(
    *, slug: str, frames: int, videos: int, reviewed: float, seed: int, owner: User | None, say: Say = print
) -> Dataset:
    """Raises Problem when the data set exists, or when there can't be so many frames in so many videos."""
    _check(slug, frames, videos, reviewed)
    rng = np.random.default_rng(seed)
    recordings = [recording(rng, int(count), reviewed) for count in lengths(rng, frames, videos)]
    say(f"{frames:,} frames of {videos:,} videos are made up.")
    thumbs, *places = fill_objects.thumbnails()
    with bulk.without_indexes(Frame, FrameScore, FrameProbability, Review):
        filled = _parents(slug, recordings, owner, (places[0], places[1]), len(thumbs))
        _write_rows(filled)
    say("Their rows are written.")
    tally_changes.recount(filled.dataset)
    fill_objects.write(_objects(filled, thumbs))
    say("Their objects are written.")
    for video in filled.videos:
        segments.rebuild(video=video)
    say("Their segments are found.")
    bulk.settle(Frame, FrameScore, FrameProbability, Review, Segment)
    return filled.dataset


def _check(slug: str, frames: int, videos: int, reviewed: float) -> None:
    if not 1 <= videos <= frames <= MOST_FRAMES:
        raise Problem(f"There have to be at least as many frames as videos, one at least, and {MOST_FRAMES:,} at most.")
    if not 0 <= reviewed <= 1:
        raise Problem("The share of reviewed frames lies between 0 and 1.")
    if Dataset.objects.filter(slug=slug).exists():
        raise Problem(f"There is a data set {slug!r} already; give another name with --dataset.")


def _parents(
    slug: str,
    recordings: list[Recording],
    owner: User | None,
    places: tuple[list[fill_objects.Place], list[fill_objects.Place]],
    thumbs_bytes: int,
) -> Filled:
    """The rows that frames refer to."""
    dataset = Dataset.objects.create(name=f"Load test {slug}", slug=slug, sampling_step=STEP_S, created_by=owner)
    if owner is not None:
        Membership.objects.create(dataset=dataset, user=owner, role=Role.ADMIN)
    version = _version(dataset, recordings[:HELD_OUT], owner)
    videos = Video.objects.bulk_create(_video(dataset, n, len(found)) for n, found in enumerate(recordings))
    packs = [list(_packs(video, thumbs_bytes)) for video in videos]
    Pack.objects.bulk_create([pack for several in packs for pack in several])
    ScoredPack.objects.bulk_create(ScoredPack(pack=p, model_version=version) for several in packs for p in several)
    return Filled(
        dataset=dataset,
        version=version,
        owner=owner,
        recordings=recordings,
        videos=videos,
        packs=packs,
        frame_ids=bulk.next_ids(Frame, sum(map(len, recordings))),
        places=places,
    )


def _version(dataset: Dataset, heldout: list[Recording], owner: User | None) -> ModelVersion:
    name = uuid.uuid4()
    version = ModelVersion.objects.create(
        dataset=dataset, number=1, uuid=name, state=ModelVersion.State.READY, config={}, tensors={},
        weights_key=f"models/{name}.safetensors", weights_sha256="0" * 64, weights_bytes=len(fill_objects.NOTHING),
        note="Made up for a load test: it can't score.", target_tpr=dataset.target_tpr,
        thresholds={score: _threshold(values, dataset.target_tpr) for score, values in belonging(heldout).items()},
        heldout_frames=sum(map(len, heldout)), heldout_videos=len(heldout),
    )  # fmt: skip
    now = timezone.now()
    Calibration.objects.create(
        model_version=version, in_reviews=100, out_reviews=100, created_at=now, applied_at=now, stands=True,
        note="Made up.",
    )  # fmt: skip
    Dataset.objects.filter(pk=dataset.pk).update(active_version=version)
    dataset.active_version = version
    Activation.objects.create(dataset=dataset, model_version=version, user=owner)
    return version


def _threshold(values: Any, target_tpr: float) -> dict[str, Any]:
    spaced = quantiles(values)
    value = threshold_from_quantiles(spaced, target_tpr)
    return {"value": value, "note": "", "frames": len(values), "quantiles": spaced.tolist()}


def _video(dataset: Dataset, number: int, frames: int) -> Video:
    return Video(
        dataset=dataset, name=f"recording {number + 1:05d}.mp4", key=f"uploads/{uuid.uuid4()}",
        content_type="video/mp4", size_bytes=len(fill_objects.NOTHING), state=Video.State.READY,
        width=1280, height=720, codec="h264", fps=25.0, frame_count=frames,
        declared_duration_s=frames * STEP_S, duration_s=frames * STEP_S,
        sampling={"mode": "seconds", "step": STEP_S}, extracted_at=timezone.now(),
    )  # fmt: skip


def _packs(video: Video, thumbs_bytes: int) -> Iterator[Pack]:
    for chunk, first in enumerate(range(0, video.frame_count, PACK)):
        yield Pack(
            video=video, chunk=chunk, first_number=first, frame_count=min(PACK, video.frame_count - first),
            thumbs_bytes=thumbs_bytes, inputs_bytes=len(fill_objects.NOTHING), is_complete=True,
        )  # fmt: skip


def _write_rows(filled: Filled) -> None:
    bulk.insert(
        Frame,
        ["id", "video_id", "pack_id", "number", "time_s", "thumb_offset", "thumb_bytes", "shot_start", "copy_of",
         "copies", "verdict", "reason", "review_version"],
        _frames(filled),
    )  # fmt: skip
    bulk.insert(
        FrameScore,
        ["frame_id", "model_version_id", "video_id", "reconstruction_loss", "kl", "ood_score", "l1", "variance",
         "verdict", "is_copy"],
        _scores(filled),
    )  # fmt: skip
    fit = filled.version.calibrations.standing().get()
    bulk.insert(FrameProbability, probability_rows.COLUMNS, _probabilities(filled, fit))
    bulk.insert(
        Review,
        ["dataset_id", "frame_id", "user_id", "client_uuid", "verdict", "reason", "previous_reason",
         "previous_verdict", "seen_version", "is_conflict", "is_opinion", "source", "model_version_id",
         "reconstruction_loss", "threshold", "was_flagged", "created_at"],
        _reviews(filled),
    )  # fmt: skip


def _frames(filled: Filled) -> Iterator[tuple[Any, ...]]:
    for video, packs, found, ids in filled.each():
        rows = zip(
            ids, found.is_ad.tolist(), found.shot_start.tolist(), found.copy_of.tolist(), found.copies.tolist(),
            found.verdict.tolist(), strict=True,
        )  # fmt: skip
        for number, (pk, is_ad, starts, copy_of, copies, said) in enumerate(rows):
            places = filled.places[is_ad]
            head = copy_of if copy_of >= 0 else number
            yield (
                pk, video.pk, packs[number // PACK].pk, number, number * STEP_S, *places[head % len(places)], starts,
                copy_of if copy_of >= 0 else None, copies, VERDICTS[said], "", int(said > 0),
            )  # fmt: skip


def _scores(filled: Filled) -> Iterator[tuple[Any, ...]]:
    version = filled.version.pk
    for video, _, found, ids in filled.each():
        loss = found.reconstruction_loss
        rows = zip(
            ids, loss.tolist(), found.ood_score.tolist(), (loss * 6).tolist(), (loss * 9).tolist(),
            found.verdict.tolist(), (found.copy_of >= 0).tolist(), strict=True,
        )  # fmt: skip
        for pk, own, ood, l1, variance, said, is_copy in rows:
            yield pk, version, video.pk, own, 12.0, ood, l1, variance, VERDICTS[said], is_copy


def _probabilities(filled: Filled, fit: Calibration) -> Iterator[tuple[Any, ...]]:
    for _, _, found, ids in filled.each():
        copies = (found.copy_of >= 0).tolist()
        rows = zip(ids, found.probability.tolist(), found.verdict.tolist(), copies, strict=True)
        for pk, value, said, is_copy in rows:
            yield pk, fit.pk, value, VERDICTS[said], is_copy


def _reviews(filled: Filled) -> Iterator[tuple[Any, ...]]:
    """In the order of the frames; all by one person, where nobody had said anything before."""
    threshold = filled.version.threshold
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    owner = filled.owner.pk if filled.owner else None
    for _, _, found, ids in filled.each():
        for row in np.flatnonzero(found.verdict).tolist():
            loss = float(found.reconstruction_loss[row])
            yield (
                filled.dataset.pk, ids[row], owner, uuid.uuid4().hex,
                VERDICTS[int(found.verdict[row])], "", "", "", 0, False, False, Review.Source.GALLERY.value,
                filled.version.pk, loss, threshold, loss > threshold, now,
            )  # fmt: skip


def _objects(filled: Filled, thumbs: bytes) -> Iterator[tuple[str, bytes]]:
    yield filled.version.weights_key, fill_objects.NOTHING
    for video, packs, _, _ in filled.each():
        yield video.key, fill_objects.NOTHING
        for pack in packs:
            yield pack.thumbs_key, thumbs
            yield pack.inputs_key, fill_objects.NOTHING
