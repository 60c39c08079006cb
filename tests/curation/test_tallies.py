"""Counts that are kept: equal to what the rows add up to, whatever happens, and exact at any threshold."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from curation import gallery, invariants, reviews, score_bins, tallies, tally_changes, videos
from curation.models import Dataset, Frame, FrameScore, Score, Tally
from curation.score_bins import Bound
from curation.tally_tables import VERDICTS
from tests.curation.review_rows import (
    ask,
    dataset_with_three_scores,
    make_dataset,
    make_version,
    make_video,
    score,
    scored_dataset,
)

pytestmark = pytest.mark.django_db


def agree() -> bool:
    return not list(invariants.counts_are_kept())


def by_rows(version_id: int, name: str, low: Bound | None, high: Bound | None) -> list[int]:
    """What the tallies should say, one row at a time."""

    def is_within(value: float | None) -> bool:
        if low is None and high is None:
            return True
        is_high = low is None or (value is not None and (value > low.value if low.is_strict else value >= low.value))
        return value is not None and is_high and (high is None or value <= high.value)

    scored = FrameScore.objects.with_probability().filter(model_version=version_id)
    rows = [s for s in scored if is_within(s.value(name))]
    return [sum(s.verdict == verdict for s in rows) for verdict in VERDICTS]


@pytest.fixture
def cup() -> Dataset:
    """Two videos under two versions, kept from here on."""
    dataset = make_dataset(ana="curator", bea="curator")
    ids = [f.pk for n in (25, 15) for f in make_video(dataset, n, name=f"{n}.mp4").frames.order_by("number")]
    draw = random.Random(7)
    score(make_version(dataset), {pk: draw.choice([10.1, 49.9, 50.0, 50.1, 1e-9, 1e9, 90.0]) for pk in ids})
    score(make_version(dataset), {pk: draw.lognormvariate(4, 1) for pk in ids})
    tally_changes.recount(dataset)
    return dataset


def judge(dataset: Dataset, verdict: str, frames: list[Frame], **more: object) -> list[reviews.Outcome]:
    requests = [ask(frame, verdict, seen=frame.review_version, **more) for frame in frames]
    return reviews.record(dataset=dataset, user=User.objects.get(username="ana"), requests=requests)


@pytest.mark.parametrize("name", Score.values)
def test_it_counts_exactly_between_any_two_scores(name: str) -> None:
    dataset = dataset_with_three_scores()
    tally_changes.recount(dataset)
    version = dataset.active_version
    assert version is not None
    values = sorted({v for v in FrameScore.objects.having(name).values_list(name, flat=True) if v is not None})
    ends = [None, *(Bound(v + d) for v in (values[0], values[1], values[-1]) for d in (-0.004, 0.0, 0.004))]
    for low in [*ends, Bound(values[1], is_strict=True)]:
        for high in ends:
            found = tallies.by_verdict(version, name, low=low, high=high)
            assert found == by_rows(version.pk, name, low, high), (low, high)


def test_it_follows_verdicts_of_every_version_and_their_undoing(cup: Dataset) -> None:
    frames = list(Frame.objects.order_by("pk"))
    outcomes = judge(cup, "out", frames[:9]) + judge(cup, "in", frames[9:20])
    assert {outcome.status for outcome in outcomes} == {"applied"}
    assert agree()
    assert gallery.counts(cup).out == 9
    frames = list(Frame.objects.order_by("pk"))
    judge(cup, "in", frames[:3])
    frames = list(Frame.objects.order_by("pk"))
    requests = [
        ask(frame, "", seen=frame.review_version, undoes=outcome.client_uuid)
        for frame, outcome in zip(frames[3:9], outcomes[3:9], strict=True)
    ]
    reviews.record(dataset=cup, user=User.objects.get(username="ana"), requests=requests)
    counts = gallery.counts(cup)
    assert (counts.in_, counts.out, counts.reviewed) == (14, 0, 14)
    assert agree()


def test_it_counts_a_frame_once_that_is_judged_twice_in_one_call(cup: Dataset) -> None:
    frame = Frame.objects.order_by("pk")[0]
    requests = [ask(frame, "out"), ask(frame, "in", seen=1)]
    reviews.record(dataset=cup, user=User.objects.get(username="ana"), requests=requests)
    assert gallery.counts(cup).in_ == 1
    assert agree()


def test_it_counts_no_verdict_that_was_refused(cup: Dataset) -> None:
    frame = Frame.objects.order_by("pk")[0]
    judge(cup, "out", [frame])
    rows = Tally.objects.count()
    stale = ask(frame, "in", seen=0, client_uuid=uuid4())
    assert reviews.record(dataset=cup, user=User.objects.get(username="bea"), requests=[stale])[0].status == "conflict"
    assert Tally.objects.count() == rows
    assert agree()


def test_it_forgets_what_a_deleted_video_added(cup: Dataset) -> None:
    judge(cup, "out", list(Frame.objects.order_by("pk")[20:30]))
    videos.delete(video=cup.videos.get(name="15.mp4"), by=User.objects.get(username="ana"))
    assert agree()
    counts = gallery.counts(cup)
    assert (counts.frames, counts.scored, counts.out) == (25, 25, 5)


def test_it_folds_many_changes_into_one_row(cup: Dataset) -> None:
    for frame in Frame.objects.order_by("pk")[:6]:
        judge(cup, "in", [frame])
    before = gallery.counts(cup)
    assert Tally.objects.count() > 3
    assert tally_changes.fold() > 0
    assert Tally.objects.count() == 3  # the data set and two versions
    assert gallery.counts(cup) == before
    assert agree()


def test_it_counts_once_what_was_there_before_counts_were_kept() -> None:
    dataset, frames = scored_dataset([10.0, 60.0, 90.0])
    judge(dataset, "out", [frames[2]])
    assert not Tally.objects.exists()
    before = gallery.counts(dataset)
    assert (before.scored, before.out, before.above) == (3, 1, 2)
    assert tally_changes.adopt() == 2
    assert gallery.counts(dataset) == before
    judge(dataset, "in", [frames[0]])
    assert gallery.counts(dataset).in_ == 1
    assert agree()
    assert tally_changes.adopt() == 0


def test_it_notices_counts_that_drifted(cup: Dataset) -> None:
    FrameScore.objects.filter(pk=FrameScore.objects.order_by("pk")[0].pk).update(verdict="out")
    assert len(list(invariants.counts_are_kept())) == 1


def test_it_reads_no_frames_to_say_how_far_the_review_is(cup: Dataset) -> None:
    with CaptureQueriesContext(connection) as asked:
        gallery.counts(cup)
        tallies.reviewed([cup.pk])
    assert [q["sql"] for q in asked.captured_queries if 'FROM "curation_tally"' in q["sql"]]
    assert not [q["sql"] for q in asked.captured_queries if 'FROM "curation_frame"' in q["sql"]]


@pytest.mark.parametrize("name", Score.values)
def test_it_has_a_bin_for_every_score(name: str) -> None:
    edges = score_bins.EDGES[name]
    assert (edges[1:] > edges[:-1]).all()
    assert score_bins.bins_of(name, [-1e12, edges[0], edges[1], 1e12]).tolist() == [0, 1, 2, len(edges)]
