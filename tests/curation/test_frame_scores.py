"""All of a frame's scores on its page: each against its own threshold, and any of them along the video."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User

from curation import frame_page
from curation.models import Dataset, Frame, FrameScore, Score
from tests.conftest import signed_in
from tests.curation.review_rows import dataset_with_three_scores

pytestmark = pytest.mark.django_db


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def page(frame: Frame, query: str = "") -> str:
    answer = signed_in(User.objects.get(username="ana")).get(f"/d/cup/frames/{frame.pk}/?{query}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_shows_every_number_of_a_frame_the_sorting_score_first(cup: Dataset) -> None:
    score = FrameScore.objects.filter(frame__probabilities__value=0.97, ood_score=-0.5).select_related("frame")[0]
    FrameScore.objects.filter(pk=score.pk).update(l1=212.34, variance=1234.56)
    html = page(score.frame, "sort=ood")
    names = re.findall(r'class="gauge-name"[^>]*>([^<]+)<', html)
    assert names == ["Outlier score", "Reconstruction loss", "Probability of OUT"]
    figures = re.findall(r'<b class="tabular">([^<]+)</b>', html)
    assert figures == ["−0.50", f"{score.reconstruction_loss:.1f}", "97 %"]  # noqa: RUF001
    assert "212.3" in html and "1234.6" in html and "3.0 nats" in html
    assert 'not above <span class="tabular">+0.50</span>' in html and 'above <span class="tabular">50 %</span>' in html


def test_it_says_when_a_frame_has_no_probability_yet(cup: Dataset) -> None:
    score = FrameScore.objects.filter(frame__probabilities=None).select_related("frame")[0]
    assert "not worked out" in page(score.frame)


def test_it_draws_any_score_along_the_video(cup: Dataset) -> None:
    frame = cup.videos.get(name="15.mp4").frames.order_by("number")[3]
    drawn = json.loads(
        page(frame, "sort=probability").split('id="curve-data" type="application/json">')[1].split("<")[0]
    )
    assert drawn["shown"] == "probability"
    for field in Score.values:
        rows = FrameScore.objects.having(field).filter(video=frame.video).order_by("frame__number")
        points = [[row.frame_id, row.frame.time_s, row.value(field), row.verdict] for row in rows]
        assert drawn["curves"][field]["points"] == points
        assert drawn["curves"][field]["threshold"] == (50.0 if field == "reconstruction_loss" else 0.5)


def test_it_begins_the_bar_of_a_score_without_zero_at_its_threshold(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    version.thresholds["ood_score"] = {"value": 1.0, "quantiles": [-2.0, 0.0, 1.5]}
    below, above = (frame_page.gauge(Score.OOD_SCORE, value, version) for value in (-1.0, 3.0))
    assert below.bar_from == pytest.approx(below.value_at) and above.bar_from == pytest.approx(above.threshold_at)
    assert below.bar_from + below.bar_width == pytest.approx(below.threshold_at)
    assert above.bar_from + above.bar_width == pytest.approx(above.value_at)
    assert (below.is_outlier, above.is_outlier) == (False, True)
    for gauge in (below, above):
        for place in (gauge.value_at, gauge.threshold_at, gauge.heldout_from, gauge.heldout_from + gauge.heldout_width):
            assert 0 < place < 100


def test_it_draws_losses_from_zero_and_probabilities_on_all_of_their_range(cup: Dataset) -> None:
    version = cup.active_version
    assert version is not None
    loss = frame_page.gauge(Score.RECONSTRUCTION_LOSS, 25.0, version)
    assert loss.bar_from == 0.0 and loss.value_at / loss.threshold_at == pytest.approx(0.5)
    probability = frame_page.gauge(Score.PROBABILITY, 0.87, version)
    assert probability.value_at == pytest.approx(87.0) and probability.threshold_at == 50.0
    del version.thresholds["probability"]
    assert frame_page.gauge(Score.PROBABILITY, 0.87, version).is_outlier is None
