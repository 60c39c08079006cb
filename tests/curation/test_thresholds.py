"""Thresholds of every score: they follow one aim, say how sure they are, and one of them flags."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.contrib.auth.models import User

from curation import scores, threshold_page, versions
from curation.models import Dataset, FrameScore, ModelVersion, Score
from curation.problems import Problem
from tests.conftest import signed_in
from tests.curation.review_rows import dataset_with_three_scores, make_version, score

pytestmark = pytest.mark.django_db
PAGE = "/d/cup/models/"
RNG = np.random.default_rng(3)
PER_VIDEO = [np.sort(RNG.normal(shift, 1.0, 65)).tolist() for shift in (0.0, 0.5, 1.5, 2.0)]


@pytest.fixture
def cup() -> Dataset:
    return dataset_with_three_scores()


def olga() -> User:
    return User.objects.get(username="olga")


def active(dataset: Dataset) -> ModelVersion:
    dataset.refresh_from_db()
    assert dataset.active_version is not None
    return dataset.active_version


def give(version: ModelVersion, **entries: dict[str, object]) -> None:
    """Entries of thresholds by name of the score."""
    version.thresholds |= {scores.BY_NAME[name]: entry for name, entry in entries.items()}
    version.save()


def page(name: str, path: str = PAGE, **headers: str) -> str:
    found = signed_in(User.objects.get(username=name)).get(path, headers=headers)
    assert found.status_code == 200
    return " ".join(found.content.decode().split())


def test_it_moves_the_thresholds_of_every_score_with_one_aim(cup: Dataset) -> None:
    version = active(cup)
    give(
        version,
        loss={"value": 50.0, "quantiles": [0.0, 50.0, 100.0], "low": 45.0, "high": 60.0},
        ood={"value": 1.0, "quantiles": [0.0, 1.0, 2.0], "per_video": PER_VIDEO, "low": 0.1, "high": 1.2, "folds": 4},
    )
    versions.set_target_tpr(dataset=cup, target_tpr=0.8, by=olga())
    moved = active(cup).thresholds
    assert moved["reconstruction_loss"]["value"] == pytest.approx(80.0)
    assert "low" not in moved["reconstruction_loss"], "an interval of another aim would be wrong"
    ood = moved["ood_score"]
    assert ood["value"] == pytest.approx(1.6)
    assert ood["low"] < ood["value"] < ood["high"] and (ood["low"], ood["high"]) != (0.1, 1.2)
    assert (ood["folds"], moved["probability"]) == (4, {"value": 0.5}), "what has no quantiles stays"


def test_it_widens_the_interval_with_the_spread_between_videos() -> None:
    alike = [PER_VIDEO[0], PER_VIDEO[0]]
    entry = {"value": 1.0, "quantiles": np.quantile(PER_VIDEO[0], np.linspace(0, 1, 65)).tolist()}
    widths = []
    for videos in (alike, PER_VIDEO):
        found = versions.aimed(entry | {"per_video": videos}, 0.9)
        widths.append(found["high"] - found["low"])
    assert widths[0] < widths[1]
    assert "low" not in versions.aimed(entry | {"per_video": PER_VIDEO[:1]}, 0.9), "one video says nothing of others"


def test_it_says_in_words_how_sure_a_threshold_is(cup: Dataset) -> None:
    version = active(cup)
    give(
        version,
        loss={"value": 66.0, "low": 61.4, "high": 74.0, "frames": 1200, "videos": 3, "folds": 3},
        ood={"value": 0.5, "low": -0.25, "high": 0.75, "frames": 90, "videos": 1},
        probability={"value": 0.5},
    )
    loss, ood, probability = (threshold_page.uncertainty(version, each) for each in Score)
    assert loss.startswith(
        "It lies between 61.4 and 74.0 with 95 % confidence: 1,200 held-out frames of 3 videos, each"
    )
    assert ood == "It lies between −0.25 and +0.75 with 95 % confidence: 90 held-out frames of 1 video."  # noqa: RUF001
    assert probability.startswith("It rests on 1 held-out frame of 1 video; how far")
    assert threshold_page.uncertainty(make_version(cup, is_active=False), Score.OOD_SCORE) == ""


def test_it_flags_by_another_score_when_an_admin_says_so(cup: Dataset) -> None:
    html = page("olga", f"{PAGE}?by=ood")
    above = FrameScore.objects.filter(ood_score__gt=0.5).count()
    now = FrameScore.objects.filter(reconstruction_loss__gt=50.0).count()
    assert f"{above} frames are flagged then, instead of {now} by reconstruction loss" in html
    client = signed_in(olga())
    answer = client.post(f"{PAGE}threshold/", {"flag_by": "ood_score"}, follow=True).content.decode()
    cup.refresh_from_db()
    assert cup.flag_by == Score.OOD_SCORE
    assert "Frames are flagged and sorted by outlier score now." in answer and "Flags and sorts frames" in answer
    assert re.search(r'value="ood" checked', answer), "the page opens with the score that flags"


@pytest.mark.parametrize("name", ["ana", "olga"])
def test_it_lets_only_admins_choose_what_flags(cup: Dataset, name: str) -> None:
    html = page(name, f"{PAGE}?by=ood")
    assert ("Flag and sort by this score" in html) == (name == "olga")
    answer = signed_in(User.objects.get(username=name)).post(f"{PAGE}threshold/", {"flag_by": "ood_score"})
    assert answer.status_code == (302 if name == "olga" else 403)


def test_it_refuses_to_flag_by_what_the_active_version_lacks(cup: Dataset) -> None:
    version = make_version(cup)
    for wanted, words in (("ood_score", "no threshold of the outlier score"), ("probability", "need 25 verdicts")):
        with pytest.raises(Problem, match=words):
            versions.set_flag_by(dataset=cup, score=wanted, by=olga())
    with pytest.raises(Problem, match="not by 'kl'"):
        versions.set_flag_by(dataset=cup, score="kl", by=olga())
    give(version, ood={"value": 3.0})
    versions.set_flag_by(dataset=cup, score="ood_score", by=olga())
    cup.refresh_from_db()
    assert cup.flag_by == Score.OOD_SCORE


def test_it_shows_each_score_with_its_own_histogram_and_interval(cup: Dataset) -> None:
    give(active(cup), ood={"value": 0.5, "low": 0.3, "high": 0.6, "quantiles": [0.0, 0.5, 1.0], "note": "Few videos."})
    html = page("olga", f"{PAGE}threshold/?by=ood", **{"HX-Request": "true"})
    assert "<html" not in html and "between +0.30 and +0.60 with 95 % confidence" in html and "Few videos." in html
    assert "?data=histogram&amp;by=ood" in html
    told = signed_in(olga()).get(f"{PAGE}1/?data=histogram&by=ood").json()
    assert (told["threshold"], told["low"], told["high"], told["score"]) == (0.5, 0.3, 0.6, "ood_score")
    assert sum(told["counts"]) == 40
    assert signed_in(olga()).get(f"{PAGE}1/?data=histogram&by=x").status_code == 400
    assert signed_in(olga()).get(f"{PAGE}threshold/?by=x").status_code == 400


def test_it_shows_what_flags_when_the_score_asked_for_is_not_there(cup: Dataset) -> None:
    score(make_version(cup, ood=0.5), {})
    html = page("ana", f"{PAGE}?by=probability")
    assert re.search(r'value="loss" checked', html) and re.search(r'value="probability" disabled', html)


def test_it_says_when_a_score_has_no_threshold(cup: Dataset) -> None:
    make_version(cup)
    html = page("olga", f"{PAGE}?by=ood")
    assert "Version 2 has no threshold of the outlier score" in html and "Flag and sort by this score" not in html
