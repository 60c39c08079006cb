"""The gallery's page by any score: what it offers, what it says when a score is missing, what it asks the database."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client

from curation import gallery, tally_changes
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, FrameProbability, FrameScore, Score
from tests.curation.review_rows import dataset_with_three_scores

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def order(dataset: Dataset, query: str) -> list[int]:
    page = gallery.page(dataset, GalleryFilters.from_query(QueryDict(query)), None, 60)
    return [card.frame.pk for card in page.cards]


def page_of(path: str, **headers: str) -> str:
    client = Client(headers=headers)
    client.force_login(User.objects.get(username="ana"))
    response = client.get(path)
    assert response.status_code == 200
    return str(response.content.decode())


def tiles_of(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'id="frame-(\d+)"', html)]


def test_it_offers_the_scores_and_shows_the_number_of_the_one_that_sorts(cup: Dataset) -> None:
    html = page_of("/d/cup/frames/?sort=probability")
    assert tiles_of(html) == order(cup, "sort=probability")
    assert html.count(">97 %</span>") == FrameProbability.objects.filter(value=0.97).count()
    assert 'value="probability" checked' in html and "disabled" not in html
    assert "Learned from 20 IN and 10 OUT verdicts" in html
    missing = FrameScore.objects.filter(frame__probabilities=None).count()
    assert f"{missing} newer frames have no probability yet and stand last." in html
    assert "Probability of OUT 97 %, above the threshold 50 %; reconstruction loss" in html


def test_it_says_why_there_are_no_probabilities_and_sorts_by_outlier_score(cup: Dataset) -> None:
    assert cup.active_version is not None
    cup.active_version.calibrations.all().delete()
    Frame.objects.filter(pk__in=order(cup, "")[:3]).update(verdict="out")
    reason = "Probabilities need 25 verdicts with at least 5 IN and 5 OUT; so far there are 0 IN and 3 OUT."
    for headers in ({}, {"HX-Request": "true"}):
        html = page_of("/d/cup/frames/?sort=probability", **headers)
        assert tiles_of(html) == order(cup, "sort=ood")
        assert f"so the frames are sorted by outlier score. {reason}" in html
        assert "sort=probability" in html, "the address keeps what was asked for"
    html = page_of("/d/cup/frames/")
    assert re.search(r'value="probability" disabled aria-describedby="no-probability"', html)
    assert f'id="no-probability">{reason}' in html and "sorted by outlier score" not in html


def test_it_opens_by_the_score_that_the_data_set_flags_by(cup: Dataset) -> None:
    Dataset.objects.filter(pk=cup.pk).update(flag_by=Score.OOD_SCORE)
    html = page_of("/d/cup/frames/")
    assert tiles_of(html) == order(cup, "sort=ood")
    assert 'value="ood" checked' in html
    assert f"{FrameScore.objects.filter(ood_score__gt=0.5).count()} above the threshold" in html


@pytest.mark.parametrize("sort", ["", "ood", "probability"])
def test_it_asks_the_database_at_most_twelve_times(
    cup: Dataset,
    sort: str,
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery.page, "__defaults__", (20,))
    tally_changes.recount(cup)
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    for headers in ({}, {"HX-Request": "true"}):
        with django_assert_max_num_queries(12):
            client.get(f"/d/cup/frames/?sort={sort}", headers=headers)
