"""One version against another on what people said."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from curation import comparison, reviews, versions
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Review, Score, TrainingRun
from tests.conftest import signed_in
from tests.curation.review_rows import ask, calibrate, make_dataset, make_version, make_video, score, scored_dataset

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
    assert found.old.auroc is not None and found.old.auroc.value == pytest.approx(5 / 6)
    assert found.new.auroc is not None and found.new.auroc.value == 1
    assert found.gained == 1
    assert found.sentence.startswith("On 5 reviewed frames version 2 gets 1 more right than version 1.")


def test_it_says_when_the_frames_are_too_few_to_tell() -> None:
    _, old, new, _ = judged()
    assert "Fewer than 30" in versions.compare(old, new).sentence


def test_it_compares_nothing_without_reviews() -> None:
    dataset, _ = scored_dataset([1.0, 2.0])
    assert dataset.active_version is not None
    found = versions.compare(dataset.active_version, make_version(dataset, is_active=False))
    assert found.reviewed == 0 and found.new.auroc is None and found.gain is None and found.changed_sides == []
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


# By another score, by reason, with intervals


def many(seed: int = 0) -> tuple[Dataset, ModelVersion, ModelVersion]:
    """Six videos of 40 frames, a third judged OUT for one of two reasons. The new version finds advertisements better
    and other sport worse; by reconstruction loss both are the same."""
    rng = np.random.default_rng(seed)
    dataset = make_dataset(ana="curator", olga="admin")
    old, new = (make_version(dataset, ood=1.0, is_active=number == 0) for number in range(2))
    for name in "abcdef":
        video = make_video(dataset, 40, name=name)
        for frame in video.frames.all():
            reason = ("", "", "", "", "advertisement", "other sport")[frame.number % 6]
            verdict = "out" if reason else "in"
            Frame.objects.filter(pk=frame.pk).update(verdict=verdict, reason=reason)
            for version, mean in ((old, {"advertisement": 0.5, "other sport": 3.0}), (new, {"advertisement": 3.0})):
                FrameScore.objects.create(
                    frame=frame, model_version=version, video=video, verdict=verdict, kl=1.0,
                    reconstruction_loss=40.0 + 20.0 * bool(reason),
                    ood_score=rng.normal(mean.get(reason, 0.5 if reason else 0.0), 0.7),
                )  # fmt: skip
    return dataset, old, new


def test_it_compares_by_the_score_that_is_asked_for() -> None:
    _, old, new = many()
    by_loss, by_ood = (versions.compare(old, new, score) for score in (Score.RECONSTRUCTION_LOSS, Score.OOD_SCORE))
    assert by_loss.gained == 0 and by_loss.changed == 0
    assert by_loss.gain is not None and (by_loss.gain.low, by_loss.gain.high) == (0.0, 0.0)
    wrong = FrameScore.objects.filter(model_version=new, ood_score__gt=1.0, verdict="in").count()
    assert by_ood.new.confusion.in_flagged == wrong and by_ood.changed > 0
    assert by_ood.new.auroc is not None and by_ood.new.auroc.low < by_ood.new.auroc.value < by_ood.new.auroc.high


def test_it_shows_a_loss_on_one_reason_beside_a_gain_on_another() -> None:
    _, old, new = many()
    found = versions.compare(old, new, Score.OOD_SCORE)
    rows = {row.reason: row for row in found.reasons}
    assert set(rows) == {"advertisement", "other sport"}
    assert rows["advertisement"].is_better and not rows["advertisement"].is_worse
    assert rows["other sport"].is_worse and not rows["other sport"].is_better
    assert found.gain is not None and found.gain.low < 0 < found.gain.high, "together they look like no change"
    sport = FrameScore.objects.filter(model_version=new, frame__reason="other sport")
    assert rows["other sport"].new_passed == sport.filter(ood_score__lte=1.0).count()
    assert (rows["other sport"].frames, rows["other sport"].videos) == (sport.count(), 6)


def test_it_counts_out_frames_as_learned_from_only_when_the_run_took_them_in() -> None:
    dataset, old, new = many()
    frame = Frame.objects.filter(reason="advertisement")[0]
    Review.objects.create(
        dataset=dataset, frame=frame, user=User.objects.get(username="ana"), client_uuid=uuid4(), verdict="out",
        seen_version=0,
    )  # fmt: skip
    run = TrainingRun.objects.create(dataset=dataset, config={}, version=new, state=TrainingRun.State.DONE)
    for out_frames, learned in ((0, 0), (1, 1)):
        TrainingRun.objects.filter(pk=run.pk).update(out_frames=out_frames, created_at=timezone.now())
        found = versions.compare(old, ModelVersion.objects.get(pk=new.pk), Score.OOD_SCORE)
        rows = {row.reason: row.trained_on for row in found.reasons}
        assert (rows, found.trained_on) == ({"advertisement": learned, "other sport": 0}, learned)


def test_it_offers_only_scores_that_both_versions_can_be_compared_by() -> None:
    dataset, old, new = many()
    calibrate(new)
    del old.thresholds["ood_score"]
    refusals = [choice.refusal for choice in comparison.choices(old, new)]
    assert refusals == ["", "Version 1 has no threshold of the outlier score.", "Version 1 has no probabilities."]
    dataset.flag_by = Score.OOD_SCORE
    assert comparison.default_score(dataset, comparison.choices(old, new)) == Score.RECONSTRUCTION_LOSS
    assert comparison.default_score(dataset, comparison.choices(new, new)) == Score.OOD_SCORE


def test_it_shows_the_comparison_by_the_score_that_flags_with_a_switch() -> None:
    dataset, _, _ = many()
    Dataset.objects.filter(pk=dataset.pk).update(flag_by=Score.OOD_SCORE)
    client = signed_in(User.objects.get(username="ana"))
    page = " ".join(client.get("/d/cup/models/2/").content.decode().split())
    assert 'value="ood" data-autosubmit checked' in page and 'value="probability" data-autosubmit disabled' in page
    assert "advertisement" in page and ">worse<" in page and ">better<" in page and "with 95 % confidence" in page
    assert "?data=histogram&amp;by=ood" in page
    page = " ".join(client.get("/d/cup/models/2/?by=loss&with=1").content.decode().split())
    assert 'value="loss" data-autosubmit checked' in page and ">worse<" not in page
    page = " ".join(client.get("/d/cup/models/2/?by=probability").content.decode().split())
    assert "has no probabilities. So the two are compared by outlier score." in page
    assert client.get("/d/cup/models/2/?by=kl").status_code == 400
