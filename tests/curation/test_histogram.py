"""The spread of scores above the gallery: bars that add up, exact counts above any threshold, one video apart."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from curation import tally_changes
from curation.models import Dataset, FrameScore
from tests.curation.review_rows import dataset_with_three_scores, make_dataset, make_video

pytestmark = pytest.mark.django_db
VERDICTS = {"none": "", "in": "in", "out": "out", "unsure": "unsure"}


@pytest.fixture(params=["kept", "counted"])
def cup(request: pytest.FixtureRequest) -> Dataset:
    dataset = dataset_with_three_scores()
    if request.param == "kept":
        tally_changes.recount(dataset)
    return dataset


def draw(query: str = "", slug: str = "cup") -> dict[str, Any]:
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    response = client.get(f"/d/{slug}/frames/histogram.json?{query}")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize(
    ("sort", "key"), [("", "reconstruction_loss"), ("ood", "ood_score"), ("probability", "probability")]
)
def test_it_draws_the_score_that_sorts_by_verdict(cup: Dataset, sort: str, key: str) -> None:
    found = draw(f"sort={sort}&bins=20")
    rows = FrameScore.objects.having(key)
    values = list(rows.values_list(key, flat=True))
    assert found["score"] == key
    assert len(found["edges"]) == 21
    assert (found["edges"][0], found["edges"][-1]) == pytest.approx((min(values), max(values)))
    for name, verdict in VERDICTS.items():
        assert len(found[name]) == 20
        assert sum(found[name]) == rows.filter(verdict=verdict).count()
        assert found["above"][name] == rows.filter(verdict=verdict, **{f"{key}__gt": found["threshold"]}).count()
    assert (found["scored"], found["frames"], found["fresh"]) == (40, 40, True)


def test_it_spaces_losses_that_lie_far_apart_by_their_ratio(cup: Dataset) -> None:
    far = draw("bins=10")["edges"]
    assert far[-1] > 8 * far[0] and far[1] / far[0] == pytest.approx(far[-1] / far[-2])
    ood = draw("sort=ood&bins=10")["edges"]
    assert ood[1] - ood[0] == pytest.approx(ood[-1] - ood[-2])
    FrameScore.objects.filter(reconstruction_loss__lt=20).update(reconstruction_loss=20.0)
    tally_changes.recount(cup)
    near = draw("bins=10")["edges"]
    assert near[-1] < 8 * near[0] and near[1] - near[0] == pytest.approx(near[-1] - near[-2])


def test_it_counts_above_a_threshold_that_is_dragged(cup: Dataset) -> None:
    above = draw("threshold=49.999")["above"]
    assert sum(above.values()) == FrameScore.objects.filter(reconstruction_loss__gt=49.999).count()
    assert sum(draw("threshold=1e9")["above"].values()) == 0
    assert draw("threshold=nonsense")["threshold"] == 50.0


def test_it_draws_one_video_apart(cup: Dataset) -> None:
    video = cup.videos.get(name="15.mp4")
    found = draw(f"video={video.pk}&bins=10&low=20")
    assert sum(sum(found[name]) for name in VERDICTS) == 15
    assert found["low"] == 20
    rows = FrameScore.objects.filter(video=video, reconstruction_loss__gt=50)
    assert sum(found["above"].values()) == rows.count()


def test_it_draws_equal_scores_and_none_at_all(cup: Dataset) -> None:
    FrameScore.objects.update(reconstruction_loss=12.0)
    tally_changes.recount(cup)
    found = draw("bins=10")
    assert found["edges"][0] == 12.0 and sum(sum(found[name]) for name in VERDICTS) == 40
    FrameScore.objects.all().delete()
    tally_changes.recount(cup)
    assert draw()["edges"] == []
    make_video(make_dataset("bare", ana="curator"), 3)
    bare = draw(slug="bare")
    assert (bare["edges"], bare["threshold"], bare["above"]["none"]) == ([], None, 0)


def test_it_refuses_filters_that_it_does_not_know(cup: Dataset) -> None:
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    response = client.get("/d/cup/frames/histogram.json?low=much", headers={"Accept": "application/json"})
    assert response.status_code == 400 and "number" in response.content.decode()
