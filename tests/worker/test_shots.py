"""Shots and near copies are stored with a video's frames, renewed when they are taken anew, copied beside scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation import jobs, leases, storage, videos
from curation.models import Dataset, Frame, FrameScore, Job, Role, Video
from scoring import tasks
from scoring.frames import Pixels
from scoring.limits import MediaError
from scoring.worker import extract
from tests.conftest import member
from tests.scoring.videos import make_video as make_file
from tests.worker.test_calibrate import version_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
SCENES = ((40, 130, 50), (200, 40, 40), (60, 60, 160), (230, 220, 60))
LENGTH = 10  # pictures of a scene, all alike


def picture(number: int, size: tuple[int, int]) -> Pixels:
    frame = np.full((size[1], size[0], 3), SCENES[number // LENGTH], np.uint8)
    frame[: size[1] // 4] = 20
    return frame


def extracted(dataset: Dataset, file: Path) -> Video:
    storage.write("uploads/a", file.read_bytes())
    video = Video.objects.create(dataset=dataset, name="a.mp4", key="uploads/a", size_bytes=file.stat().st_size)
    jobs.request(kind=Job.Kind.EXTRACT, dataset=dataset, video=video)
    return run(video)


def run(video: Video) -> Video:
    job = video.jobs.open().get(kind=Job.Kind.EXTRACT)
    with leases.work(job.pk, MediaError) as lease:
        assert lease is not None and lease.job.video is not None
        extract.run(lease, lease.job.video)
    return Video.objects.get(pk=video.pk)


@pytest.fixture
def video(dataset: Dataset, tmp_path: Path) -> Video:
    Dataset.objects.filter(pk=dataset.pk).update(sampling_step=0.1, input_height=24, input_width=32)
    dataset.refresh_from_db()
    return extracted(dataset, make_file(tmp_path / "a.mp4", seconds=4, size=(96, 72), picture=picture))


def shots(video: Video) -> list[int]:
    return list(video.frames.filter(shot_start=True).order_by("number").values_list("number", flat=True))


def copies(video: Video) -> list[tuple[int, int]]:
    return list(video.frames.filter(copies__gt=0).order_by("number").values_list("number", "copies"))


def test_it_stores_where_shots_begin_and_what_is_a_copy(video: Video) -> None:
    assert video.frame_count == 40
    assert shots(video) == [0, 10, 20, 30]
    # A run never goes beyond its pack: the first holds 32 frames.
    assert copies(video) == [(0, 9), (10, 9), (20, 9), (30, 1), (32, 7)]
    assert list(video.frames.filter(copy_of=32).values_list("number", flat=True).order_by("number")) == [*range(33, 40)]
    assert video.frames.filter(copy_of=None).count() == 5


def test_it_renews_them_when_the_frames_are_taken_anew(video: Video) -> None:
    Frame.objects.update(shot_start=True, copy_of=None, copies=0)
    owner = member(video.dataset, "olga", Role.ADMIN)
    videos.set_crop(video=video, crop="0,18,0,0", by=owner)
    again = run(video)
    assert shots(again) == [0, 10, 20, 30]
    assert copies(again) == [(0, 9), (10, 9), (20, 9), (30, 1), (32, 7)]


def test_it_copies_the_word_beside_the_scores_and_finds_the_segments_at_once(video: Video) -> None:
    version = version_of(video.dataset)
    job = jobs.request(kind=Job.Kind.SCORE, dataset=video.dataset, video=video, model_version=version)
    tasks.score(job.pk)
    assert FrameScore.objects.filter(video=video, is_copy=True).count() == 35
    assert not FrameScore.objects.exclude(frame__copy_of=None).filter(is_copy=False).exists()
    assert [row.first for row in video.segments.all()] == [0, 10, 20, 30]
