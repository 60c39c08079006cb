"""Figures per reason: a gain on one kind of outlier never hides a loss on another."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.reason_report import Outliers, Scored, report

RNG = np.random.default_rng(5)
INSIDE = [RNG.normal(0, 1, 60), RNG.normal(0, 1, 40)]


def scored(ads: float, football: float, count: int = 40) -> dict[str, Scored]:
    """Outlier scores `ads` and `football` standard deviations away: `count` of each in two videos."""
    out = np.concatenate([RNG.normal(ads, 1, count), RNG.normal(football, 1, count)])
    return {"ood_score": Scored(INSIDE, out)}


def outliers(seen: tuple[bool, bool] = (False, False), count: int = 40) -> Outliers:
    return Outliers(
        reasons=["ad"] * count + ["football"] * count,
        videos=[1, 2] * count,
        is_seen=[seen[0]] * count + [seen[1]] * count,
    )


def test_it_shows_a_loss_on_one_reason_beside_a_gain_on_another() -> None:
    rows = report(outliers(), after=scored(4.0, 0.0), before=scored(1.0, 3.0))
    assert [(row["reason"], row["frames"], row["videos"], row["seen"]) for row in rows] == [
        ("ad", 40, 2, False), ("football", 40, 2, False), (None, 80, 2, False),
    ]  # fmt: skip
    ad, football, _ = (row["scores"]["ood_score"]["auroc"] for row in rows)
    assert ad["gained"][1] > 0.1 and football["gained"][2] < -0.2
    for figure in (ad, football):
        value, low, high = figure["after"]
        assert low <= value <= high
        assert figure["gained"][0] == pytest.approx(value - figure["before"][0])
    passed = rows[1]["scores"]["ood_score"]["fpr_at_tpr"]
    assert passed["after"][0] > passed["before"][0]


def test_it_measures_on_frames_that_were_not_trained_on_where_there_are_any() -> None:
    made = outliers(seen=(True, False))
    made = Outliers([*made.reasons, "ad"], [*made.videos, 3], [*made.is_seen, False])
    after = scored(4.0, 2.0)["ood_score"]
    rows = report(made, {"ood_score": Scored(INSIDE, np.append(after.out, -3.0))}, None)
    by_reason = {row["reason"]: row for row in rows}
    assert (by_reason["ad"]["frames"], by_reason["ad"]["seen"]) == (1, False)
    assert by_reason["ad"]["scores"]["ood_score"]["auroc"]["after"][0] < 0.1
    assert set(by_reason["ad"]["scores"]["ood_score"]["auroc"]) == {"after", "few"}
    assert by_reason[None]["frames"] == 41


def test_it_marks_frames_that_were_trained_on() -> None:
    rows = report(outliers(seen=(True, True)), scored(4.0, 2.0), None)
    assert [row["seen"] for row in rows] == [True, True, True]


def test_it_names_frames_without_a_reason_last_and_one_reason_once() -> None:
    made = Outliers(["", "", "ad"], [1, 1, 2], [False] * 3)
    after = {"ood_score": Scored(INSIDE, np.array([1.0, 2.0, 3.0]))}
    assert [row["reason"] for row in report(made, after, None)] == ["ad", "", None]
    alone = Outliers(["", ""], [1, 1], [False] * 2)
    (row,) = report(alone, {"ood_score": Scored(INSIDE, np.array([1.0, 2.0]))}, None)
    assert (row["reason"], row["scores"]["ood_score"]["auroc"]["few"]) == ("", True)
