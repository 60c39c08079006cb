"""A second person's word: who gets which frame, what it changes (nothing), and what settles a difference."""

from __future__ import annotations

from itertools import pairwise
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from curation import agreement, datasets, invariants, second_looks
from curation.models import Dataset, Frame, Review, SecondLook
from curation.problems import Problem
from curation.review_log import replay
from curation.reviews import record
from curation.second_looks import GONE, OWN, TAKEN, UNKNOWN, Opinion, State, give
from tests.curation.review_rows import ask, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> tuple[Dataset, list[Frame]]:
    """40 frames, all of which two people shall judge; Ana and Bea review, Olga is the admin."""
    dataset, frames = scored_dataset([float(n) for n in range(40)], ana="curator", bea="curator", olga="admin")
    second_looks.set_share(dataset=dataset, share=1.0)
    return dataset, frames


def user(name: str) -> User:
    return User.objects.get(username=name)


def say(frame: Frame, verdict: str, by: str = "ana", **more: object) -> Review:
    frame.refresh_from_db()
    dataset = Dataset.objects.get(pk=frame.video.dataset_id)
    request = ask(frame, verdict, seen=frame.review_version, **more)
    record(dataset=dataset, user=user(by), requests=[request])
    return Review.objects.get(client_uuid=request.client_uuid)


def opine(frame: Frame, verdict: str, by: str = "bea", **more: object) -> second_looks.Given:
    opinion = Opinion(frame_id=frame.pk, verdict=verdict, **{"client_uuid": uuid4(), **more})  # type: ignore[arg-type]
    return give(dataset=frame.video.dataset, user=user(by), opinions=[opinion])[0]


def look(frame: Frame) -> SecondLook:
    return SecondLook.objects.select_related("first", "second", "settled_by").get(frame=frame)


def is_sound(dataset: Dataset) -> bool:
    return not replay(dataset).sentences and not list(invariants.counts_are_kept())


def test_it_asks_somebody_else_for_the_second_word(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(frames[0], "out")
    say(frames[1], "in", by="bea")
    assert [each.frame for each in second_looks.waiting_for(dataset, user("bea"))] == [frames[0]]
    assert [each.frame for each in second_looks.waiting_for(dataset, user("ana"))] == [frames[1]]
    assert second_looks.waiting_for(dataset, user("olga")).count() == 2


def test_it_changes_nothing_by_an_opinion(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(frames[0], "out", reason="advertisement")
    assert opine(frames[0], "in").status == "applied"
    frames[0].refresh_from_db()
    assert (frames[0].verdict, frames[0].reason, frames[0].review_version) == ("out", "advertisement", 1)
    row = Review.objects.get(is_opinion=True)
    assert (row.verdict, row.source, row.user) == ("in", "second", user("bea"))
    assert Review.objects.applied().count() == 1 and look(frames[0]).state == State.DIFFERING
    assert replay(dataset).opinions == 1 and is_sound(dataset)


def test_it_agrees_where_both_say_the_same(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    for frame, verdict in zip(frames, ("in", "out", "unsure"), strict=False):
        say(frame, verdict)
        opine(frame, verdict)
        assert look(frame).state == State.AGREED
    assert not second_looks.differing(dataset).exists() and is_sound(dataset)


@pytest.mark.parametrize("verdict", ["out", "in", "unsure"])
def test_it_settles_a_difference_by_a_review_like_any_other(cup: tuple[Dataset, list[Frame]], verdict: str) -> None:
    dataset, frames = cup
    say(frames[0], "out")
    opine(frames[0], "in")
    assert second_looks.counts(dataset, user("olga")) == second_looks.Open(waiting=0, differing=1)
    settled = say(frames[0], verdict, by="olga", source="settle")
    frames[0].refresh_from_db()
    assert (frames[0].verdict, frames[0].review_version) == (verdict, 2)
    assert (look(frames[0]).state, look(frames[0]).settled_by) == (State.SETTLED, settled)
    say(frames[0], "", by="olga", undoes=settled.client_uuid)
    assert (look(frames[0]).state, look(frames[0]).settled_by) == (State.DIFFERING, None)
    assert is_sound(dataset)


def test_it_follows_the_first_word_until_the_second_is_given(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    first = say(frames[0], "out")
    changed = say(frames[0], "in")
    assert look(frames[0]).first == changed
    say(frames[0], "", undoes=changed.client_uuid)
    assert look(frames[0]).first.verdict == "out"
    other = say(frames[1], "in")
    say(frames[1], "", undoes=other.client_uuid)
    assert not SecondLook.objects.filter(frame=frames[1]).exists() and first.verdict == "out"
    assert is_sound(dataset)


def test_it_refuses_whom_it_is_not_for(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    assert opine(frames[0], "in").message == GONE
    say(frames[0], "out")
    assert (opine(frames[0], "in", by="ana").status, opine(frames[0], "in", by="ana").message) == ("missing", OWN)
    opine(frames[0], "in")
    assert opine(frames[0], "out", by="olga").message == TAKEN
    assert Review.objects.filter(is_opinion=True).count() == 1
    with pytest.raises(Problem, match="in, out or unsure"):
        opine(frames[0], "")
    with pytest.raises(Problem, match="reason"):
        opine(frames[0], "out", reason="never heard of")
    with pytest.raises(Problem, match="Unknown source"):
        say(frames[1], "in", source="second")


def test_it_takes_a_repeat_as_the_same_opinion(cup: tuple[Dataset, list[Frame]]) -> None:
    _, frames = cup
    say(frames[0], "out")
    say(frames[1], "out")
    name = uuid4()
    assert [opine(frames[0], "in", client_uuid=name).status for _ in range(2)] == ["applied", "repeated"]
    with pytest.raises(Problem, match="another frame"):
        opine(frames[1], "in", client_uuid=name)


def test_it_takes_an_opinion_back(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(frames[0], "out")
    name = uuid4()
    opine(frames[0], "in", client_uuid=name)
    assert opine(frames[0], "", by="olga", undoes=name).message == UNKNOWN
    assert opine(frames[0], "", undoes=name).status == "applied"
    assert (look(frames[0]).state, look(frames[0]).second) == (State.WAITING, None)
    assert opine(frames[0], "out", by="olga").status == "applied" and look(frames[0]).state == State.AGREED
    assert is_sound(dataset)


def test_it_draws_a_share_that_a_larger_one_holds() -> None:
    drawn = [{pk for pk in range(1, 20_001) if second_looks.is_drawn(pk, share)} for share in (0.0, 0.05, 0.2, 1.0)]
    assert [len(each) for each in drawn] == pytest.approx([0, 1000, 4000, 20_000], rel=0.1)
    assert all(less <= more for less, more in pairwise(drawn))


def test_it_draws_from_what_was_judged_before_when_the_share_is_raised() -> None:
    dataset, frames = scored_dataset([1.0] * 12, ana="curator", olga="admin")
    for frame in frames[:6]:
        say(frame, "in")
    assert not SecondLook.objects.exists()
    undone = say(frames[6], "in")
    say(frames[6], "", undoes=undone.client_uuid)
    datasets.change(dataset=dataset, by=user("olga"), target_tpr=dataset.target_tpr, second_share=1.0)
    assert SecondLook.objects.waiting().count() == 6
    datasets.change(dataset=dataset, by=user("olga"), target_tpr=dataset.target_tpr, second_share=0.0)
    say(frames[8], "in")
    assert SecondLook.objects.count() == 6 and is_sound(dataset)
    with pytest.raises(Problem, match="between 0 and 100 %"):
        second_looks.set_share(dataset=dataset, share=1.5)


def test_it_tells_how_far_each_pair_agrees(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    for number, frame in enumerate(frames[:12]):
        say(frame, "out" if number % 2 else "in")
        opine(frame, "out" if number % 2 and number < 9 else "in")
    for frame in frames[12:16]:
        say(frame, "in", by="bea")
        opine(frame, "out", by="ana")
    say(frames[20], "in")
    opine(frames[20], "in", by="olga")
    say(frames[0], "unsure", by="olga")  # settling changes nothing of what both had said
    found = agreement.of(dataset)
    assert (found.whole.pairs, found.whole.agreed) == (17, 11)
    assert [(pair.one, pair.other, pair.agreement.pairs) for pair in found.pairs] == [
        ("ana", "bea", 16),
        ("ana", "olga", 1),
    ]
    assert found.pairs[0].agreement.value is not None and found.pairs[1].agreement.value is None


def test_it_finds_a_look_that_the_log_does_not_bear_out(cup: tuple[Dataset, list[Frame]]) -> None:
    dataset, frames = cup
    say(frames[0], "out")
    opine(frames[0], "in")
    SecondLook.objects.update(state=State.AGREED)
    assert any("don't add up" in sentence for sentence in replay(dataset).sentences)
    SecondLook.objects.all().delete()
    assert any("belongs to no second look" in sentence for sentence in replay(dataset).sentences)
    Review.objects.filter(is_opinion=True).update(is_opinion=False)
    assert any("does not follow" in sentence for sentence in replay(dataset).sentences)
