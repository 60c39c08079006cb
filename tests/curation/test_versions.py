"""Activating a version, going back, and moving the threshold."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User

from curation import reviews, scores, versions
from curation.models import Dataset, Frame, Job, ModelVersion, Review, ScoredPack, Video
from curation.problems import Problem
from tests.curation.review_rows import ask, make_version, make_video, score, scored_dataset
from tests.seed import thresholds

pytestmark = pytest.mark.django_db


def covered(version: ModelVersion) -> ModelVersion:
    """Mark every pack as scored by this version."""
    for pack in versions.missing_packs(version):
        ScoredPack.objects.create(pack=pack, model_version=version)
    return version


def two_versions() -> tuple[Dataset, ModelVersion, ModelVersion]:
    dataset, _ = scored_dataset([10.0, 60.0])
    old = dataset.active_version
    assert old is not None
    return dataset, covered(old), covered(make_version(dataset, is_active=False))


def ana() -> User:
    return User.objects.get(username="ana")


def test_it_activates_a_version_and_logs_who_did() -> None:
    dataset, _, new = two_versions()
    assert versions.activate(version=new, by=ana())
    dataset.refresh_from_db()
    assert dataset.active_version == new
    entry = dataset.activations.get()
    assert (entry.model_version, entry.user) == (new, ana())


def test_it_logs_nothing_when_the_version_is_active_already() -> None:
    dataset, _, new = two_versions()
    versions.activate(version=new, by=ana())
    assert versions.activate(version=new, by=ana())
    assert dataset.activations.count() == 1


def test_it_goes_back_and_keeps_the_history() -> None:
    dataset, old, new = two_versions()
    versions.activate(version=new, by=ana())
    versions.activate(version=old, by=ana())
    dataset.refresh_from_db()
    assert dataset.active_version == old
    assert [entry.model_version for entry in dataset.activations.all()] == [old, new]


@pytest.mark.parametrize("state", [ModelVersion.State.RESCORING, ModelVersion.State.FAILED])
def test_it_refuses_a_version_that_is_not_ready(state: str) -> None:
    dataset, old, new = two_versions()
    ModelVersion.objects.filter(pk=new.pk).update(state=state)
    with pytest.raises(Problem, match="Version 2"):
        versions.activate(version=new, by=ana())
    dataset.refresh_from_db()
    assert dataset.active_version == old


def test_it_scores_newer_videos_before_it_goes_back() -> None:
    dataset, old, new = two_versions()
    versions.activate(version=new, by=ana())
    make_video(dataset, 3, name="newer.mp4")
    covered(new)
    assert not versions.activate(version=old, by=ana())
    dataset.refresh_from_db()
    old.refresh_from_db()
    assert dataset.active_version == new, "the gallery stays whole until the old version has caught up"
    assert (old.state, old.activate_when_ready) == (ModelVersion.State.RESCORING, True)
    assert Job.objects.filter(kind=Job.Kind.RESCORE, model_version=old).count() == 1


def test_it_wakes_videos_that_waited_for_a_model() -> None:
    dataset, _, new = two_versions()
    video = dataset.videos.get()
    Video.objects.filter(pk=video.pk).update(state=Video.State.EXTRACTED, extracted_at=video.created_at)
    versions.activate(version=new, by=None)
    video.refresh_from_db()
    assert video.state == Video.State.READY


def test_it_puts_the_threshold_where_the_aimed_share_of_held_out_frames_passes() -> None:
    _, old, _ = two_versions()
    losses = np.random.default_rng(0).gamma(4.0, 10.0, 2000)
    old.thresholds = thresholds(50.0, np.quantile(losses, np.linspace(0, 1, 513)).tolist())
    for target in (0.5, 0.9, 0.95, 0.999):
        accepted = float((losses <= versions.threshold_at(old, target)).mean())
        assert accepted == pytest.approx(target, abs=0.002)


@pytest.mark.parametrize("target", [0.0, 0.49, 0.9999, 1.0, float("nan")])
def test_it_refuses_an_aim_out_of_range(target: float) -> None:
    _, old, _ = two_versions()
    old.thresholds = thresholds(1.5, [1.0, 2.0])
    with pytest.raises(Problem, match="between"):
        versions.threshold_at(old, target)


def test_it_moves_every_version_and_leaves_verdicts_with_the_threshold_people_saw() -> None:
    dataset, old, new = two_versions()
    ModelVersion.objects.update(thresholds=thresholds(50.0, [0.0, 50.0, 100.0]))
    frame = Frame.objects.order_by("number")[1]
    reviews.record(dataset=dataset, user=ana(), requests=[ask(frame, "out")])
    versions.set_target_tpr(dataset=dataset, target_tpr=0.8, by=ana())
    for version in (old, new):
        version.refresh_from_db()
        assert version.threshold == pytest.approx(80.0) and version.target_tpr == 0.8
    dataset.refresh_from_db()
    assert dataset.target_tpr == 0.8
    assert Review.objects.get().threshold == 50.0


def test_it_counts_what_lies_above_the_threshold() -> None:
    _, old, new = two_versions()
    first, second = Frame.objects.order_by("number")
    score(new, {first.pk: 50.0, second.pk: 50.1})
    new.thresholds["ood_score"] = {"value": 4.9}
    assert [scores.above(version, "reconstruction_loss") for version in (old, new)] == [1, 1]
    assert [scores.above(version, "ood_score") for version in (old, new)] == [0, 2]
