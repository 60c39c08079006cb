"""What every version says of a frame, on its page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from curation import frame_page
from curation.models import Frame, Score
from tests.conftest import signed_in
from tests.curation.review_rows import calibrate, make_version, probable, score, scored_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture
def frame() -> Frame:
    """Scored by three versions; the second one is active."""
    dataset, (frame,) = scored_dataset([60.0], ana="curator")
    active = make_version(dataset, threshold=80.0, ood=3.0, probability=0.5)
    probable(calibrate(active), {frame.pk: 0.9})
    score(active, {frame.pk: 70.0})
    score(make_version(dataset, threshold=10.0, is_active=False), {frame.pk: 5.0})
    return frame


def page(frame: Frame) -> str:
    url = reverse("frame", args=[frame.video.dataset.slug, frame.pk])
    text: str = signed_in(User.objects.get(username="ana")).get(url).content.decode()
    return text


def test_it_sets_each_score_against_the_threshold_of_its_own_version(
    frame: Frame, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    active = frame.video.dataset.active_version
    with django_assert_num_queries(1):
        rows = frame_page.by_version(frame, active)
    assert [(row.version.number, row.is_active) for row in rows] == [(3, False), (2, True), (1, False)]
    cells = [[(cell.score, cell.value, cell.is_outlier) for cell in row.cells] for row in rows]
    assert cells[1] == [
        (Score.RECONSTRUCTION_LOSS, 70.0, False), (Score.OOD_SCORE, 7.0, True), (Score.PROBABILITY, 0.9, True),
    ]  # fmt: skip
    assert [row[0] for row in cells] == [
        (Score.RECONSTRUCTION_LOSS, 5.0, False), cells[1][0], (Score.RECONSTRUCTION_LOSS, 60.0, True),
    ]  # fmt: skip
    assert cells[2][2] == (Score.PROBABILITY, None, False)


def test_it_shows_them_once_there_is_something_to_compare(frame: Frame) -> None:
    assert page(frame).count("<tr") == 4
    frame.video.dataset.model_versions.exclude(number=2).delete()
    assert 'id="versions"' not in page(frame)
