"""Audit samples: who is drawn, what is set aside, and which words count."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from curation import audit_reviews, audits, reviews, training, training_set
from curation.models import AuditSample, Dataset, Frame, FrameScore, Job, Review, TrainingRun, Video
from curation.problems import Problem
from curation.reviews import ReviewRequest
from tests.curation.audit_rows import drawn, is_out, judge, recordings, say
from tests.curation.review_rows import calibrate

pytestmark = pytest.mark.django_db


def test_it_draws_a_frozen_stratified_sample_whose_chances_are_known() -> None:
    sample = drawn(recordings(), frames=100)
    rows = list(sample.frames.all())
    assert len(rows) == 100 and [row.place for row in rows] == list(range(100))
    sizes, counts = audits.strata_sizes(sample), Counter(row.stratum for row in rows)
    assert len(sizes) == 7 and sum(sizes) == 320
    assert all(row.inclusion == pytest.approx(counts[row.stratum] / sizes[row.stratum]) for row in rows)
    assert counts[6] > 2 * counts[0], "outlying frames are drawn more often"
    assert sum(1 / row.inclusion for row in rows) == pytest.approx(320)


def test_it_draws_the_same_from_the_same_seed() -> None:
    dataset = recordings()
    one = drawn(dataset, seed=7)
    frames = list(one.frames.values_list("frame", flat=True))
    audits.retire(sample=one)
    assert list(drawn(dataset, seed=7).frames.values_list("frame", flat=True)) == frames


def test_it_tops_up_from_the_same_population() -> None:
    sample = drawn(recordings(), frames=60)
    before = set(sample.frames.values_list("frame", flat=True))
    Video.objects.filter(name="a.mp4").update(frame_count=99)  # what comes later isn't in the population
    assert audits.top_up(sample=sample, frames=40) == 40
    after = set(sample.frames.values_list("frame", flat=True))
    assert before < after and len(after) == 100
    assert sum(1 / row.inclusion for row in sample.frames.all()) == pytest.approx(320)
    assert audits.top_up(sample=sample, frames=5000) == 220
    assert audits.top_up(sample=sample, frames=20) == 0


def test_it_takes_only_videos_that_no_training_has_used() -> None:
    dataset = recordings()
    videos = {video.name[0]: video for video in dataset.videos.all()}
    Video.objects.filter(pk=videos["a"].pk).update(is_reference=True)
    Video.objects.filter(pk=videos["b"].pk).update(state=Video.State.SCORING)
    version = dataset.active_version
    assert version is not None
    version.metrics = {"trained_videos": [videos["c"].pk]}
    version.save()
    TrainingRun.objects.create(dataset=dataset, config={}, version=version, set_videos=[videos["d"].pk], state="done")
    TrainingRun.objects.create(dataset=dataset, config={}, set_videos=[videos["e"].pk], state="failed")
    TrainingRun.objects.create(dataset=dataset, config={}, set_videos=[videos["f"].pk], state="queued")
    assert set(audits.candidates(dataset)) == {videos[name].pk for name in "egh"}
    sample = drawn(dataset, frames=50, share=1.0)
    assert set(sample.videos.values_list("pk", flat=True)) == {videos[name].pk for name in "egh"}


def test_it_draws_reviewed_frames_like_others() -> None:
    """Leaving them out would leave out what scored high."""
    dataset = recordings()
    worst = FrameScore.objects.order_by("-ood_score")[:40]
    for row in worst:
        say(row.frame, "out", source=Review.Source.GALLERY)
    sample = drawn(dataset, frames=100)
    assert sum(audits.strata_sizes(sample)) == 320
    assert sample.frames.filter(frame__verdict="out").exists()
    assert audit_reviews.progress(sample).left == 100, "what was said with the score in sight doesn't count"


def test_it_leaves_the_videos_of_a_serving_audit_out_of_the_training() -> None:
    dataset = recordings()
    Video.objects.filter(name__in=["a.mp4", "b.mp4"]).update(is_reference=True)
    sample = drawn(dataset, frames=60, share=0.5)
    kept = audits.set_aside(dataset)
    assert len(kept) == 3 and not kept & set(dataset.videos.reference().values_list("pk", flat=True))
    judge(sample)
    free = dataset.videos.exclude(pk__in=kept).filter(is_reference=False).first()
    assert free is not None
    for frame in free.frames.order_by("number")[:5]:
        say(frame, "out" if frame.number == 4 else "in", source=Review.Source.GALLERY)
    frozen = training_set.freeze(dataset, learns_out=True)
    assert free.pk in frozen.videos and not frozen.videos & kept
    found = training.preview(dataset)
    assert (found.set_aside, found.set_aside_judged) == (3, 60)
    assert "The audit keeps 3 videos, with 60 reviewed frames" in found.audit_sentence
    assert not training_set.freeze(dataset, everything=True).videos & kept
    audits.retire(sample=sample)
    assert training_set.freeze(dataset, learns_out=True).videos & kept and not training.preview(dataset).audit_sentence


@pytest.mark.usefixtures("store")
def test_it_remembers_which_videos_a_run_was_measured_by() -> None:
    dataset = recordings()
    Video.objects.filter(name__in=["a.mp4", "b.mp4"]).update(is_reference=True)
    run = training.request_run(dataset=dataset, by=None)
    assert set(run.set_videos) == set(dataset.videos.reference().values_list("pk", flat=True))


def test_it_says_why_it_cannot_draw() -> None:
    dataset = recordings()
    for frames in (5, 99_999):
        with pytest.raises(Problem, match="draws 20 to 5,000 frames"):
            drawn(dataset, frames=frames)
    drawn(dataset)
    with pytest.raises(Problem, match="An audit serves already"):
        drawn(dataset)
    AuditSample.objects.all().delete()
    dataset.videos.update(is_reference=True)
    with pytest.raises(Problem, match="Every video is a reference or was used"):
        drawn(dataset)
    Dataset.objects.update(active_version=None)
    dataset.refresh_from_db()
    with pytest.raises(Problem, match="Train a model first"):
        drawn(dataset)


def test_it_has_two_states_that_every_audit_is_in_one_of() -> None:
    dataset = recordings()
    audits.retire(sample=drawn(dataset))
    drawn(dataset, seed=4)
    serving, retired = AuditSample.objects.serving(), AuditSample.objects.retired()
    assert (serving.count(), retired.count()) == (1, 1) and not serving & retired
    ended = retired.get()
    assert ended.retired_at is not None
    with pytest.raises(Problem, match="has ended"):
        audits.top_up(sample=ended, frames=20)


# Which words count


def test_it_counts_blind_words_only_and_the_last_of_them() -> None:
    sample = drawn(recordings())
    rows = sample.frames.select_related("frame__video__dataset").order_by("place")
    first, second, third = (row.frame for row in rows[:3])
    say(first, "in", source=Review.Source.GALLERY)
    said = say(second, "out", reason="advertisement")
    say(third, "in")
    say(third, "unsure", by="bea")
    assert audit_reviews.words(sample) == {second.pk: ("out", "advertisement"), third.pk: ("unsure", "")}
    say(second, "in", source=Review.Source.GALLERY)
    assert audit_reviews.words(sample)[second.pk] == ("out", "advertisement"), "a later word with the score in sight"
    found = audit_reviews.progress(sample)
    assert (found.judged, found.unsure, found.left) == (1, 1, 98)
    assert first.pk in {item["frame"] for item in audit_reviews.following(sample)}
    assert said.client_uuid


def test_it_takes_back_what_is_undone() -> None:
    dataset = recordings()
    sample = drawn(dataset)
    frame = sample.frames.select_related("frame__video__dataset")[0].frame
    said = say(frame, "out")
    undo = ReviewRequest(frame_id=frame.pk, verdict="", client_uuid=uuid4(), seen_version=1, undoes=said.client_uuid)
    (outcome,) = reviews.record(dataset=dataset, user=User.objects.get(username="ana"), requests=[undo])
    assert outcome.status == "applied"
    assert audit_reviews.words(sample) == {}
    say(frame, "in")
    assert audit_reviews.words(sample) == {frame.pk: ("in", "")}


def test_it_leaves_words_of_an_earlier_audit_alone() -> None:
    dataset = recordings()
    first = drawn(dataset, seed=3)
    judge(first, 20)
    audits.retire(sample=first)
    again = drawn(dataset, seed=3)
    assert audit_reviews.progress(again).left == 100, "the people have seen them, but nobody was blind to this draw"


def test_it_forgets_a_deleted_video() -> None:
    dataset = recordings()
    sample = drawn(dataset)
    gone = sample.videos.first()
    assert gone is not None
    gone.delete()
    assert sum(audits.strata_sizes(sample)) == 280
    assert not sample.frames.filter(frame__video=gone.pk).exists()


def test_it_sends_nothing_that_a_model_or_anybody_said() -> None:
    sample = drawn(recordings())
    first = sample.frames.select_related("frame__video__dataset")[0].frame
    say(first, "out", source=Review.Source.GALLERY, reason="advertisement")
    item = audit_reviews.following(sample, count=1)[0]
    assert set(item) == {"place", "frame", "seen", "time", "video", "width", "height", "url"}
    assert [row["place"] for row in audit_reviews.following(sample, after=41, count=3)] == [42, 43, 44]


def test_it_lets_two_people_begin_apart_and_both_go_all_the_way_round() -> None:
    sample = drawn(recordings())
    one, two = (audit_reviews.following(sample, person=person, count=100) for person in (1, 2))
    assert [row["place"] for row in one[:3]] == [61, 62, 63] and [row["place"] for row in two[:3]] == [23, 24, 25]
    assert {row["place"] for row in one} == {row["place"] for row in two} == set(range(100))
    more = audit_reviews.following(sample, person=1, after=one[40]["place"], count=3)
    assert more == one[41:44] and more[0]["place"] == 2
    assert audit_reviews.following(sample, person=1, after=one[-1]["place"]) == []


def test_it_asks_for_probabilities_without_what_was_said_of_its_videos() -> None:
    dataset = recordings()
    version = dataset.active_version
    assert version is not None
    for frame in Frame.objects.filter(number__lt=8).select_related("video__dataset")[:40]:
        say(frame, "out" if is_out(frame) else "in", source=Review.Source.GALLERY)
    Job.objects.all().delete()
    audits.retire(sample=drawn(dataset))
    assert not Job.objects.exists(), "there are no probabilities to make anew"
    calibrate(version)
    drawn(dataset, seed=4)
    assert Job.objects.get().kind == Job.Kind.CALIBRATE
