"""One version against another on what people said."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from curation import reviews, versions
from curation.models import Dataset, Frame, ModelVersion, Review, TrainingRun
from tests.curation.review_rows import ask, make_version, score, scored_dataset

pytestmark = pytest.mark.django_db

# By the old version and by the new one, threshold 50 for both; I = judged IN, O = OUT, ? = unsure, - = nobody looked.
LOSSES = [
    (20.0, 10.0, "I"),
    (60.0, 40.0, "I"),
    (40.0, 55.0, "I"),
    (70.0, 90.0, "O"),
    (45.0, 80.0, "O"),
    (99.0, 1.0, "?"),
]
UNSEEN = (30.0, 99.0, "-")
WORDS = {"I": "in", "O": "out", "?": "unsure"}


def judged() -> tuple[Dataset, ModelVersion, ModelVersion, list[Frame]]:
    rows = [*LOSSES, UNSEEN]
    dataset, frames = scored_dataset([old for old, _, _ in rows])
    new = make_version(dataset, is_active=False)
    score(new, {frame.pk: row[1] for frame, row in zip(frames, rows, strict=True)})
    asked = [ask(frame, WORDS[row[2]]) for frame, row in zip(frames, rows, strict=True) if row[2] in WORDS]
    reviews.record(dataset=dataset, user=User.objects.get(username="ana"), requests=asked)
    assert dataset.active_version is not None
    return dataset, dataset.active_version, new, frames


def test_it_counts_right_and_wrong_on_frames_judged_in_or_out() -> None:
    _, old, new, _ = judged()
    found = versions.compare(old, new)
    assert (found.reviewed, found.in_frames, found.out_frames) == (5, 3, 2)
    assert found.old.confusion.tpr == pytest.approx(2 / 3) and found.old.confusion.fpr == pytest.approx(1 / 2)
    assert found.new.confusion.tpr == pytest.approx(2 / 3) and found.new.confusion.fpr == 0
    assert found.old.auroc == pytest.approx(5 / 6) and found.new.auroc == 1
    assert found.gained == 1
    assert found.sentence.startswith("On 5 reviewed frames version 2 gets 1 more right than version 1.")


def test_it_says_when_the_frames_are_too_few_to_tell() -> None:
    _, old, new, _ = judged()
    assert "Fewer than 30" in versions.compare(old, new).sentence


def test_it_compares_nothing_without_reviews() -> None:
    dataset, _ = scored_dataset([1.0, 2.0])
    assert dataset.active_version is not None
    found = versions.compare(dataset.active_version, make_version(dataset, is_active=False))
    assert found.reviewed == 0 and found.new.auroc is None and found.changed_sides == []
    assert "can't be compared" in found.sentence


def test_it_shows_frames_that_changed_sides_with_those_turned_wrong_first() -> None:
    _, old, new, frames = judged()
    changes = versions.compare(old, new).changed_sides
    assert [change.frame.pk for change in changes] == [frames[2].pk, frames[4].pk, frames[1].pk]
    assert [change.is_better for change in changes] == [False, True, True]
    assert (changes[1].was_outlier, changes[1].is_outlier, changes[1].verdict) == (False, True, "out")


def test_it_leaves_out_frames_that_only_one_version_scored() -> None:
    _, old, new, frames = judged()
    new.scores.filter(frame=frames[0]).delete()
    assert versions.compare(old, new).reviewed == 4


def test_it_tells_frames_the_new_version_was_trained_on_from_those_judged_later() -> None:
    dataset, old, new, frames = judged()
    run = TrainingRun.objects.create(dataset=dataset, config={}, version=new, state=TrainingRun.State.DONE)
    TrainingRun.objects.filter(pk=run.pk).update(created_at=timezone.now())
    early = timezone.now() - dt.timedelta(days=1)
    late = timezone.now() + dt.timedelta(days=1)
    Review.objects.update(created_at=late)
    Review.objects.filter(frame__in=[frames[0], frames[3]]).update(created_at=early)
    found = versions.compare(old, ModelVersion.objects.select_related("training_run").get(pk=new.pk))
    assert found.trained_on == 1, "only IN frames are trained on"
    assert (found.unseen, found.unseen_old.right, found.unseen_new.right) == (3, 1, 2)


def test_it_takes_frames_of_reference_videos_as_seen() -> None:
    dataset, old, new, _ = judged()
    dataset.videos.update(is_reference=True)
    ModelVersion.objects.filter(pk=new.pk).update(created_at=timezone.now() - dt.timedelta(days=9))
    new.refresh_from_db()
    assert versions.compare(old, new).unseen == 0
