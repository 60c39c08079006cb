"""The training job on real rows and objects: what the new version keeps of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from curation import jobs, training
from curation.leases import work
from curation.models import Dataset, Frame, Job, JobLine, ModelVersion, TrainingRun, Video
from scoring.errors import TrainingError
from scoring.frames import Pixels
from scoring.worker import folds
from scoring.worker import train as body
from scoring.worker.weights import load_version
from tests import seed
from tests.scoring.frames_for_tests import stripe_frames, turf_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
SIZE = {"input_height": 24, "input_width": 32}


def add_video(dataset: Dataset, name: str, pictures: Pixels, *, is_reference: bool = False) -> Video:
    video = seed.video_with_frames(dataset, name=name, pictures=pictures, with_objects=True)
    Video.objects.filter(pk=video.pk).update(is_reference=is_reference)
    return video


@pytest.fixture
def turf(dataset: Dataset) -> Dataset:
    """Three reference matches and a recording, half of it stripes that somebody judged OUT."""
    Dataset.objects.update(**SIZE)
    dataset.refresh_from_db()
    for number, name in enumerate("abc"):
        add_video(dataset, f"{name}.mp4", turf_frames(16, seed=number), is_reference=True)
    recording = add_video(dataset, "recording.mp4", stripe_frames(12))
    for numbers, reason in ((range(8), "advertisement"), (range(8, 12), "")):
        Frame.objects.filter(video=recording, number__in=numbers).update(verdict="out", reason=reason)
    other = add_video(dataset, "other.mp4", turf_frames(12, seed=9))
    Frame.objects.filter(video=other).update(verdict="in")
    return dataset


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker scores frames in these tests, so the folds need not wait for it."""
    monkeypatch.setattr(folds, "PATIENCE_S", 0.0)


def carry_out(run: TrainingRun) -> ModelVersion:
    """What the training worker does; the run's version."""
    with work(run.jobs.get().pk) as lease:
        assert lease is not None
        body.run(lease, TrainingRun.objects.get(pk=run.pk))
    job = run.jobs.get()
    assert job.state == Job.State.DONE, job.reason
    run.refresh_from_db()
    assert run.version is not None
    return run.version


def test_it_keeps_thresholds_of_both_scores_and_what_each_reason_is_worth(turf: Dataset) -> None:
    run = training.request_run(dataset=turf, by=None, epochs=1)
    version = carry_out(run)
    assert set(version.thresholds) == {"reconstruction_loss", "ood_score"}
    for entry in version.thresholds.values():
        assert entry["low"] <= entry["value"] <= entry["high"]
        assert [len(values) for values in entry["per_video"]] == [65] * entry["videos"]
    ad, nameless, every = version.metrics["reasons"]
    assert [(row["reason"], row["frames"], row["seen"]) for row in (ad, nameless, every)] == [
        ("advertisement", 8, False), ("", 4, False), (None, 12, False),
    ]  # fmt: skip
    assert set(ad["scores"]) == {"reconstruction_loss", "ood_score"}
    assert "before" not in ad["scores"]["ood_score"]["auroc"]
    assert version.preprocessing == load_version(version).preprocessing.as_json()
    assert version.parent is None and len(version.metrics["trained_videos"]) == run.train_videos


def test_it_measures_a_version_against_the_one_it_went_on_from(turf: Dataset) -> None:
    first = carry_out(training.request_run(dataset=turf, by=None, epochs=1))
    TrainingRun.objects.update(state=TrainingRun.State.DONE)
    run = training.request_run(dataset=turf, by=None, epochs=1, start_from=first)
    second = carry_out(run)
    assert second.parent == first
    assert set(first.metrics["trained_videos"]) <= set(second.metrics["trained_videos"])
    heldout = {entry["video"] for entry in training.read_set(run) if entry["heldout"] and not entry.get("out")}
    assert not heldout & set(first.metrics["trained_videos"])
    for row in second.metrics["reasons"]:
        assert set(row["scores"]["ood_score"]["auroc"]) == {"after", "before", "gained", "few"}


def test_it_learns_from_both_verdicts(turf: Dataset) -> None:
    first = carry_out(training.request_run(dataset=turf, by=None, epochs=1))
    TrainingRun.objects.update(state=TrainingRun.State.DONE)
    ModelVersion.objects.update(state=ModelVersion.State.READY)
    Frame.objects.filter(video__name="a.mp4").update(verdict="in")
    Frame.objects.filter(video__name="other.mp4", number=0).update(verdict="out", reason="damaged picture")
    run = training.request_run(dataset=turf, by=None, epochs=2, retrain=True)
    second = carry_out(run)
    assert (run.out_frames, run.start_from, second.parent) == (13, first, first)
    assert second.config["head"] > 0 and load_version(second).retrained is not None
    row = next(row for row in second.metrics["reasons"] if row["reason"] == "advertisement")
    figures = row["scores"]["ood_score"]["auroc"]
    assert (
        row["seen"]
        and figures["after"][0] > 0.9
        and figures["gained"][0] == pytest.approx(figures["after"][0] - figures["before"][0])
    )


def test_it_measures_the_threshold_by_folds_once_the_version_stands(turf: Dataset) -> None:
    run = training.request_run(dataset=turf, by=None, epochs=2)
    version = carry_out(run)
    for entry in version.thresholds.values():
        assert (entry["folds"], entry["videos"], entry["frames"]) == (3, 3, 48)
    lines = " ".join(JobLine.objects.order_by("id").values_list("text", flat=True))
    assert lines.index("Version 1 recorded") < lines.index("Fold 1 of 3 is measured")
    assert "Threshold of the reconstruction loss: " in lines and "from 3 folds over 3 videos" in lines
    assert version.jobs.filter(kind=Job.Kind.RESCORE).exists()


def test_it_goes_on_with_the_folds_after_a_crash(turf: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    run = training.request_run(dataset=turf, by=None, epochs=2)
    keep = folds._Watch.keep

    def crash_after_the_second(watch: folds._Watch, number: int, of: int, scores: folds.ByVideo) -> None:
        keep(watch, number, of, scores)
        if number == 2:
            raise RuntimeError("power cut")

    with monkeypatch.context() as broken, work(run.jobs.get().pk) as lease:
        broken.setattr(folds._Watch, "keep", crash_after_the_second)
        assert lease is not None
        body.run(lease, run)
    assert run.jobs.get().state == Job.State.QUEUED
    first = ModelVersion.objects.get()
    assert first.thresholds["ood_score"]["folds"] == 1, "the version stands with what its training measured"
    run.jobs.update(run_after=None)
    version = carry_out(run)
    assert (version, version.thresholds["ood_score"]["folds"]) == (first, 3)
    lines = list(JobLine.objects.order_by("id").values_list("text", flat=True))
    assert "Going on after 2 of 3 folds." in lines
    assert [line for line in lines if line.startswith("Fold ")] == [f"Fold {n} of 3 is measured." for n in (1, 2, 3)]


def test_it_trains_in_as_many_processes_as_the_setting_says(turf: Dataset, settings: Settings) -> None:
    settings.TRAIN_PROCESSES = "2"
    Video.objects.exclude(name="a.mp4").delete()
    run = training.request_run(dataset=turf, by=None, epochs=2)
    version = carry_out(run)
    assert run.device.startswith("CPU, 2 processes") and (run.epochs_done, run.epochs.count()) == (2, 2)
    assert version.metrics["train_loss"] > 0 and not list(Path(settings.SCRATCH_DIR).glob("training-*"))
    assert JobLine.objects.filter(text__startswith="Epoch 2 of 2").exists()


def test_it_refuses_a_number_of_processes_that_makes_no_sense(turf: Dataset, settings: Settings) -> None:
    settings.TRAIN_PROCESSES = "all"
    run = training.request_run(dataset=turf, by=None, epochs=1)
    with work(run.jobs.get().pk, TrainingError) as lease:
        assert lease is not None
        body.run(lease, run)
    assert run.jobs.get().reason.startswith("The setting TRAIN_PROCESSES doesn't suit this worker.")


def test_it_needs_no_folds_with_a_single_video(turf: Dataset) -> None:
    Video.objects.exclude(name="a.mp4").delete()
    version = carry_out(training.request_run(dataset=turf, by=None, epochs=1))
    assert version.thresholds["ood_score"]["folds"] == 1


def test_it_leaves_the_run_as_it_is_when_its_folds_are_stopped(turf: Dataset) -> None:
    run = training.request_run(dataset=turf, by=None, epochs=1)
    version = carry_out(run)
    job = run.jobs.get()
    TrainingRun.objects.update(state=TrainingRun.State.DONE)
    for state in (Job.State.CANCELLED, Job.State.FAILED):
        jobs.end(job, state, "Stopped by olga.")
        run.refresh_from_db()
        assert (run.state, run.version, run.note) == (TrainingRun.State.DONE, version, run.note)
    jobs.retry(job=job, by="olga")
    run.refresh_from_db()
    assert run.state == TrainingRun.State.DONE
