"""The gallery's order: every frame once, in order, at any depth, whatever the filters."""

from __future__ import annotations

import random

import pytest
from django.http import QueryDict

from curation import gallery
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore
from curation.problems import Problem
from tests.curation.review_rows import make_dataset, make_version, make_video, score

pytestmark = pytest.mark.django_db


def filters(query: str = "") -> GalleryFilters:
    return GalleryFilters.from_query(QueryDict(query))


def walk(dataset: Dataset, query: str = "", size: int = 7) -> list[int]:
    """Ids of all frames, page after page."""
    ids: list[int] = []
    after = None
    while True:
        page = gallery.page(dataset, filters(query), after, size)
        ids += [card.frame.pk for card in page.cards]
        if page.next_cursor is None:
            return ids
        after = page.next_cursor


@pytest.fixture
def cup() -> Dataset:
    """40 frames of two videos, scored with many ties, a third of them judged."""
    dataset = make_dataset(ana="curator")
    ids = [f.pk for n in (25, 15) for f in make_video(dataset, n, name=f"{n}.mp4").frames.order_by("number")]
    for n, pk in enumerate(ids):
        if n % 3 == 0:
            Frame.objects.filter(pk=pk).update(verdict=("in", "out", "unsure")[n // 3 % 3])
    draw = random.Random(4)
    score(make_version(dataset), {pk: draw.choice([10.1, 49.9, 50.0, 50.1, 1 / 3, 90.0]) for pk in ids})
    return dataset


@pytest.mark.parametrize("sort", ["loss", "loss_asc"])
@pytest.mark.parametrize(
    ("query", "keep"),
    [
        ("", lambda s: True),
        ("verdict=out", lambda s: s.verdict == "out"),
        ("verdict=unreviewed", lambda s: s.verdict == ""),
        ("verdict=reviewed", lambda s: s.verdict != ""),
        ("side=above", lambda s: s.reconstruction_loss > 50),
        ("side=below", lambda s: s.reconstruction_loss <= 50),
        ("verdict=unreviewed&side=above", lambda s: s.verdict == "" and s.reconstruction_loss > 50),
    ],
)
@pytest.mark.parametrize("is_one_video", [False, True])
def test_it_pages_through_every_match_once_and_in_order(
    cup: Dataset, sort: str, query: str, keep: object, is_one_video: bool
) -> None:
    video = cup.videos.get(name="15.mp4")
    rows = [s for s in FrameScore.objects.all() if keep(s) and (not is_one_video or s.video_id == video.pk)]  # type: ignore[operator]
    rows.sort(key=lambda s: (s.reconstruction_loss, s.frame_id), reverse=sort == "loss")
    asked = f"{query}&sort={sort}" + (f"&video={video.pk}" if is_one_video else "")
    assert walk(cup, asked) == [s.frame_id for s in rows]


def test_it_shows_another_versions_order_at_once_when_it_becomes_active(cup: Dataset) -> None:
    old = gallery.page(cup, filters(), None, 5)
    ids = walk(cup)
    score(make_version(cup, threshold=3.0), {pk: float(n) for n, pk in enumerate(ids)})
    assert walk(cup) == list(reversed(ids))
    with pytest.raises(Problem, match="Another model version"):
        gallery.page(cup, filters(), old.next_cursor, 5)


def test_it_orders_by_recording_before_there_is_a_model() -> None:
    dataset = make_dataset(ana="curator")
    first, second = make_video(dataset, 5), make_video(dataset, 4)
    make_video(make_dataset("other"), 3)
    late = Frame.objects.create(
        video=first, pack=first.packs.get(), number=5, time_s=5.0, thumb_offset=0, thumb_bytes=1
    )
    expected = [f.pk for f in first.frames.order_by("number")] + [f.pk for f in second.frames.order_by("number")]
    assert walk(dataset, size=2) == expected
    assert expected.index(late.pk) == 5
    assert walk(dataset, f"video={second.pk}", size=3) == expected[6:]
    page = gallery.page(dataset, filters(), None)
    assert page.version is None
    assert page.cards[0].score is None and page.score is None


def test_it_finds_neighbours_in_the_order_shown(cup: Dataset) -> None:
    for query in ("", "verdict=unreviewed", "sort=loss_asc&side=below"):
        ids = walk(cup, query)
        for n, pk in enumerate(ids):
            before, after = gallery.neighbours(cup, filters(query), Frame.objects.get(pk=pk))
            assert before == (ids[n - 1] if n else None)
            assert after == (ids[n + 1] if n + 1 < len(ids) else None)


def test_it_finds_neighbours_of_a_frame_that_a_verdict_took_out_of_the_list(cup: Dataset) -> None:
    ids = walk(cup, "verdict=unreviewed")
    FrameScore.objects.filter(frame=ids[5]).update(verdict="out")
    assert gallery.neighbours(cup, filters("verdict=unreviewed"), Frame.objects.get(pk=ids[5])) == (ids[4], ids[6])


def test_it_opens_the_gallery_where_it_was_left(cup: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "LEAD_IN", 4)
    ids = walk(cup)
    page = gallery.page_around(cup, filters(), Frame.objects.get(pk=ids[20]), 6)
    assert [card.frame.pk for card in page.cards] == ids[16:26]
    assert page.is_from_top is False
    following = gallery.page(cup, filters(), page.next_cursor, 6)
    assert [card.frame.pk for card in following.cards] == ids[26:32]
    top = gallery.page_around(cup, filters(), Frame.objects.get(pk=ids[3]), 6)
    assert ([card.frame.pk for card in top.cards], top.is_from_top) == (ids[:9], True)


@pytest.mark.parametrize("query", ["verdict=normal", "side=left", "sort=frame__video__name", "video=1;drop", "video=²"])
def test_it_refuses_filters_it_does_not_know(query: str) -> None:
    with pytest.raises(Problem):
        filters(query)


@pytest.mark.parametrize("cursor", ["x", "1~nan~3", "1~inf~3", "1~2", "1~2~3~4", "1~2~-1", "1~2~x", f"1~2~{2**70}"])
def test_it_refuses_broken_cursors_in_words(cup: Dataset, cursor: str) -> None:
    with pytest.raises(Problem, match="broken"):
        gallery.page(cup, filters(), cursor)


def test_it_writes_filters_back_without_what_is_the_default() -> None:
    assert filters("video=3&verdict=&side=above&sort=loss&x=1").query() == "video=3&side=above"
    assert filters("sort=loss_asc").query() == "sort=loss_asc"


def test_it_takes_one_query_for_a_page_of_many_videos(django_assert_num_queries: object) -> None:
    dataset = make_dataset(ana="curator")
    videos = [make_video(dataset, 2, name=f"{n}.mp4") for n in range(12)]
    score(make_version(dataset), {f.pk: float(f.pk) for v in videos for f in v.frames.all()})
    with django_assert_num_queries(1):  # type: ignore[operator]
        page = gallery.page(dataset, filters(), None, 20)
        assert {card.frame.video.name for card in page.cards} >= {"11.mp4"}


def test_it_draws_the_spread_of_scores_by_verdict(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    drawn = gallery.histogram(version, bins=10)
    assert len(drawn["edges"]) == 11
    assert sum(drawn["counts"]) == 40
    assert drawn["edges"][0] == pytest.approx(1 / 3)
    assert drawn["edges"][-1] == pytest.approx(90.0)
    assert drawn["counts"][-1] == FrameScore.objects.filter(reconstruction_loss=90.0).count()
    assert sum(drawn["in"]) == FrameScore.objects.filter(verdict="in").count()
    assert sum(drawn["out"]) == FrameScore.objects.filter(verdict="out").count()
    assert drawn["threshold"] == 50.0


def test_it_draws_nothing_without_scores(cup: Dataset) -> None:
    assert gallery.histogram(make_version(cup, is_active=False))["counts"] == []


def test_it_counts_how_far_the_review_is(cup: Dataset) -> None:
    counts = gallery.counts(cup)
    judged = Frame.objects.exclude(verdict="")
    assert (counts.frames, counts.scored, counts.reviewed) == (40, 40, judged.count())
    assert (counts.in_, counts.out, counts.unsure) == tuple(
        judged.filter(verdict=verdict).count() for verdict in ("in", "out", "unsure")
    )
    assert counts.above == FrameScore.objects.filter(reconstruction_loss__gt=50).count()


@pytest.mark.parametrize("query", ["side=below", "side=above&sort=loss_asc", "side=above", "side=below&sort=loss_asc"])
def test_it_finds_neighbours_of_a_frame_on_the_other_side_of_the_threshold(cup: Dataset, query: str) -> None:
    ids, everything = walk(cup, query), walk(cup, query.replace("side", "x"))
    for pk in set(everything) - set(ids):
        place = everything.index(pk)
        before = [other for other in everything[:place] if other in ids]
        after = [other for other in everything[place:] if other in ids]
        expected = (before[-1] if before else None, after[0] if after else None)
        assert gallery.neighbours(cup, filters(query), Frame.objects.get(pk=pk)) == expected
