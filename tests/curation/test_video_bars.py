"""Black bars of a video, set by hand: its frames are taken again, and what people said stays."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from curation import jobs, leases, storage, training, videos
from curation.models import Dataset, Frame, FrameScore, Job, ModelVersion, Pack, ScoredPack, TrainingRun, Video
from curation.problems import Problem
from scoring.config import VAEConfig
from scoring.detector import Detector
from scoring.limits import MediaError
from scoring.packs import read_inputs
from scoring.preprocessing import Crop, Preprocessing
from scoring.score import Scorer
from scoring.vae import VAE
from scoring.worker import extract, score
from tests.curation.review_rows import make_version, make_video
from tests.scoring.test_bars import barred, scene
from tests.scoring.videos import make_video as make_file

pytestmark = pytest.mark.django_db

SIZE = (320, 180)
BARS = Crop(left=40, right=40)


def upload(dataset: Dataset, path: Path) -> Video:
    storage.write("uploads/a", path.read_bytes())
    return Video.objects.create(dataset=dataset, name="a.mp4", key="uploads/a", size_bytes=path.stat().st_size)


def run_extraction(video: Video) -> Video:
    """What a worker does with the video's extract job; the video afterwards."""
    job = video.jobs.open().filter(kind=Job.Kind.EXTRACT).first()
    assert job is not None
    with leases.work(job.pk, MediaError) as lease:
        assert lease is not None and lease.job.video is not None
        extract.run(lease, lease.job.video)
    return Video.objects.get(pk=video.pk)


def extracted(dataset: Dataset, path: Path) -> Video:
    video = upload(dataset, path)
    jobs.request(kind=Job.Kind.EXTRACT, dataset=dataset, video=video)
    return run_extraction(video)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """40 frames a second apart would be long; 40 at 10 a second will do: two packs."""

    def picture(number: int, size: tuple[int, int]) -> Any:
        return barred(scene(number // 10, size), BARS)

    return make_file(tmp_path / "a.mp4", seconds=4, size=SIZE, picture=picture)


@pytest.fixture
def dataset(dataset: Dataset, store: str) -> Dataset:
    dataset.sampling_step = 0.1
    dataset.save()
    return dataset


def scored(video: Video) -> ModelVersion:
    """A version that scored every frame of the video."""
    version = make_version(video.dataset)
    for frame in video.frames.all():
        FrameScore.objects.create(
            frame=frame, model_version=version, video=video, reconstruction_loss=1, kl=1, ood_score=1
        )
    for pack in video.packs.all():
        ScoredPack.objects.create(pack=pack, model_version=version)
    return version


def cut(video: Video) -> Crop:
    assert video.bars is not None
    return Crop(**video.bars)


def made(pack: Pack) -> Preprocessing:
    return read_inputs(storage.read(pack.inputs_key)).preprocessing


def left_edge(pack: Pack) -> int:
    """The brightest level at the left edge of its frames: dark where a bar is left."""
    return int(read_inputs(storage.read(pack.inputs_key)).pixels[:, :, :4].max())


def test_it_notes_the_bars_that_it_found(dataset: Dataset, file: Path) -> None:
    video = extracted(dataset, file)
    assert all(abs(found - there) <= 1 for found, there in zip(cut(video).as_tuple(), BARS.as_tuple(), strict=True))
    assert (video.sampling, video.frame_count) == ({"mode": "seconds", "step": 0.1}, 40)
    assert [made(pack) for pack in video.packs.all()] == [Preprocessing(60, 80, "crop")] * 2
    assert all(left_edge(pack) > 60 for pack in video.packs.all())


def test_it_keeps_bars_where_the_data_set_says_so(dataset: Dataset, file: Path) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(bars="keep")
    video = extracted(Dataset.objects.get(pk=dataset.pk), file)
    assert cut(video) == Crop()
    assert made(video.packs.all()[0]) == Preprocessing(60, 80, "keep")
    assert all(left_edge(pack) < 20 for pack in video.packs.all())


def test_it_takes_the_frames_again_and_keeps_what_people_said(dataset: Dataset, file: Path, curator: User) -> None:
    video = extracted(dataset, file)
    version = scored(video)
    before = list(video.frames.order_by("number").values_list("pk", "number", "time_s"))
    Frame.objects.filter(pk=before[35][0]).update(verdict="out", review_version=1)
    old_keys = [pack.inputs_key for pack in video.packs.all()]

    assert videos.set_crop(video=video, crop="none", by=curator)
    video.refresh_from_db()
    assert (video.state, video.crop, video.revision, video.extracted_at) == ("uploaded", "none", 1, None)
    assert FrameScore.objects.count() == 40

    # Meanwhile somebody turns to another sampling: this video's frames stay where they are.
    Dataset.objects.filter(pk=dataset.pk).update(sampling_step=1)
    video = run_extraction(video)
    assert list(video.frames.order_by("number").values_list("pk", "number", "time_s")) == before
    assert Frame.objects.get(pk=before[35][0]).verdict == "out"
    assert cut(video) == Crop()
    assert (video.frame_count, video.extracted_at is not None) == (40, True)
    assert not FrameScore.objects.exists() and not ScoredPack.objects.exists()
    assert video.jobs.open().filter(kind=Job.Kind.SCORE, model_version=version).count() == 1
    assert all(left_edge(pack) < 20 for pack in video.packs.all())
    assert [pack.revision for pack in video.packs.all()] == [1, 1]
    for pack in video.packs.all():
        for frame in pack.frames.all():
            assert storage.read(pack.thumbs_key, frame.thumb_offset, frame.thumb_bytes).startswith(b"\xff\xd8\xff")
    assert all(storage.exists(key) for key in old_keys)


def test_it_leaves_a_frozen_training_set_as_it_was(dataset: Dataset, file: Path, curator: User) -> None:
    video = extracted(dataset, file)
    Video.objects.filter(pk=video.pk).update(is_reference=True)
    run = training.request_run(dataset=dataset, by=curator)
    with pytest.raises(Problem, match="training run is under way"):
        videos.set_crop(video=video, crop="none", by=curator)
    TrainingRun.objects.filter(pk=run.pk).update(state=TrainingRun.State.DONE)
    videos.set_crop(video=video, crop="none", by=curator)
    run_extraction(video)
    entries = json.loads(gzip.decompress(storage.read(run.set_key)))["entries"]
    edges = [read_inputs(storage.read(entry["key"])).pixels[:, :, :4].max() for entry in entries]
    assert min(edges) > 60
    again = training.freeze(Dataset.objects.get(pk=dataset.pk))
    assert {entry["key"] for entry in again.entries}.isdisjoint(entry["key"] for entry in entries)


def test_it_goes_on_where_a_killed_extraction_stopped(dataset: Dataset, file: Path, curator: User) -> None:
    video = extracted(dataset, file)
    videos.set_crop(video=video, crop="40,0,0,0", by=curator)
    video.refresh_from_db()
    first = video.packs.all()[0]
    Pack.objects.filter(pk=first.pk).update(revision=1)
    storage.write(video.pack_key(0, "inputs"), b"made by the attempt that was killed")
    video = run_extraction(video)
    assert storage.read(video.packs.all()[0].inputs_key) == b"made by the attempt that was killed"
    assert left_edge(video.packs.all()[1]) > 60
    assert cut(video) == Crop(left=40)


@pytest.mark.parametrize("seconds", [3.0, 3.2, 4.5])  # 3.2: the first pack is the same, the second is missing
def test_it_refuses_other_frames(dataset: Dataset, file: Path, curator: User, tmp_path: Path, seconds: float) -> None:
    video = extracted(dataset, file)
    other = make_file(tmp_path / "b.mp4", seconds=seconds, size=SIZE)
    storage.write(video.key, other.read_bytes())
    videos.set_crop(video=video, crop="none", by=curator)
    video = run_extraction(video)
    assert video.state == Video.State.FAILED
    assert "gave other frames than before" in video.note
    assert video.frames.count() == 40


def test_it_takes_no_scores_of_inputs_that_were_replaced(dataset: Dataset, file: Path, curator: User) -> None:
    """The pack is replaced while its old inputs are being scored."""
    video = extracted(dataset, file)
    version = make_version(dataset)
    job = jobs.request(kind=Job.Kind.SCORE, dataset=dataset, video=video, model_version=version)
    lease = leases.claim(job.pk)
    assert lease is not None
    stale = video.packs.all()[0]
    Pack.objects.filter(pk=stale.pk).update(revision=1)
    model = VAE(VAEConfig(channels=(8, 16, 16), latent=8))
    inputs = read_inputs(storage.read(stale.inputs_key))
    score.store_pack(
        lease, version, stale, (inputs, Scorer(Detector(model, Preprocessing()), "cpu").score_inputs(inputs))
    )
    assert not FrameScore.objects.exists() and not ScoredPack.objects.exists()


@pytest.mark.parametrize(
    ("crop", "sentence"),
    [
        ("300,0,300,0", "A tenth of the picture's width"),
        ("0,200,0,200", "A tenth of the picture's height"),
        ("1,2,3", "four whole numbers"),
        ("wide", "four whole numbers"),
    ],
)
def test_it_refuses_what_is_no_crop(dataset: Dataset, curator: User, crop: str, sentence: str) -> None:
    video = make_video(dataset, 3)
    with pytest.raises(Problem, match=sentence):
        videos.set_crop(video=video, crop=crop, by=curator)
    video.refresh_from_db()
    assert (video.crop, video.revision) == ("", 0)


def test_it_does_nothing_when_that_is_so_already(dataset: Dataset, curator: User) -> None:
    video = make_video(dataset, 3)
    assert not videos.set_crop(video=video, crop="", by=curator)
    assert not Job.objects.exists()


def test_it_refuses_while_the_video_is_being_extracted(dataset: Dataset, curator: User) -> None:
    video = make_video(dataset, 3)
    jobs.request(kind=Job.Kind.EXTRACT, dataset=dataset, video=video)
    with pytest.raises(Problem, match="are being extracted"):
        videos.set_crop(video=video, crop="none", by=curator)
