"""Counts are kept while frames are extracted, scored, scored again by another worker, given probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation import bulk, gallery, invariants, jobs, leases, tally_changes, videos
from curation.models import Dataset, FrameProbability, FrameScore, Job, ModelVersion, Role, ScoredPack, Tally, Video
from scoring.worker import calibrate
from tests.conftest import member
from tests.curation.review_rows import calibrate as make_fit
from tests.curation.review_rows import probable
from tests.scoring.frames_for_tests import turf_frames
from tests.scoring.videos import make_video as make_file
from tests.worker.test_calibrate import blue_frames, calibrated, judge, scored, version_of, video_of
from tests.worker.test_shots import extracted, picture, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def kept() -> bool:
    """Something is kept, and it is right."""
    return Tally.objects.exclude(counts={}).exists() and not list(invariants.counts_are_kept())


def agree(version: ModelVersion) -> bool:
    """What is kept of its scores and its probabilities is right."""
    told, found = tally_changes.difference(version.dataset_id, version.pk)
    return told == found


@pytest.fixture
def version(dataset: Dataset) -> ModelVersion:
    video_of(dataset, turf_frames(40, seed=3), "turf.mp4")
    video_of(dataset, blue_frames(40), "blue.mp4")
    tally_changes.ensure(dataset.pk, None)
    return version_of(dataset)


def test_it_keeps_counts_of_what_is_scored(version: ModelVersion) -> None:
    scored(version)
    assert gallery.counts(version.dataset).scored == 80
    assert kept()


def test_it_counts_no_frame_twice_that_a_dead_worker_had_scored(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "rows_per_transaction", lambda wanted: 8)
    scored(version)
    late = ScoredPack.objects.order_by("-pk")[0]
    late.delete()
    survivor = FrameScore.objects.filter(frame__pack=late.pack)
    with leases.work(jobs.request(kind=Job.Kind.EXTRACT, dataset=version.dataset).pk) as lease:
        assert lease is not None
        with lease.transaction():
            lost = survivor.filter(pk__in=list(survivor.values_list("pk", flat=True)[:3]))
            likely = FrameProbability.objects.filter(frame__in=lost.values("frame"))
            tally_changes.scores_removed(version.dataset_id, lost, likely)
            likely.delete()
            lost.delete()
    scored(version)
    assert gallery.counts(version.dataset).scored == 80
    assert kept()


def test_it_moves_frames_to_the_bins_of_their_probabilities(version: ModelVersion) -> None:
    scored(version)
    turf, blue = (Video.objects.get(name=name) for name in ("turf.mp4", "blue.mp4"))
    judge(turf, "in", 20)
    judge(blue, "out", 8)
    tally_changes.recount(version.dataset)
    for _ in range(2):
        assert calibrated(version).state == Job.State.DONE
        assert kept()
    assert sum(sum(row) for row in _bins(version, "probability")) == 80


def test_it_counts_the_probabilities_of_frames_that_come_later(
    version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some while a fit is being written, by the one before; some after it stands."""
    scored(version)
    judge(Video.objects.get(name="turf.mp4"), "in", 20)
    judge(Video.objects.get(name="blue.mp4"), "out", 8)
    tally_changes.recount(version.dataset)
    calibrated(version)
    finish = calibrate._finish

    def late(*args: Any) -> None:
        video_of(version.dataset, turf_frames(40, seed=5), "late.mp4")
        scored(version)
        finish(*args)

    monkeypatch.setattr(calibrate, "_finish", late)
    calibrated(version)
    assert FrameProbability.objects.values("calibration").distinct().count() == 1
    assert FrameProbability.objects.of_version(version).count() == 120 and agree(version)
    video_of(version.dataset, turf_frames(40, seed=6), "later.mp4")
    scored(version)
    assert FrameProbability.objects.of_version(version).count() == 160 and agree(version)
    assert sum(sum(row) for row in _bins(version, "probability")) == 160


def _bins(version: ModelVersion, name: str) -> list[Any]:
    tally_changes.fold()
    return list(Tally.objects.get(model_version=version, calibration__stands=True).counts[name].values())


def test_it_follows_a_video_that_is_extracted_scored_and_taken_anew(dataset: Dataset, tmp_path: Path) -> None:
    Dataset.objects.filter(pk=dataset.pk).update(sampling_step=0.1, input_height=24, input_width=32)
    dataset.refresh_from_db()
    video = extracted(dataset, make_file(tmp_path / "a.mp4", seconds=4, size=(96, 72), picture=picture))
    assert kept()
    version = version_of(video.dataset)
    scored(version)
    assert gallery.counts(version.dataset).scored == 40
    assert kept()
    probable(make_fit(version), dict.fromkeys(video.frames.values_list("pk", flat=True), 0.5))
    tally_changes.recount(version.dataset)
    videos.set_crop(video=video, crop="0,18,0,0", by=member(video.dataset, "olga", Role.ADMIN))
    run(video)
    counts = gallery.counts(version.dataset)
    assert (counts.frames, counts.scored) == (40, 0)
    assert not list(invariants.counts_are_kept()) and not FrameProbability.objects.exists()
    version.calibrations.all().delete()
    scored(version)
    assert gallery.counts(version.dataset).scored == 40
    assert kept()
