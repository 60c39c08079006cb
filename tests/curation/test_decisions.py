"""One word on many frames: a segment or a frozen list, never lost, never doubled, never over somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from curation import decisions, invariants, leases, reviews, segments, selections, tasks
from curation.decisions import DecisionOutcome, DecisionRequest
from curation.models import Dataset, Decision, Frame, Job, Review, Segment, Video
from curation.problems import Problem
from curation.review_log import replay
from curation.versions_seen import versions
from tests.curation.review_rows import ask, make_dataset, make_version, make_video, score

pytestmark = pytest.mark.django_db
SIDES = [20.0] * 6 + [90.0] * 4 + [20.0] * 5


@pytest.fixture
def video() -> Video:
    """Frames 0-5 inside, 6-9 outside, 10-14 inside; their segments are found."""
    dataset = make_dataset(ana="curator", bea="curator")
    dataset.reasons = ["advertisement"]
    dataset.save()
    found = make_video(dataset, len(SIDES))
    frames = found.frames.order_by("number")
    score(make_version(dataset), {frame.pk: loss for frame, loss in zip(frames, SIDES, strict=True)})
    segments.rebuild(video=found)
    return found


@pytest.fixture(autouse=True)
def log_and_tables_agree(db: None) -> Iterator[None]:
    yield
    for dataset in Dataset.objects.all():
        found = replay(dataset)
        assert not found.sentences
    checks = (invariants.segments_hold_every_frame_once, invariants.open_frames_agree, invariants.counts_are_kept)
    assert not [sentence for check in checks for sentence in check()]


def say(video: Video, who: str, first: int, last: int, verdict: str = "out", **more: object) -> DecisionOutcome:
    """`who` decides on these frames as they are now, unless `seen` says otherwise."""
    values = {"uuid": uuid4(), "seen": versions(video, first, last)} | more
    request = DecisionRequest(kind="segment", video=video.pk, first=first, last=last, verdict=verdict, **values)  # type: ignore[arg-type]
    return decide(video, who, request)


def decide(video: Video, who: str, request: DecisionRequest) -> DecisionOutcome:
    return decisions.decide(dataset=video.dataset, user=User.objects.get(username=who), request=request)


def undo(video: Video, who: str, undone: UUID) -> DecisionOutcome:
    return decide(video, who, DecisionRequest(uuid=uuid4(), kind="undo", undoes=undone))


def one_frame(video: Video, who: str, number: int, verdict: str) -> None:
    frame = video.frames.get(number=number)
    user = User.objects.get(username=who)
    reviews.record(dataset=video.dataset, user=user, requests=[ask(frame, verdict, seen=frame.review_version)])


def drawn(outcome: DecisionOutcome) -> Segment:
    assert outcome.segment is not None
    return Segment.objects.get(pk=outcome.segment)


def verdicts(video: Video) -> str:
    """A letter per frame: o(ut), i(n), u(nsure), a dot for none."""
    return "".join(word[:1] or "." for word in video.frames.order_by("number").values_list("verdict", flat=True))


def test_it_writes_a_review_per_frame_and_marks_the_segment(video: Video) -> None:
    outcome = say(video, "ana", 6, 9, reason="advertisement")
    segment = drawn(outcome)
    assert (outcome.status, outcome.applied, outcome.kept, outcome.versions) == ("applied", 4, 0, [(1, 4)])
    assert verdicts(video) == "......oooo....."
    rows = Review.objects.filter(decision__uuid=outcome.uuid)
    assert [(row.source, row.reason, str(row.user)) for row in rows] == [("segment", "advertisement", "ana")] * 4
    assert (segment.verdict, segment.reason, str(segment.judged_by)) == ("out", "advertisement", "ana")
    assert segment.judged_at and segment.open_frames == 0


def test_it_answers_a_repeat_without_new_reviews(video: Video) -> None:
    first = say(video, "ana", 6, 9)
    again = say(video, "ana", 6, 9, uuid=first.uuid)
    assert (again.status, again.applied, again.versions) == ("repeated", 4, [(1, 4)])
    assert Review.objects.count() == 4 and Decision.objects.count() == 1


def test_it_gives_the_segment_the_edges_of_the_decision(video: Video) -> None:
    say(video, "ana", 8, 11)
    borders = [(row.first, row.last, row.verdict) for row in video.segments.order_by("first")]
    assert borders == [(0, 5, ""), (6, 7, ""), (8, 11, "out"), (12, 14, "")]


def test_it_leaves_the_frames_that_were_judged_before(video: Video) -> None:
    one_frame(video, "bea", 7, "in")
    outcome = say(video, "ana", 6, 9)
    assert (outcome.status, outcome.applied, outcome.kept) == ("applied", 3, 0)
    assert verdicts(video) == "......oioo....."
    assert drawn(outcome).verdict == ""


def test_it_takes_a_second_word_on_a_settled_segment_as_a_change_of_mind(video: Video) -> None:
    say(video, "ana", 6, 9)
    outcome = say(video, "bea", 6, 9, "in")
    assert (outcome.status, outcome.applied, verdicts(video)) == ("applied", 4, "......iiii.....")
    assert str(drawn(outcome).judged_by) == "bea"


def test_it_keeps_what_somebody_else_said_meanwhile_and_tells_who(video: Video) -> None:
    seen = versions(video, 6, 9)
    one_frame(video, "bea", 8, "in")
    outcome = say(video, "ana", 6, 9, seen=seen)
    assert (outcome.status, outcome.applied, outcome.kept, outcome.by) == ("applied", 3, 1, "bea")
    assert outcome.message.startswith("1 frame keeps its verdict: bea said IN at ")
    assert verdicts(video) == "......ooio....."
    assert Review.objects.conflicts().get().verdict == "out"


def test_it_is_a_conflict_when_nothing_is_left_to_apply(video: Video) -> None:
    seen = versions(video, 6, 9)
    say(video, "bea", 6, 9, "in")
    lost = say(video, "ana", 6, 9, seen=seen)
    assert (lost.status, lost.applied, lost.kept, lost.versions) == ("conflict", 0, 4, [(1, 4)])
    assert lost.message.startswith("Somebody was faster: bea said IN at ")
    assert verdicts(video) == "......iiii....."
    mine = say(video, "ana", 6, 9, seen=lost.versions)
    assert (mine.status, verdicts(video)) == ("applied", "......oooo.....")


def test_it_undoes_exactly_what_it_set(video: Video) -> None:
    one_frame(video, "bea", 7, "unsure")
    made = say(video, "ana", 6, 9)
    taken = undo(video, "ana", made.uuid)
    assert (taken.status, taken.applied, verdicts(video)) == ("applied", 3, ".......u.......")
    assert taken.versions == [(2, 1), (1, 1), (2, 2)]
    segment = video.segments.get(first=6)
    assert (segment.verdict, segment.open_frames) == ("", 3)
    assert undo(video, "ana", made.uuid).status == "missing"


def test_it_does_not_undo_what_somebody_changed_since(video: Video) -> None:
    made = say(video, "ana", 6, 9)
    one_frame(video, "bea", 6, "in")
    taken = undo(video, "ana", made.uuid)
    assert (taken.applied, taken.kept, verdicts(video)) == (3, 1, "......i........")
    assert "bea said IN" in taken.message


def test_it_brings_back_the_verdict_of_before_a_change_of_mind(video: Video) -> None:
    say(video, "ana", 6, 9, reason="advertisement")
    changed = say(video, "ana", 6, 9, "in")
    undo(video, "ana", changed.uuid)
    assert set(video.frames.filter(number__range=(6, 9)).values_list("verdict", "reason")) == {("out", "advertisement")}


def test_it_has_nothing_to_undo_where_nothing_was_decided(video: Video) -> None:
    assert undo(video, "ana", uuid4()).status == "missing"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"verdict": ""}, "in, out or unsure"),
        ({"verdict": "in", "reason": "advertisement"}, "reason"),
        ({"reason": "weather"}, "reason"),
        ({"kind": "all"}, "segment or a selection"),
        ({"last": 3}, "between one and"),
        ({"last": 99}, "other ones than the page showed"),
        ({"seen": [(0, 3)]}, "other ones than the page showed"),
        ({"video": 10**6}, "isn't in the data set"),
        ({"kind": "selection", "selection": uuid4()}, "list of frames is gone"),
    ],
)  # fmt: skip
def test_it_refuses_with_a_sentence_what_can_not_be(video: Video, more: dict[str, object], sentence: str) -> None:
    values = {
        "uuid": uuid4(), "kind": "segment", "video": video.pk, "first": 6, "last": 9, "verdict": "out", "seen": [(0, 4)]
    } | more  # fmt: skip
    with pytest.raises(Problem, match=sentence):
        decide(video, "ana", DecisionRequest(**values))  # type: ignore[arg-type]
    assert not Review.objects.exists() and not Decision.objects.exists()


def listed(video: Video, query: str, verdict: str = "out") -> tuple[DecisionOutcome, int]:
    """Ana's word on what a gallery's address shows, frozen."""
    ana = User.objects.get(username="ana")
    selection = selections.freeze(dataset=video.dataset, user=ana, query=query)
    request = DecisionRequest(uuid=uuid4(), kind="selection", selection=selection.uuid, verdict=verdict)
    return decide(video, "ana", request), selection.count


def test_it_decides_on_the_frames_that_passed_a_filter(video: Video) -> None:
    outcome, count = listed(video, "side=above")
    assert (outcome.status, outcome.applied, count, verdicts(video)) == ("applied", 4, 4, "......oooo.....")
    assert set(Review.objects.values_list("source", flat=True)) == {"bulk"}
    assert video.segments.get(first=6).open_frames == 0
    assert undo(video, "ana", outcome.uuid).applied == 4
    assert verdicts(video) == "." * 15


def test_it_freezes_no_empty_list_and_no_broken_address(video: Video) -> None:
    for query, sentence in (("verdict=in", "No frame passes"), ("sort=beauty", "sort")):
        with pytest.raises(Problem, match=sentence):
            listed(video, query)


def test_it_leaves_the_frames_of_a_list_that_changed_after_it_was_frozen(video: Video) -> None:
    selection = selections.freeze(dataset=video.dataset, user=None, query="side=above")
    one_frame(video, "bea", 9, "in")
    request = DecisionRequest(uuid=uuid4(), kind="selection", selection=selection.uuid, verdict="out")
    outcome = decide(video, "ana", request)
    assert (outcome.applied, outcome.kept, verdicts(video)) == (3, 1, "......oooi.....")


def test_it_leaves_a_large_list_to_a_job_that_goes_on_where_it_was_stopped(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "AT_ONCE", 3)
    monkeypatch.setattr(decisions, "BULK_LIMIT", 2)
    outcome, _ = listed(video, "side=above")
    assert (outcome.status, outcome.applied, verdicts(video)) == ("queued", 0, "." * 15)
    with pytest.raises(Problem, match="still being applied"):
        undo(video, "ana", outcome.uuid)

    job = Job.objects.get(kind=Job.Kind.DECIDE)
    lease = leases.claim(job.pk)
    assert lease is not None and lease.job.decision is not None
    part = next(decisions._parts(lease.job.decision))
    reviews.record(dataset=video.dataset, user=lease.job.decision.user, requests=part, decision=lease.job.decision)
    Job.objects.update(state=Job.State.QUEUED)  # the worker died after the first part

    tasks.decide(job.pk)
    decision = Decision.objects.get()
    assert (decision.state, decision.applied, decision.kept) == (Decision.State.DONE, 4, 0)
    assert (Review.objects.count(), verdicts(video)) == (4, "......oooo.....")


def test_it_takes_a_list_back_whole_when_a_later_word_was_taken_back(video: Video) -> None:
    outcome, _ = listed(video, "side=above")
    frame = Frame.objects.get(video=video, number=6)
    ana = User.objects.get(username="ana")
    single = ask(frame, "in", seen=1)
    reviews.record(dataset=video.dataset, user=ana, requests=[single])
    reviews.record(dataset=video.dataset, user=ana, requests=[ask(frame, "", seen=2, undoes=single.client_uuid)])
    taken = undo(video, "ana", outcome.uuid)
    assert (taken.status, taken.applied, taken.kept, verdicts(video)) == ("applied", 4, 0, "." * 15)


def test_it_undoes_a_large_list_by_a_job_too(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = listed(video, "side=above")
    monkeypatch.setattr(decisions, "AT_ONCE", 3)
    taken = undo(video, "ana", outcome.uuid)
    assert taken.status == "queued"
    tasks.decide(Job.objects.get(kind=Job.Kind.DECIDE).pk)
    assert (Decision.objects.get(uuid=taken.uuid).applied, verdicts(video)) == (4, "." * 15)


def test_it_keeps_another_data_sets_decisions_apart(video: Video) -> None:
    other = make_video(make_dataset("other", ana="curator"), 3)
    made = say(video, "ana", 6, 9)
    with pytest.raises(Problem, match="another data set"):
        say(other, "ana", 0, 2, uuid=made.uuid)
    assert undo(other, "ana", made.uuid).status == "missing"
    strange = DecisionRequest(
        uuid=uuid4(), kind="segment", video=video.pk, first=0, last=2, verdict="out", seen=[(0, 3)]
    )
    with pytest.raises(Problem, match="isn't in the data set"):
        decide(other, "ana", strange)


def test_it_makes_one_segment_decision_where_there_are_no_segments_yet() -> None:
    bare = make_video(make_dataset(ana="curator"), 5)
    outcome = say(bare, "ana", 1, 3)
    assert (outcome.status, outcome.segment, verdicts(bare)) == ("applied", None, ".ooo.")
    assert Frame.objects.filter(verdict="out").count() == 3
