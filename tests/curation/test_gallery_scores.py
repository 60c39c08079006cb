"""The gallery by any score: order, sides and cursors follow the score that sorts; frames without it come after."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.http import QueryDict

from curation import gallery, scores
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameScore, Score
from curation.problems import Problem
from tests.curation.review_rows import dataset_with_three_scores, make_version

pytestmark = pytest.mark.django_db

FIELDS = {"loss": "reconstruction_loss", "ood": "ood_score", "probability": "probability"}


def filters(query: str, dataset: Dataset | None = None) -> GalleryFilters:
    return GalleryFilters.from_query(QueryDict(query), dataset)


def walk(dataset: Dataset, query: str, size: int = 7) -> list[int]:
    ids: list[int] = []
    after = None
    while True:
        page = gallery.page(dataset, filters(query), after, size)
        ids += [card.frame.pk for card in page.cards]
        after = page.next_cursor
        if after is None:
            return ids


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def expected(query: str, name: str, *, is_upward: bool, video: int | None) -> list[int]:
    field = FIELDS[name]
    asked = QueryDict(query)
    rows = [row for row in FrameScore.objects.with_probability() if video in (None, row.video_id)]
    if asked.get("verdict"):
        rows = [row for row in rows if row.verdict == asked["verdict"]]
    limit = 50.0 if name == "loss" else 0.5
    sides = {"above": lambda value: value > limit, "below": lambda value: value <= limit}
    if asked.get("side"):
        rows = [row for row in rows if row.value(field) is not None and sides[asked["side"]](row.value(field))]
    measured = sorted((row for row in rows if row.value(field) is not None), key=lambda r: (r.value(field), r.frame_id))
    rest = sorted((row for row in rows if row.value(field) is None), key=lambda row: row.frame_id)
    if not is_upward:
        measured.reverse()
        rest.reverse()
    return [row.frame_id for row in measured + rest]


@pytest.mark.parametrize("name", ["ood", "probability"])
@pytest.mark.parametrize("is_upward", [False, True])
@pytest.mark.parametrize("query", ["", "verdict=out", "side=above", "side=below", "verdict=in&side=above"])
@pytest.mark.parametrize("is_one_video", [False, True])
def test_it_pages_by_each_score_with_frames_that_lack_it_after(
    cup: Dataset, name: str, is_upward: bool, query: str, is_one_video: bool
) -> None:
    video = cup.videos.get(name="15.mp4").pk if is_one_video else None
    asked = f"{query}&sort={name}{'_asc' if is_upward else ''}" + (f"&video={video}" if video else "")
    ids = expected(query, name, is_upward=is_upward, video=video)
    assert walk(cup, asked, 4) == ids
    for before, after in pairwise(ids):
        found = gallery.neighbours(cup, filters(asked), Frame.objects.get(pk=after))
        assert found[0] == before
        assert gallery.neighbours(cup, filters(asked), Frame.objects.get(pk=before))[1] == after


def test_it_opens_around_a_frame_that_has_no_probability(cup: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "LEAD_IN", 3)
    ids = walk(cup, "sort=probability")
    for place in (10, len(ids) - 9, len(ids) - 8, len(ids) - 2):
        page = gallery.page_around(cup, filters("sort=probability"), Frame.objects.get(pk=ids[place]), 4)
        assert [card.frame.pk for card in page.cards] == ids[place - 3 : place + 4]


@pytest.mark.parametrize("name", ["loss", "ood", "probability"])
def test_it_marks_outliers_by_the_threshold_of_the_score_that_sorts(cup: Dataset, name: str) -> None:
    page = gallery.page(cup, filters(f"sort={name}"), None)
    assert page.score == FIELDS[name]
    assert page.threshold == (50.0 if name == "loss" else 0.5)
    for card in page.cards:
        assert card.score is not None
        assert card.value == card.score.value(FIELDS[name])
        assert card.is_outlier is (None if card.value is None else card.value > page.threshold)


def test_it_sorts_by_outlier_score_as_long_as_there_are_no_probabilities(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    version.calibrations.all().delete()
    page = gallery.page(cup, filters("sort=probability_asc"), None, 60)
    assert page.score == Score.OOD_SCORE
    assert [card.frame.pk for card in page.cards] == walk(cup, "sort=ood_asc")
    assert [bool(choice.refusal) for choice in scores.choices(version)] == [False, False, True]


def test_it_refuses_a_cursor_of_another_score(cup: Dataset) -> None:
    cursor = gallery.page(cup, filters("sort=ood"), None, 5).next_cursor
    assert cursor is not None
    for other in ("loss", "probability"):
        with pytest.raises(Problem, match="another score"):
            gallery.page(cup, filters(f"sort={other}"), cursor, 5)
    for lacking in ("1~none~3", "1-ood~none~3"):
        with pytest.raises(Problem):
            gallery.page(cup, filters("sort=ood" if "ood" in lacking else ""), lacking, 5)


def test_it_sorts_by_the_data_sets_own_choice_unless_the_address_says_otherwise(cup: Dataset) -> None:
    cup.flag_by = Score.OOD_SCORE
    assert filters("", cup).sort == "ood" and filters("", cup).query() == ""
    assert filters("sort=loss", cup).query() == "sort=loss"
    assert filters("sort=ood&order=asc", cup).query() == "sort=ood_asc"
    assert filters("order=asc", cup).sort == "ood_asc"
    assert filters("").sort == "loss"


def test_it_has_no_sides_without_a_threshold(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    del version.thresholds["ood_score"]
    page = gallery.page(cup, filters("sort=ood"), None)
    assert page.threshold is None and {card.is_outlier for card in page.cards} == {None}
    with pytest.raises(Problem, match="has no threshold of the outlier score"):
        gallery.page(cup, filters("sort=ood&side=above"), None)


def test_it_counts_frames_above_by_the_score_that_the_data_set_flags_by(cup: Dataset) -> None:
    for field, limit in (("reconstruction_loss", 50.0), ("ood_score", 0.5), ("probability", 0.5)):
        cup.flag_by = field
        assert gallery.counts(cup).above == FrameScore.objects.flagged(limit, field).count()


def test_it_flags_by_the_nearest_score_that_the_version_has_a_threshold_of(cup: Dataset) -> None:
    cup.flag_by = Score.PROBABILITY
    fresh = make_version(cup, ood=1.0, is_active=False)
    old = make_version(cup, is_active=False)
    assert cup.active_version is not None
    found = [scores.flag_score(cup, version) for version in (cup.active_version, fresh, old)]
    assert found == [Score.PROBABILITY, Score.OOD_SCORE, Score.RECONSTRUCTION_LOSS]


def test_it_draws_the_spread_of_each_score(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    drawn = gallery.histogram(version, "probability", bins=10)
    assert sum(drawn["counts"]) == FrameScore.objects.having("probability").count()
    assert (drawn["edges"][0], drawn["threshold"]) == (pytest.approx(0.02), 0.5)
    assert gallery.histogram(version, "ood_score")["edges"][-1] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("value", "score", "words"),
    [
        (87.26, "reconstruction_loss", "87.3"),
        (1.239, "ood_score", "+1.24"),
        (-0.311, "ood_score", "−0.31"),  # noqa: RUF001
        (0.87, "probability", "87 %"),
        (0.9999, "probability", "99 %"),
        (1.0, "probability", "100 %"),
        (0.0001, "probability", "1 %"),
        (0.0, "probability", "0 %"),
        (None, "probability", "–"),  # noqa: RUF001
    ],
)
def test_it_writes_each_scores_number_its_own_way(value: float | None, score: str, words: str) -> None:
    assert scores.shown(value, score) == words
