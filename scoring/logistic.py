"""Logistic regression with a squared penalty, by Newton's method: a few milliseconds for some thousand rows. NumPy
only.

Minimises C x sum of weighted log losses + |slopes|^2 / 2, as scikit-learn's LogisticRegression does, which a test
holds it to; that one takes a second to import, and this has to run within a request.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
MOST_STEPS, HALVINGS = 50, 30
CLOSE = 1e-9  # of the objective: what a further step gains


def fit_logistic(
    rows: Doubles, labels: NDArray[np.bool_], weights: Doubles, penalty: float, start: Doubles | None = None
) -> Doubles:
    """Slopes and, last, the intercept, (K + 1,), from rows (N, K), labels (N,), weights (N,) and C. `start`: a
    solution to begin at, which changes the time and not the result."""
    wide = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    signs = np.where(labels, 1.0, -1.0)
    nowhere = np.zeros(wide.shape[1])
    places = [nowhere] if start is None else [nowhere, start.astype(np.float64)]
    loss, found = min(((_loss(wide, signs, weights, penalty, each), each) for each in places), key=lambda pair: pair[0])
    for _ in range(MOST_STEPS):
        step = _step(wide, signs, weights, penalty, found)
        found, before, loss = _descended(wide, signs, weights, penalty, found, step, loss)
        if before - loss <= CLOSE * max(abs(loss), 1e-12):
            break
    return found


def _loss(wide: Doubles, signs: Doubles, weights: Doubles, penalty: float, at: Doubles) -> float:
    return float(penalty * (weights * np.logaddexp(0, -signs * (wide @ at))).sum() + at[:-1] @ at[:-1] / 2)


def _step(wide: Doubles, signs: Doubles, weights: Doubles, penalty: float, at: Doubles) -> Doubles:
    """The intercept isn't penalised; a trace of it keeps the matrix invertible where all rows lie far from the
    border."""
    wrong = 1 / (1 + np.exp(np.clip(signs * (wide @ at), -500, 500)))
    ridge = np.append(np.ones(len(at) - 1), 1e-10)
    gradient = -penalty * (weights * signs * wrong) @ wide + np.append(at[:-1], 0.0)
    curvature = penalty * (wide * (weights * wrong * (1 - wrong))[:, None]).T @ wide
    found: Doubles = np.linalg.solve(curvature + np.diag(ridge), gradient)
    return found


def _descended(
    wide: Doubles, signs: Doubles, weights: Doubles, penalty: float, at: Doubles, step: Doubles, loss: float
) -> tuple[Doubles, float, float]:
    """The next place, the loss before and after; a step that leads up is halved until it doesn't."""
    for _ in range(HALVINGS):
        there = at - step
        found = _loss(wide, signs, weights, penalty, there)
        if found <= loss:
            return there, loss, found
        step = step / 2
    return at, loss, loss
