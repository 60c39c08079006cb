"""The gallery between two scores, with near copies folded, opened at a score, and on a frozen list."""

from __future__ import annotations

import random
import struct
import zlib
from uuid import uuid4

import pytest
from django.http import QueryDict

from curation import gallery
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore, Selection
from curation.problems import Problem
from tests.curation.review_rows import dataset_with_three_scores, make_dataset, make_version, make_video, score
from tests.curation.test_gallery import walk

pytestmark = pytest.mark.django_db

KEYS = {"loss": "reconstruction_loss", "ood": "ood_score", "probability": "probability"}


def filters(query: str = "") -> GalleryFilters:
    return GalleryFilters.from_query(QueryDict(query))


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def freeze(dataset: Dataset, ids: list[int]) -> Selection:
    data = struct.pack(f"<{len(ids)}q{len(ids)}i", *ids, *[0] * len(ids))
    return Selection.objects.create(dataset=dataset, count=len(ids), frames=zlib.compress(data))


def fold(video_id: int, head: int, copies: int) -> None:
    """Make the frames after `head` its near copies."""
    frames = Frame.objects.filter(video=video_id)
    frames.filter(number=head).update(copies=copies)
    run = frames.filter(number__range=(head + 1, head + copies))
    run.update(copy_of=head)
    FrameScore.objects.filter(frame__in=run).update(is_copy=True)


@pytest.mark.parametrize("sort", [f"{name}{way}" for name in KEYS for way in ("", "_asc")])
@pytest.mark.parametrize("bounds", ["low=0.5", "high=0.5", "low=0.1&high=60", "low=50&high=50", "low=0.5&side=above"])
@pytest.mark.parametrize("verdict", ["", "unreviewed", "reviewed"])
def test_it_pages_through_a_range_of_scores(cup: Dataset, sort: str, bounds: str, verdict: str) -> None:
    asked = filters(f"{bounds}&verdict={verdict}&sort={sort}")
    key, limit = KEYS[sort.removesuffix("_asc")], 50.0 if sort.startswith("loss") else 0.5
    rows = [
        (value, s.frame_id)
        for s in FrameScore.objects.with_probability()
        if (value := getattr(s, key)) is not None
        and (asked.low is None or value >= asked.low)
        and (asked.high is None or value <= asked.high)
        and (not asked.side or value > limit)
        and (not verdict or (s.verdict == "") == (verdict == "unreviewed"))
    ]
    expected = [pk for _, pk in sorted(rows, reverse=not asked.is_upward)]
    assert walk(cup, asked.query()) == expected
    assert gallery.matching(cup, asked) == len(expected)


def test_it_counts_what_passes_the_filters_within_one_video(cup: Dataset) -> None:
    video = cup.videos.get(name="15.mp4")
    for query in ("", "sort=probability", "sort=ood&verdict=reviewed", "low=50&verdict=unreviewed"):
        asked = filters(f"{query}&video={video.pk}")
        assert gallery.matching(cup, asked) == len(walk(cup, asked.query()))


def test_it_folds_near_copies_into_the_frame_they_repeat(cup: Dataset) -> None:
    video = cup.videos.get(name="25.mp4")
    fold(video.pk, 3, 4)
    everything = walk(cup, "copies=all")
    copies = set(video.frames.filter(number__range=(4, 7)).values_list("pk", flat=True))
    assert walk(cup) == [pk for pk in everything if pk not in copies]
    assert not copies & set(walk(cup, "verdict=unreviewed&sort=ood"))
    by_id = {card.frame.pk: card.copies for card in gallery.page(cup, filters(), None).cards}
    head = video.frames.get(number=3).pk
    assert by_id[head] == 4 and sum(by_id.values()) == 4
    assert not any(card.copies for card in gallery.page(cup, filters("copies=all"), None).cards)
    assert gallery.matching(cup, filters()) == len(everything)


def test_it_never_hides_a_verdict_among_the_copies(cup: Dataset) -> None:
    video = cup.videos.get(name="25.mp4")
    fold(video.pk, 3, 4)
    judged = set(FrameScore.objects.exclude(verdict="").values_list("frame_id", flat=True))
    assert set(walk(cup, "verdict=reviewed")) == judged


@pytest.mark.parametrize(("sort", "start"), [("loss", 50.0), ("loss_asc", 50.0), ("ood", 0.6), ("probability", 0.5)])
def test_it_opens_at_a_score_with_a_few_frames_before(
    cup: Dataset, sort: str, start: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "LEAD_IN", 3)
    ids = walk(cup, f"sort={sort}")
    page = gallery.page(cup, filters(f"sort={sort}&from={start}"), None, 5)
    key = KEYS[sort.removesuffix("_asc")]
    values, way = (
        dict(FrameScore.objects.with_probability().values_list("frame_id", key)),
        1 if sort.endswith("_asc") else -1,
    )
    reached = [pk for pk, value in values.items() if value is None or (value - start) * way >= 0]
    first = next(place for place, pk in enumerate(ids) if pk in reached)
    assert page.starts_at == ids[first]
    assert [card.frame.pk for card in page.cards] == ids[first - 3 : first + 5]
    assert page.is_from_top is False
    rest = gallery.page(cup, filters(f"sort={sort}&from={start}"), page.next_cursor, 60)
    assert [card.frame.pk for card in rest.cards] == ids[first + 5 :]


def test_it_shows_the_end_when_nothing_follows_a_score(cup: Dataset) -> None:
    page = gallery.page(cup, filters("from=-100"), None, 5)
    assert [card.frame.pk for card in page.cards] == walk(cup)[-gallery.LEAD_IN :]
    assert page.next_cursor is None


def test_it_shows_a_frozen_list_in_its_own_order(cup: Dataset) -> None:
    ids = random.Random(1).sample(list(Frame.objects.values_list("pk", flat=True)), 20)
    chosen = freeze(cup, ids)
    query = f"selection={chosen.uuid}"
    assert walk(cup, query) == ids
    assert gallery.matching(cup, filters(query)) == 20
    for place in (1, 7):
        frame = Frame.objects.get(pk=ids[place])
        assert gallery.neighbours(cup, filters(query), frame) == (ids[place - 1], ids[place + 1])
    Frame.objects.filter(pk__in=ids[2:12]).delete()
    assert walk(cup, query) == ids[:2] + ids[12:]
    cards = gallery.page(cup, filters(query), None).cards
    assert all(card.score is not None for card in cards)


def test_it_shows_a_frozen_list_before_there_is_a_model() -> None:
    dataset = make_dataset(ana="curator")
    ids = [frame.pk for frame in make_video(dataset, 5).frames.order_by("-number")]
    page = gallery.page(dataset, filters(f"selection={freeze(dataset, ids).uuid}"), None)
    assert [card.frame.pk for card in page.cards] == ids
    assert page.cards[0].score is None


def test_it_shows_no_list_of_another_data_set(cup: Dataset) -> None:
    other = make_dataset("other", ana="curator")
    frames = make_video(other, 2).frames.values_list("pk", flat=True)
    with pytest.raises(Problem, match="gone"):
        gallery.page(cup, filters(f"selection={freeze(other, list(frames)).uuid}"), None)
    with pytest.raises(Problem, match="gone"):
        gallery.page(cup, filters(f"selection={uuid4()}"), None)


def test_it_writes_the_new_filters_back_into_addresses() -> None:
    query = "video=3&verdict=out&side=above&low=1.5&high=80.0&copies=all&sort=ood&from=7.25"
    assert filters(query).query() == query
    assert (
        filters(query).without("low", "high", "start").query() == "video=3&verdict=out&side=above&copies=all&sort=ood"
    )
    uuid = uuid4()
    assert filters(f"selection={uuid}&verdict=out&low=3&sort=ood").query() == f"selection={uuid}"
    assert filters("low=1").is_narrowed and not filters("from=1&copies=all").is_narrowed


@pytest.mark.parametrize("query", ["low=x", "high=nan", "from=inf", "copies=some", "selection=7", "low=3&high=2"])
def test_it_refuses_ranges_that_are_none(query: str) -> None:
    with pytest.raises(Problem):
        filters(query)


def test_it_merges_verdicts_whatever_their_number() -> None:
    dataset = make_dataset(ana="curator")
    frames = [f.pk for f in make_video(dataset, 30).frames.order_by("number")]
    for n, pk in enumerate(frames):
        Frame.objects.filter(pk=pk).update(verdict=("in", "out", "unsure", "")[n % 4])
    score(make_version(dataset), {pk: float(n % 5) for n, pk in enumerate(frames)})
    expected = sorted(((n % 5, pk) for n, pk in enumerate(frames) if n % 4 != 3), reverse=True)
    assert walk(dataset, "verdict=reviewed", size=4) == [pk for _, pk in expected]
