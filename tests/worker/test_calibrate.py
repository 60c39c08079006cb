"""Verdicts become probabilities beside every frame's score: real features, a real fit, real rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from curation import calibrations, jobs, leases, storage
from curation.models import (
    Dataset,
    Frame,
    FrameProbability,
    FrameScore,
    Job,
    ModelVersion,
    Pack,
    ScoredPack,
    TrainingRun,
    Video,
)
from scoring.config import VAEConfig
from scoring.detector import Detector, save_detector
from scoring.fitting import fit_detector
from scoring.frames import Pixels, SampledFrame
from scoring.frameset import FrameSet
from scoring.model_file import sha256, tensor_table
from scoring.packs import PackWriter, chunk_range
from scoring.preprocessing import Preprocessing
from scoring.vae import VAE
from scoring.worker import calibrate, score
from tests import seed
from tests.scoring.frames_for_tests import turf_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
CONFIG = VAEConfig(height=24, width=32, channels=(4, 8), latent=5)
MADE = Preprocessing(24, 32)


def blue_frames(count: int) -> Pixels:
    """Frames that no turf resembles."""
    frames = turf_frames(count, seed=9)
    return np.ascontiguousarray(frames[..., [0, 2, 1]] // 2 + np.array([0, 0, 90], np.uint8))


def detector() -> Detector:
    torch.manual_seed(0)
    return fit_detector(VAE(CONFIG).eval(), FrameSet(turf_frames(20)), MADE, device="cpu")


def video_of(dataset: Dataset, pixels: Pixels, name: str) -> Video:
    """A video with these frames, in as many packs as they need."""
    video = Video.objects.create(
        dataset=dataset, name=name, key=f"uploads/{name}", size_bytes=1, state="extracted", frame_count=len(pixels)
    )
    chunk = 0
    while numbers := range(chunk_range(chunk).start, min(chunk_range(chunk).stop, len(pixels))):
        writer = PackWriter(chunk, MADE)
        for number in numbers:
            writer.add(SampledFrame(number, float(number), False, seed.jpeg(0), pixels[number]))
        pack = Pack.objects.create(
            video=video, chunk=chunk, first_number=numbers.start, frame_count=len(numbers), thumbs_bytes=1,
            inputs_bytes=1, is_complete=True,
        )  # fmt: skip
        storage.write(pack.inputs_key, writer.inputs())
        Frame.objects.bulk_create(
            Frame(video=video, pack=pack, number=n, time_s=n, thumb_offset=0, thumb_bytes=1) for n in numbers
        )
        chunk += 1
    return video


def version_of(dataset: Dataset) -> ModelVersion:
    weights = save_detector(detector())
    storage.write("models/one.safetensors", weights)
    version = ModelVersion.objects.create(
        dataset=dataset, number=1, state=ModelVersion.State.READY, config={}, weights_key="models/one.safetensors",
        weights_sha256=sha256(weights), weights_bytes=len(weights), tensors=tensor_table(weights), target_tpr=0.9,
        thresholds=seed.thresholds(50.0, []), heldout_frames=1, heldout_videos=1,
    )  # fmt: skip
    Dataset.objects.filter(pk=dataset.pk).update(active_version=version)
    dataset.refresh_from_db()
    return version


def scored(version: ModelVersion) -> None:
    job = jobs.request(kind=Job.Kind.RESCORE, dataset=version.dataset, model_version=version)
    with leases.work(job.pk) as lease:
        assert lease is not None
        score.run(lease, version)


def calibrated(version: ModelVersion) -> Job:
    job = jobs.request(kind=Job.Kind.CALIBRATE, dataset=version.dataset, model_version=version)
    with leases.work(job.pk) as lease:
        assert lease is not None
        calibrate.run(lease, version)
    job.refresh_from_db()
    return job


def judge(video: Video, verdict: str, count: int) -> None:
    chosen = video.frames.filter(number__lt=count)
    FrameScore.objects.filter(frame__in=list(chosen.values_list("pk", flat=True))).update(verdict=verdict)
    FrameProbability.objects.filter(frame__in=list(chosen.values_list("pk", flat=True))).update(verdict=verdict)
    chosen.update(verdict=verdict)


def probabilities(video: Video) -> list[Any]:
    rows = FrameScore.objects.with_probability().filter(video=video).order_by("frame__number")
    return [row.value("probability") for row in rows]


@pytest.fixture
def cup(dataset: Dataset) -> tuple[ModelVersion, Video, Video]:
    """A scored version, a video of turf and one of something else: 40 frames each, in two packs."""
    turf = video_of(dataset, turf_frames(40, seed=3), "turf.mp4")
    blue = video_of(dataset, blue_frames(40), "blue.mp4")
    version = version_of(dataset)
    scored(version)
    return version, turf, blue


def test_it_gives_every_frame_a_probability_from_a_few_verdicts(cup: tuple[ModelVersion, Video, Video]) -> None:
    version, turf, blue = cup
    assert set(probabilities(turf)) == {None}
    judge(turf, "in", 20)
    judge(blue, "out", 8)
    assert calibrated(version).state == Job.State.DONE
    unseen_turf, unseen_blue = probabilities(turf)[20:], probabilities(blue)[8:]
    assert max(unseen_turf) < min(unseen_blue) and np.mean(unseen_turf) < 0.5 < np.mean(unseen_blue)
    said = calibrations.status(version.dataset)
    assert said.is_ready and (said.in_reviews, said.out_reviews) == (20, 8)


def test_it_gives_the_same_numbers_each_time_and_to_frames_that_come_later(
    cup: tuple[ModelVersion, Video, Video],
) -> None:
    version, turf, blue = cup
    judge(turf, "in", 20)
    judge(blue, "out", 8)
    calibrated(version)
    first = probabilities(blue)
    calibrated(version)
    assert probabilities(blue) == first
    assert [bool(row.parameters) for row in version.calibrations.order_by("id")] == [False, True]
    late = video_of(version.dataset, blue_frames(40), "late.mp4")
    scored(version)
    assert probabilities(late) == pytest.approx(first, abs=1e-6)


def test_it_sets_the_threshold_on_held_out_frames_that_it_did_not_learn_from(
    cup: tuple[ModelVersion, Video, Video],
) -> None:
    version, turf, blue = cup
    pack = turf.packs.get(chunk=0)
    run = TrainingRun.objects.create(dataset=version.dataset, config={}, version=version, state="done")
    frozen = {"key": pack.inputs_key, "video": turf.pk, "rows": list(range(10)), "heldout": True}
    seed.freeze(run, [frozen])
    judge(turf, "in", 30)
    judge(blue, "out", 8)
    calibrated(version)
    version.refresh_from_db()
    entry = version.thresholds["probability"]
    assert (entry["frames"], entry["videos"]) == (10, 1) and "1 video" in entry["note"]
    assert entry["value"] <= max(probabilities(turf)[:10])
    assert version.calibrations.get().in_reviews == 20  # the ten that were held out are not learned from


def test_it_says_why_when_the_verdicts_do_not_suffice(cup: tuple[ModelVersion, Video, Video]) -> None:
    version, turf, blue = cup
    judge(turf, "in", 30)
    judge(blue, "out", 4)
    job = calibrated(version)
    assert job.state == Job.State.DONE and "OUT" in version.calibrations.get().note
    assert set(probabilities(turf)) == {None}


def test_it_says_so_when_a_version_kept_no_features(cup: tuple[ModelVersion, Video, Video]) -> None:
    version, turf, blue = cup
    judge(turf, "in", 30)
    judge(blue, "out", 8)
    storage.delete([pack.features_key(version) for pack in Pack.objects.all()])
    calibrated(version)
    assert calibrations.status(version.dataset).sentence == calibrate.NO_FEATURES
    assert calibrations.request_when_due(version.dataset) is None


def test_it_keeps_what_every_frame_measured(cup: tuple[ModelVersion, Video, Video]) -> None:
    version, _, _ = cup
    row = FrameScore.objects.first()
    assert row is not None and row.l1 is not None and row.variance is not None
    assert 0 < row.l1 <= 24 * 32 * 3 and 0 <= row.variance <= 24 * 32 * 3
    assert ScoredPack.objects.filter(model_version=version).count() == 4
