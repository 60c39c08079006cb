"""Rows to review: a data set with people, videos, frames and a model's scores, small enough to be read in a test."""

from __future__ import annotations

import random
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from curation.models import (
    Calibration,
    Dataset,
    Frame,
    FrameProbability,
    FrameScore,
    Membership,
    ModelVersion,
    Pack,
    Role,
    Video,
)
from curation.reviews import ReviewRequest
from curation.scores import BY_NAME
from tests.seed import thresholds


def make_dataset(slug: str = "cup", **members: str) -> Dataset:
    """A data set whose members are given as name="role"."""
    dataset = Dataset.objects.create(name=slug.title(), slug=slug)
    for name, role in members.items():
        user = User.objects.filter(username=name).first() or User.objects.create_user(name)
        Membership.objects.create(dataset=dataset, user=user, role=Role(role))
    return dataset


def make_video(dataset: Dataset, frames: int, *, name: str = "match.mp4", state: str = Video.State.READY) -> Video:
    """A video with `frames` frames, one a second, in one pack."""
    video = Video.objects.create(
        dataset=dataset, name=name, key=f"uploads/{uuid4()}", size_bytes=1, state=state, frame_count=frames,
        duration_s=float(frames), width=640, height=360,
    )  # fmt: skip
    pack = Pack.objects.create(
        video=video, chunk=0, first_number=0, frame_count=frames, thumbs_bytes=1, inputs_bytes=1, is_complete=True
    )
    Frame.objects.bulk_create(
        Frame(video=video, pack=pack, number=n, time_s=float(n), thumb_offset=0, thumb_bytes=1) for n in range(frames)
    )
    return video


def make_version(dataset: Dataset, *, threshold: float = 50.0, is_active: bool = True, **others: float) -> ModelVersion:
    """A version with a threshold of the reconstruction loss, and of `ood` or `probability` where given."""
    version = ModelVersion.objects.create(
        dataset=dataset, number=dataset.model_versions.count() + 1, state=ModelVersion.State.READY, config={},
        weights_key="models/x", weights_sha256="0" * 64, weights_bytes=1, tensors={}, target_tpr=0.95,
        thresholds=thresholds(threshold, []) | {BY_NAME[name]: {"value": value} for name, value in others.items()},
        heldout_frames=1, heldout_videos=1,
    )  # fmt: skip
    if is_active:
        dataset.active_version = version
        dataset.save()
    return version


def calibrate(version: ModelVersion) -> Calibration:
    """A calibration whose probabilities stand beside the version's scores; the test writes them."""
    return Calibration.objects.create(
        model_version=version, in_reviews=20, out_reviews=10, parameters={"made": "up"}, applied_at=timezone.now(),
        stands=True,
    )  # fmt: skip


def probable(fit: Calibration, values: dict[int, float]) -> None:
    """Give each frame id its probability by this fit."""
    FrameProbability.objects.bulk_create(
        FrameProbability(
            calibration=fit, frame=frame, value=values[pk], verdict=frame.verdict, is_copy=frame.copy_of is not None
        )
        for pk, frame in Frame.objects.in_bulk(list(values)).items()
    )


def score(version: ModelVersion, losses: dict[int, float]) -> None:
    """Give each frame id its reconstruction loss by this version."""
    frames = Frame.objects.in_bulk(list(losses))
    FrameScore.objects.bulk_create(
        FrameScore(
            frame=frame, model_version=version, video_id=frame.video_id, reconstruction_loss=losses[pk],
            kl=3.0, ood_score=losses[pk] / 10, verdict=frame.verdict,
        )
        for pk, frame in frames.items()
    )  # fmt: skip


def scored_dataset(losses: list[float], **members: str) -> tuple[Dataset, list[Frame]]:
    """A data set of one video whose n-th frame has the n-th loss, under an active version with threshold 50."""
    dataset = make_dataset(**(members or {"ana": "curator", "bea": "curator"}))
    video = make_video(dataset, len(losses))
    frames = list(video.frames.order_by("number"))
    score(make_version(dataset), {frame.pk: loss for frame, loss in zip(frames, losses, strict=True)})
    return dataset, frames


def ask(frame: Frame, verdict: str = "out", *, seen: int = 0, **more: object) -> ReviewRequest:
    values = {"client_uuid": uuid4(), "source": "gallery"} | more
    return ReviewRequest(frame_id=frame.pk, verdict=verdict, seen_version=seen, **values)  # type: ignore[arg-type]


def dataset_with_three_scores() -> Dataset:
    """40 frames of two videos, whose three scores rank them differently, with ties; 9 came after the calibration."""
    dataset = make_dataset(ana="curator", olga="admin")
    ids = [f.pk for n in (25, 15) for f in make_video(dataset, n, name=f"{n}.mp4").frames.order_by("number")]
    draw = random.Random(5)
    likely: dict[int, float] = {}
    version = make_version(dataset, ood=0.5, probability=0.5)
    score(version, {pk: draw.choice([10.0, 50.0, 90.0]) for pk in ids})
    for n, pk in enumerate(ids):
        changed = {"ood_score": draw.choice([-0.5, 0.5, 0.75]), "verdict": ("", "in", "out")[n % 3]}
        probability = None if n % 5 == 4 or n == 38 else draw.choice([0.02, 0.5, 0.97])
        FrameScore.objects.filter(frame=pk).update(**changed)
        if probability is not None:
            likely[pk] = probability
    probable(calibrate(version), likely)
    for word in ("", "in", "out"):  # the copies alone, so that tests of pages may judge
        FrameProbability.objects.filter(frame__scores__verdict=word).update(verdict=word)
    return dataset
