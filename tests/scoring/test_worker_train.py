"""The training job on real rows and objects: what the new version keeps of the run."""

from __future__ import annotations

import pytest

from curation import training
from curation.leases import work
from curation.models import Dataset, Frame, Job, ModelVersion, TrainingRun, Video
from scoring.frames import Pixels
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
        assert (entry["frames"], entry["videos"]) == (version.heldout_frames, version.heldout_videos)
        assert [len(values) for values in entry["per_video"]] == [65] * version.heldout_videos
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
