"""What folds measured, as a curve with intervals and as a table."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.curve import ALL, Outcome, outcome, points, table


def measured(fold: int, method: str, ood: str, area: float, reviews: int = 0) -> Outcome:
    return Outcome(fold, method, reviews, ood, auroc=area, ap=area / 2, fpr95=1 - area, sources=2)


def test_it_measures_a_fold_over_all_its_sources() -> None:
    inside, outside = [np.array([1.0, 2.0]), np.array([3.0])], [np.array([2.5, 4.0])]
    found = outcome(0, "ood_score", 25, "ads", inside, outside)
    assert found.auroc == pytest.approx(5 / 6) and found.sources == 1 and found.reviews == 25


def test_it_averages_seeds_within_a_fold_before_folds() -> None:
    seeds = [measured(0, "a", "ads", area) for area in (0.4, 0.6, 0.5)] + [measured(1, "a", "ads", 1.0)]
    point = next(point for point in points(seeds) if point.ood == "ads")
    assert point.auroc == pytest.approx(0.75) and point.folds == 2 and point.fpr95 == pytest.approx(0.25)
    assert point.interval[0] <= 0.5 and point.interval[1] >= 1.0


def test_it_says_what_a_score_gained_over_raw_loss_in_the_same_folds() -> None:
    folds = [measured(n, "reconstruction_loss", "ads", 0.3 + 0.2 * n) for n in range(3)]
    folds += [measured(n, "retrained", "ads", 0.4 + 0.2 * n, reviews=50) for n in range(3)]
    gained = next(point for point in points(folds) if point.method == "retrained" and point.ood == "ads")
    assert gained.gain == pytest.approx(0.1) and gained.gain_interval == pytest.approx((0.1, 0.1))


def test_it_means_over_the_sets_that_a_fold_has() -> None:
    found = points([measured(0, "a", "ads", 0.9), measured(0, "a", "other", 0.7), measured(1, "a", "ads", 0.6)])
    mean = next(point for point in found if point.ood == ALL)
    assert mean.auroc == pytest.approx((0.8 + 0.6) / 2) and mean.folds == 2


def test_it_tabulates_a_row_per_score_and_number_of_reviews() -> None:
    lines = table(
        points([measured(0, "ood_score", "ads", 0.9), measured(1, "ood_score", "other", 0.7, 25)])
    ).splitlines()
    assert lines[0] == "| score | reviews | ads | other | mean of sets |"
    assert lines[2].startswith("| ood score | 0 | 0.900 [0.90, 0.90], FPR95 0.10 |  |")
    assert len(lines) == 4
