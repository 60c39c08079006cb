"""Newton's steps end where scikit-learn's solver ends, wherever they begin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from scoring.logistic import fit_logistic

Doubles = NDArray[np.float64]


def draws(count: int, *, noise: float = 1.0) -> tuple[Doubles, NDArray[np.bool_], Doubles]:
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(count, 20)) / 2
    labels = 3 * rows[:, 0] + noise * rng.normal(size=count) > 0.5
    return rows, labels, np.where(labels, 3.0, 1.0)


@pytest.mark.parametrize("count", [30, 200, 1500])
@pytest.mark.parametrize("penalty", [0.1, 1.0])
def test_it_finds_what_scikit_learn_finds(count: int, penalty: float) -> None:
    rows, labels, weights = draws(count)
    found = fit_logistic(rows, labels, weights, penalty)
    peer = LogisticRegression(C=penalty, tol=1e-10, max_iter=10_000).fit(rows, labels, weights)
    assert found[:-1] == pytest.approx(peer.coef_[0], abs=1e-5)
    assert found[-1] == pytest.approx(float(peer.intercept_[0]), abs=1e-5)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_it_ends_at_the_same_place_wherever_it_begins(noise: float) -> None:
    rows, labels, weights = draws(300, noise=noise)
    cold = fit_logistic(rows, labels, weights, 0.1)
    for start in (cold + 0.05, np.full(21, 40.0), -5 * cold):
        assert fit_logistic(rows, labels, weights, 0.1, start) == pytest.approx(cold, abs=1e-4)
