"""Segments of a data set are found by a job: asked for when what flags frames changes, fenced, taken up again."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User

from curation import jobs, leases, segments, storage, versions
from curation.models import Dataset, FrameScore, Job, ModelVersion, Segment, Video
from scoring import tasks
from scoring.features import features_to_bytes
from tests import seed
from tests.curation.review_rows import make_dataset, make_version, make_video, score
from tests.scoring.frames_for_tests import stripe_frames, turf_frames
from tests.seed import thresholds

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
LOSSES = [20.0] * 4 + [90.0] * 4


def scored_videos(count: int) -> tuple[Dataset, ModelVersion, list[Video]]:
    dataset = make_dataset(ana="admin")
    version = make_version(dataset, ood=0.5)
    version.thresholds = thresholds(50.0, [10.0, 50.0, 100.0]) | {"ood_score": {"value": 0.5}}
    version.save()
    videos = [make_video(dataset, len(LOSSES), name=f"{n}.mp4") for n in range(count)]
    for video in videos:
        numbered = video.frames.order_by("number").values_list("pk", flat=True)
        score(version, dict(zip(numbered, LOSSES, strict=True)))
    return dataset, version, videos


def done(job: Job | None) -> Job:
    assert job is not None
    tasks.find_segments(job.pk)
    job.refresh_from_db()
    return job


def test_it_finds_the_segments_of_every_finished_video() -> None:
    dataset, _, videos = scored_videos(3)
    Video.objects.filter(pk=videos[0].pk).update(state=Video.State.SCORING)
    job = done(segments.request(dataset=dataset))
    assert job.state == Job.State.DONE
    assert [video.segments.count() for video in videos] == [0, 2, 2]
    assert segments.status(dataset).is_current
    assert job.lines.last().text == "4 segments found in 2 videos."  # type: ignore[union-attr]


def test_it_goes_on_where_a_killed_run_stopped() -> None:
    dataset, _, videos = scored_videos(3)
    segments.rebuild(video=videos[0])
    Segment.objects.filter(video=videos[0]).update(mean=-1.0)
    done(segments.request(dataset=dataset))
    assert {row.mean for row in videos[0].segments.all()} == {-1.0}
    assert videos[2].segments.count() == 2


def test_it_writes_nothing_once_its_lease_is_lost() -> None:
    dataset, _, videos = scored_videos(1)
    job = segments.request(dataset=dataset)
    assert job is not None
    lease = leases.claim(job.pk)
    assert lease is not None
    Job.objects.filter(pk=job.pk).update(fence=None)
    from scoring.worker import segments as body

    with pytest.raises(leases.LeaseLost):
        body.run(lease, dataset)
    assert not videos[0].segments.exists()


def _aim(dataset: Dataset, by: User) -> None:
    versions.set_target_tpr(dataset=dataset, target_tpr=0.9, by=by)


def _flag_by_outlier_score(dataset: Dataset, by: User) -> None:
    versions.set_flag_by(dataset=dataset, score="ood_score", by=by)


def test_it_is_asked_for_when_what_flags_frames_changes() -> None:
    dataset, version, _ = scored_videos(1)
    ana = User.objects.get()
    for change in (_aim, _flag_by_outlier_score):
        change(dataset, ana)
        job = done(Job.objects.open().get(kind=Job.Kind.SEGMENT))
        assert job.model_version == version
        assert segments.status(Dataset.objects.get()).is_current
    assert Segment.objects.get(first=0).score == "ood_score"


def test_it_is_asked_for_when_another_version_becomes_active() -> None:
    dataset, first, videos = scored_videos(1)
    done(segments.request(dataset=dataset))
    second = make_version(dataset, threshold=95.0, is_active=False)
    for row in FrameScore.objects.filter(model_version=first):
        row.pk, row.model_version = None, second
        row.save()
    for pack in videos[0].packs.all():
        pack.scored.create(model_version=second)
    assert versions.activate(version=second, by=None)
    done(Job.objects.open().get(kind=Job.Kind.SEGMENT))
    only = videos[0].segments.get()
    assert (only.model_version, only.is_outlier) == (second, False)


def test_it_can_be_tried_again_by_hand() -> None:
    dataset, _, _ = scored_videos(1)
    job = segments.request(dataset=dataset)
    assert job is not None
    jobs.cancel(job=job, by="ana")
    job.refresh_from_db()
    again = done(jobs.retry(job=job, by="ana"))
    assert again.state == Job.State.DONE
    assert segments.status(dataset).is_current


def with_features(dataset: Dataset, version: ModelVersion, losses: list[float], looks: list[float]) -> Video:
    """A ready video in one pack whose frames have these losses and, to the encoder, these looks."""
    video = make_video(dataset, len(losses), name=f"{dataset.videos.count()}.mp4")
    numbered = list(video.frames.order_by("number").values_list("pk", flat=True))
    score(version, dict(zip(numbered, losses, strict=True)))
    activations = np.array([[look, 1.0] for look in looks], np.float16)
    data = features_to_bytes(activations, np.arange(len(looks), dtype=np.int64))
    storage.write(video.packs.get().features_key(version), data)
    return video


def ranked(dataset: Dataset) -> list[int]:
    """Numbers of the worst frames of outlying segments, in the order of the unlike ones."""
    rows = Segment.objects.filter(dataset=dataset, is_outlier=True).order_by("diversity", "id")
    return list(rows.values_list("worst_number", flat=True))


def test_it_orders_outlying_segments_by_how_unlike_they_look() -> None:
    dataset, version, _ = scored_videos(0)
    losses = [20.0, 99.0, 20.0, 98.0, 20.0, 97.0, 20.0, 96.0]
    with_features(dataset, version, losses, [0, 5.0, 0, 5.1, 0, -9.0, 0, 1.0])
    version.thresholds = thresholds(50.0, [])
    version.save()
    job = segments.request(dataset=dataset)
    done(job)
    assert ranked(dataset) == [1, 5, 7, 3]


def test_it_orders_them_in_rounds_over_the_videos_where_no_features_were_kept() -> None:
    dataset, _, videos = scored_videos(2)
    version = dataset.active_version
    assert version is not None
    ModelVersion.objects.filter(pk=version.pk).update(thresholds=thresholds(50.0, []))
    for loss, video in zip((95.0, 96.0), videos, strict=True):
        FrameScore.objects.filter(video=video, frame__number=0).update(reconstruction_loss=loss)
    done(segments.request(dataset=dataset))
    rows = Segment.objects.filter(is_outlier=True).order_by("diversity").values_list("video", "worst_number")
    first, second = videos
    assert list(rows) == [(second.pk, 0), (first.pk, 0), (first.pk, 4), (second.pk, 4)]


def test_it_finds_the_shots_of_frames_that_were_extracted_before_these_were_looked_for() -> None:
    dataset, _, _ = scored_videos(0)
    pictures = np.concatenate([turf_frames(1).repeat(5, 0), stripe_frames(1).repeat(4, 0)])
    video = seed.video_with_frames(dataset, pictures=pictures, with_objects=True)
    Video.objects.filter(pk=video.pk).update(state=Video.State.READY)
    version = dataset.active_version
    assert version is not None
    score(version, dict.fromkeys(video.frames.values_list("pk", flat=True), 45.0))
    done(segments.request(dataset=dataset))
    assert list(video.frames.filter(shot_start=True).values_list("number", flat=True)) == [0, 5]
    assert FrameScore.objects.filter(is_copy=True).count() == 7
    assert [row.first for row in video.segments.all()] == [0, 5]
