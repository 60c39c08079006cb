"""The order of the review queue, and what its page is told about a segment."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from curation import review_items, review_queue, segments
from curation.models import Dataset, Frame, Segment, Video
from curation.problems import Problem
from curation.review_queue import Item, QueueFilters
from tests.curation.review_rows import make_dataset, make_version, make_video, score

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def cup() -> Dataset:
    """Two videos of 30 frames, in segments of 5; every second one is outlying."""
    dataset = make_dataset(ana="curator")
    version = make_version(dataset)
    for name in ("a.mp4", "b.mp4"):
        video = make_video(dataset, 30, name=name)
        score(version, {frame.pk: 20.0 + 60 * (frame.number // 5 % 2) + frame.number for frame in video.frames.all()})
        segments.rebuild(video=video)
    for row in Segment.objects.all():  # a tie in each order
        Segment.objects.filter(pk=row.pk).update(certainty=0.25 * (row.first % 4), draw=(row.first * 7 % 20) / 20)
    return dataset


def walk(dataset: Dataset, query: str = "", *, step: int = 2) -> list[Segment]:
    """The whole queue, page by page."""
    filters, after, found = QueueFilters.from_query(QueryDict(query)), "", list[Segment]()
    while page := review_queue.items(dataset, filters, after=after, count=step):
        found += [item.segment for item in page]
        after = page[-1].cursor
    return found


@pytest.mark.parametrize("step", [1, 2, 5, 50])
@pytest.mark.parametrize("order", review_queue.ORDERS)
def test_it_goes_through_every_open_segment_once_whatever_the_page(cup: Dataset, order: str, step: int) -> None:
    rows = walk(cup, f"order={order}", step=step)
    assert sorted(row.pk for row in rows) == sorted(Segment.objects.values_list("pk", flat=True))
    assert [row.pk for row in rows] == [row.pk for row in walk(cup, f"order={order}", step=100)]


def test_it_orders_by_what_was_asked_for(cup: Dataset) -> None:
    worst = walk(cup)
    assert [row.is_outlier for row in worst] == [True] * 6 + [False] * 6
    for part in (worst[:6], worst[6:]):
        assert [row.worst for row in part] == sorted((row.worst for row in part), reverse=True)
    unsure = [row.certainty for row in walk(cup, "order=uncertain")]
    assert unsure == sorted(unsure)
    unlike = [row.diversity for row in walk(cup, "order=diverse&side=out")]
    assert unlike == sorted(unlike)
    drawn = [row.draw for row in walk(cup, "order=audit")]
    assert drawn == sorted(drawn)
    newest = [(row.video.name, row.first) for row in walk(cup, "order=newest")]
    assert newest == [(name, first) for name in ("b.mp4", "a.mp4") for first in range(0, 30, 5)]


def test_it_leaves_out_what_is_settled_and_what_the_filters_leave_out(cup: Dataset) -> None:
    video = cup.videos.first()
    assert video is not None
    assert {row.is_outlier for row in walk(cup, "side=out")} == {True}
    assert {row.is_outlier for row in walk(cup, "side=in")} == {False}
    assert {row.video_id for row in walk(cup, f"video={video.pk}")} == {video.pk}
    settled = walk(cup)[0]
    Segment.objects.filter(pk=settled.pk).update(open_frames=0)
    assert settled.pk not in {row.pk for row in walk(cup)} and len(walk(cup)) == 11


def test_it_goes_on_from_a_segment_that_was_settled_meanwhile(cup: Dataset) -> None:
    filters = QueueFilters()
    (first, second) = review_queue.items(cup, filters, count=2)
    Segment.objects.filter(pk=first.segment.pk).delete()
    assert review_queue.items(cup, filters, after=first.cursor, count=1) == [second]


@pytest.mark.parametrize("query", ["order=beauty", "side=up", "video=x", "video=²", f"video={'9' * 30}"])
def test_it_refuses_unknown_orders_in_words(query: str) -> None:
    with pytest.raises(Problem, match=r"not by|is all|isn't a video"):
        QueueFilters.from_query(QueryDict(query))


@pytest.mark.parametrize("cursor", ["x", "0", "0~1", "9~1~1", "-1~1~1", "0~nan~1", "0~inf~1", "0~1~x", f"0~1~{2**63}"])
def test_it_refuses_broken_cursors_in_words(cup: Dataset, cursor: str) -> None:
    with pytest.raises(Problem, match="Start again from the top"):
        review_queue.items(cup, QueueFilters(), after=cursor, count=1)


def test_it_keeps_the_filters_in_the_address() -> None:
    assert QueueFilters.from_query(QueryDict("order=audit&side=in&video=3")).query() == "order=audit&side=in&video=3"
    assert QueueFilters.from_query(QueryDict("order=worst&side=all&video=")).query() == ""


def told(dataset: Dataset, items: list[Item]) -> dict[str, Any]:
    rule = segments.rule_of(dataset)
    assert rule is not None
    return review_items.payload(rule, items)


def test_it_tells_the_frames_of_a_segment_and_those_around_it(cup: Dataset) -> None:
    video = cup.videos.get(name="a.mp4")
    Frame.objects.filter(video=video, number=6).update(verdict="in", review_version=2)
    Frame.objects.filter(video=video, number__in=[0, 5]).update(shot_start=True)
    item = Item(segment=video.segments.get(first=5), cursor="c")
    payload = told(cup, [item])
    (sent,) = payload["items"]
    ids = list(video.frames.order_by("number").values_list("pk", flat=True))
    assert (sent["first"], sent["last"], sent["from"], sent["isOutlier"]) == (5, 9, 0, True)
    assert sent["ids"] == [(ids[0], 18)] and sent["times"] == [float(n) for n in range(18)]
    assert sent["values"][5:10] == [85.0, 86.0, 87.0, 88.0, 89.0]
    assert sent["verdicts"] == [("", 6), ("in", 1), ("", 11)] and sent["versions"] == [(0, 6), (2, 1), (0, 11)]
    assert (sent["shots"], payload["score"], payload["threshold"]) == ([0, 5], "reconstruction_loss", 50.0)
    assert payload["videos"][video.pk]["name"] == "a.mp4" and video.key in payload["videos"][video.pk]["url"]


def test_it_reads_all_frames_of_all_items_at_once(cup: Dataset) -> None:
    items = review_queue.items(cup, QueueFilters(), count=8)
    rule = segments.rule_of(cup)
    assert rule is not None
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert len(review_items.payload(rule, items)["items"]) == 8
    assert len(captured) == 1


def test_it_sends_a_very_long_segment_in_parts(cup: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_items, "MOST_FRAMES", 3)
    (sent,) = told(cup, review_queue.items(cup, QueueFilters(), count=1))["items"]
    assert sent["last"] - sent["first"] == 2


def test_it_finds_the_frames_of_an_earlier_decision_whatever_the_segments_are_now(cup: Dataset) -> None:
    video = cup.videos.get(name="a.mp4")
    exact, redrawn = (review_queue.at(cup, video.pk, *ends) for ends in ((5, 9), (7, 12)))
    assert exact is not None and redrawn is not None
    assert exact.segment.pk == video.segments.get(first=5).pk
    assert not redrawn.segment.pk
    assert (told(cup, [redrawn])["items"][0]["first"], told(cup, [redrawn])["items"][0]["last"]) == (7, 12)
    assert review_queue.at(cup, video.pk, 90, 95) is None
    assert review_queue.at(cup, Video.objects.latest("pk").pk + 1, 5, 9) is None
