"""Verdicts are never lost, never doubled and never silently overwritten."""

from __future__ import annotations

from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from curation.models import Dataset, Frame, FrameScore, Review
from curation.problems import Problem
from curation.review_log import replay
from curation.reviews import Outcome, ReviewRequest, record
from tests.curation.review_rows import ask, make_dataset, make_version, make_video, score, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> tuple[Dataset, list[Frame]]:
    return scored_dataset([90.0, 70.0, 20.0, 10.0])


def say(dataset: Dataset, who: str, *requests: ReviewRequest) -> list[Outcome]:
    return record(dataset=dataset, user=User.objects.get(username=who), requests=list(requests))


def test_it_applies_a_verdict_and_copies_it_beside_every_score(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    older = make_version(dataset, is_active=False)
    score(older, {frames[0].pk: 33.0})
    (outcome,) = say(dataset, "ana", ask(frames[0], "out"))
    assert (outcome.status, outcome.verdict, outcome.review_version) == ("applied", "out", 1)
    frame = Frame.objects.get(pk=frames[0].pk)
    assert (frame.verdict, frame.review_version) == ("out", 1)
    assert set(FrameScore.objects.filter(frame=frame).values_list("verdict", flat=True)) == {"out"}
    assert FrameScore.objects.exclude(frame=frame).filter(verdict="out").count() == 0


def test_it_keeps_what_the_model_said_at_that_time(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[1], "in"))
    first = dataset.active_version
    make_version(dataset, threshold=5.0)
    review = Review.objects.get()
    assert (review.model_version, review.reconstruction_loss, review.threshold) == (first, 70.0, 50.0)
    assert review.is_correction is True
    assert Frame.objects.get(pk=frames[1].pk).verdict == "in"


def test_it_answers_a_repeat_without_a_second_review(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    request = ask(frames[0], "out")
    say(dataset, "ana", request)
    (again,) = say(dataset, "ana", request)
    assert (again.status, again.verdict, again.review_version) == ("repeated", "out", 1)
    (twice_in_one_call, last) = say(dataset, "ana", *[ask(frames[1], "in", client_uuid=uuid4())] * 2)
    assert (twice_in_one_call.status, last.status) == ("applied", "repeated")
    assert Review.objects.count() == 2


def test_it_keeps_a_stale_verdict_in_the_log_and_says_who_decided(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], "out"))
    late = ask(frames[0], "in")
    (outcome,) = say(dataset, "bea", late)
    assert (outcome.status, outcome.verdict, outcome.review_version, outcome.by) == ("conflict", "out", 1, "ana")
    assert outcome.message.startswith("ana said OUT at ")
    assert Review.objects.conflicts().get().verdict == "in"
    (repeated,) = say(dataset, "bea", late)
    assert repeated.status == "conflict"
    (mine,) = say(dataset, "bea", ask(frames[0], "in", seen=outcome.review_version))
    assert (mine.status, mine.verdict, mine.review_version) == ("applied", "in", 2)


def test_it_refuses_what_follows_a_conflict_in_the_same_call(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], "out"))
    stale, after = say(dataset, "bea", ask(frames[0], "in", seen=0), ask(frames[0], "unsure", seen=1))
    assert (stale.status, after.status) == ("conflict", "conflict")
    assert Frame.objects.get(pk=frames[0].pk).verdict == "out"


def test_it_undoes_by_a_new_row_and_redoes_fifty_times(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", ask(frames[0], "in"))
    request = ask(frames[0], "out", seen=1)
    say(dataset, "ana", request)
    expected = ["in", "out"] * 25
    seen = 2
    for verdict in expected:
        request = ask(frames[0], "", seen=seen, undoes=request.client_uuid)
        (outcome,) = say(dataset, "ana", request)
        assert (outcome.status, outcome.verdict) == ("applied", verdict)
        seen = outcome.review_version
    assert Review.objects.count() == 52
    assert Review.objects.filter(source="undo").count() == 50
    assert replay(dataset).wrong == 0


def test_it_undoes_in_the_call_that_decided(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    decided = ask(frames[0], "out")
    undone = ask(frames[0], "", seen=1, undoes=decided.client_uuid)
    assert [o.status for o in say(dataset, "ana", decided, undone)] == ["applied", "applied"]
    assert Frame.objects.get(pk=frames[0].pk).verdict == ""
    assert Review.objects.get(source="undo").undoes == Review.objects.get(client_uuid=decided.client_uuid)


def test_it_takes_word_after_word_back(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    words = [ask(frames[0], verdict, seen=seen) for seen, verdict in enumerate(("out", "in", "unsure"))]
    say(dataset, "ana", *words)
    (early,) = say(dataset, "ana", ask(frames[0], "", seen=3, undoes=words[1].client_uuid))
    assert early.status == "conflict"  # the last word stands
    for seen, (word, left) in enumerate(zip(reversed(words), ("in", "out", ""), strict=True), start=3):
        (outcome,) = say(dataset, "ana", ask(frames[0], "", seen=seen, undoes=word.client_uuid))
        assert (outcome.status, outcome.verdict) == ("applied", left)
    assert replay(dataset).wrong == 0
    (again,) = say(dataset, "ana", ask(frames[0], "", seen=6, undoes=words[0].client_uuid))
    assert again.status == "conflict"  # it was taken back already


def test_it_undoes_only_the_present_verdict(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    first, second = ask(frames[0], "out"), ask(frames[0], "in", seen=1)
    say(dataset, "ana", first)
    say(dataset, "bea", second)
    (outcome,) = say(dataset, "ana", ask(frames[0], "", seen=2, undoes=first.client_uuid))
    assert (outcome.status, outcome.verdict, outcome.by) == ("conflict", "in", "bea")
    (unknown,) = say(dataset, "ana", ask(frames[0], "", seen=2, undoes=uuid4()))
    assert unknown.status == "missing"


def test_it_leaves_frames_of_other_datasets_alone(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    foreign = make_video(make_dataset("other", ana="curator"), 1).frames.get()
    fine, missing = say(dataset, "ana", ask(frames[0]), ask(foreign))
    assert (fine.status, missing.status) == ("applied", "missing")
    assert Frame.objects.get(pk=foreign.pk).verdict == ""


def test_it_writes_all_or_nothing(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    used = ask(frames[0], "out")
    say(dataset, "ana", used)
    stolen = ask(frames[2], "in", client_uuid=used.client_uuid)
    with pytest.raises(Problem, match="another frame"):
        say(dataset, "ana", ask(frames[1], "in"), stolen)
    assert Review.objects.count() == 1
    assert Frame.objects.reviewed().count() == 1


@pytest.mark.parametrize("verdict", ["", "normal", "IN"])
def test_it_refuses_words_that_are_no_verdict(cup: tuple[Dataset, list[Frame]], verdict: str) -> None:
    dataset, frames = cup
    with pytest.raises(Problem, match="in, out or unsure"):
        say(dataset, "ana", ask(frames[0], verdict))


def test_it_takes_five_hundred_at_once_in_few_queries(django_assert_max_num_queries: object) -> None:
    dataset, frames = scored_dataset([float(n) for n in range(501)])
    with pytest.raises(Problem, match="At most 500"):
        say(dataset, "ana", *[ask(frame) for frame in frames])
    user = User.objects.get(username="ana")
    requests = [ask(frame, source="bulk") for frame in frames[:500]]
    with django_assert_max_num_queries(27):  # type: ignore[operator]
        outcomes = record(dataset=dataset, user=user, requests=requests)
    assert {outcome.status for outcome in outcomes} == {"applied"}
    assert FrameScore.objects.filter(verdict="out").count() == 500


def test_it_works_before_there_is_a_model() -> None:
    dataset = make_dataset(ana="curator")
    frame = make_video(dataset, 1).frames.get()
    (outcome,) = say(dataset, "ana", ask(frame, "in"))
    assert outcome.status == "applied"
    assert Review.objects.get().reconstruction_loss is None


def test_it_verifies_the_log_and_names_what_disagrees(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(dataset, "ana", *[ask(frame, "out") for frame in frames[:3]])
    say(dataset, "bea", ask(frames[0], "in"))
    out = StringIO()
    call_command("verify_log", "cup", stdout=out)
    assert "4 reviews of 3 frames, 1 conflicts kept" in out.getvalue()
    Frame.objects.filter(pk=frames[0].pk).update(verdict="in")
    Frame.objects.filter(pk=frames[3].pk).update(verdict="in", review_version=1)
    FrameScore.objects.filter(frame=frames[1]).update(verdict="")
    found = replay(dataset)
    assert any(f"Frame {frames[0].pk} is in distribution" in sentence for sentence in found.sentences)
    assert any(f"Frame {frames[3].pk} is in distribution, but nobody" in sentence for sentence in found.sentences)
    assert any(f"Frame {frames[1].pk} is out of distribution, but unreviewed" in s for s in found.sentences)
    with pytest.raises(CommandError, match="disagreements"):
        call_command("verify_log", "cup")
    with pytest.raises(CommandError, match="no dataset"):
        call_command("verify_log", "nothing")
