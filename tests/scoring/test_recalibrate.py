"""Learning from a few verdicts, on features with a known rule behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from scoring.errors import ModelError
from scoring.features import Activations, features_from_bytes, features_to_bytes, fit_basis
from scoring.metrics import auroc
from scoring.recalibrate import Calibration, Refusal, calibrate, refusal

WIDTH = 120
MIX = np.random.default_rng(5).normal(size=(12, WIDTH))
Frames = tuple[Activations, NDArray[np.float64], NDArray[np.bool_]]


def frames(count: int, seed: int, out: float = 0.4) -> Frames:
    """Activations whose first hidden cause decides, scores that say little, and whether each is an outlier."""
    rng = np.random.default_rng(seed)
    causes, is_out = rng.normal(size=(count, 12)), rng.random(count) < out
    causes[:, 0] += 4 * is_out
    noisy = causes @ MIX + 0.3 * rng.normal(size=(count, WIDTH))
    return noisy.astype(np.float16), rng.normal(size=count) + is_out, is_out


START = frames(80, seed=9, out=0)[:2]


def fitted_to(activations: Activations, scores: NDArray[np.float64], is_out: ArrayLike) -> Calibration | Refusal:
    return calibrate(activations, scores, is_out, *START)


def fitted(count: int = 60, seed: int = 0) -> Calibration:
    found = fitted_to(*frames(count, seed))
    assert isinstance(found, Calibration)
    return found


def test_it_learns_what_the_score_does_not_tell() -> None:
    activations, scores, is_out = frames(400, seed=1)
    probability = fitted(200).probability(activations, scores)
    assert auroc(probability[~is_out], probability[is_out]) > 0.85 > auroc(scores[~is_out], scores[is_out]) + 0.05
    assert probability.min() >= 0 and probability.max() <= 1 and np.isfinite(probability).all()
    assert np.mean((probability > 0.5) == is_out) > 0.7


def test_it_keeps_to_the_score_where_the_regression_knows_nothing() -> None:
    activations, scores, is_out = frames(60, seed=0)
    calibration = fitted_to(activations, scores + 2 * is_out, is_out)
    assert isinstance(calibration, Calibration)
    same = np.repeat(START[0][:1], 50, axis=0)
    rising = calibration.probability(same, np.linspace(-3, 6, 50))
    assert (np.diff(rising) > 0).all() and rising[0] < 0.3 and rising[-1] > 0.8


def test_it_gives_the_same_calibration_for_the_same_verdicts_and_survives_json() -> None:
    first, again = fitted(), fitted()
    assert first.as_json() == again.as_json()
    restored = Calibration.from_json(json.loads(json.dumps(first.as_json())))
    new = frames(50, seed=2)[:2]
    assert np.array_equal(restored.probability(*new), first.probability(*new))
    assert (restored.in_reviews, restored.out_reviews) == (first.in_reviews, first.out_reviews)
    assert first.in_reviews + first.out_reviews == 60


def test_it_reduces_activations_to_components_of_equal_spread() -> None:
    activations = frames(90, seed=0)[0]
    features = fit_basis(activations).transform(activations)
    assert features.shape == (90, 64) and np.allclose(features.mean(0), 0, atol=1e-2)
    assert np.allclose(features.std(0), 4 / 64**0.5, rtol=0.02)
    assert np.sqrt(np.square(features).sum(1).mean()) == pytest.approx(4, rel=0.01)


def test_it_leaves_the_score_in_charge_far_from_all_that_was_reviewed() -> None:
    calibration, (activations, _, _) = fitted(), frames(30, seed=4, out=1)
    far = (np.random.default_rng(3).choice([-1.0, 1.0], size=(30, WIDTH)) * 60).astype(np.float16)
    alone = (0.0 - calibration.score_unit[0]) / calibration.score_unit[1]
    near, away = (np.abs(calibration.score(where, np.zeros(30)) - alone).mean() for where in (activations, far))
    assert near > 0.5 and away < 0.3 * near
    rising = calibration.probability(np.repeat(far[:1], 50, axis=0), np.linspace(-3, 6, 50))
    assert (np.diff(rising) > 0).all()


def test_it_scores_no_frames_and_frames_apart_alike() -> None:
    calibration, (activations, scores, _) = fitted(), frames(9, seed=3)
    assert len(calibration.probability(activations[:0], scores[:0])) == 0
    one_by_one = [calibration.probability(activations[i : i + 1], scores[i : i + 1])[0] for i in range(9)]
    assert np.allclose(one_by_one, calibration.probability(activations, scores), rtol=1e-6)


@pytest.mark.parametrize(
    ("ins", "outs", "message"),
    [
        (0, 0, "0 of the 25 verdicts"),
        (19, 5, "24 of the 25 verdicts"),
        (21, 4, "Only 4 verdicts are OUT; calibration needs 5 of each."),
        (4, 30, "Only 4 verdicts are IN"),
        (20, 5, ""),
    ],
)
def test_it_says_what_is_missing(ins: int, outs: int, message: str) -> None:
    activations, scores, _ = frames(ins + outs, seed=3)
    found = fitted_to(activations, scores, np.arange(ins + outs) >= ins)
    assert (message == "") == isinstance(found, Calibration) == (refusal(ins, outs) == "")
    if isinstance(found, Refusal):
        assert message in found.reason and found.reason.endswith(".")


@settings(max_examples=25, deadline=None)
@given(st.integers(25, 60), st.sampled_from([0.0, 1.0, 6e4]))
def test_it_stays_finite_whatever_it_is_given(count: int, fill: float) -> None:
    activations = np.full((count, WIDTH), fill, np.float16)
    activations[::2, ::7] += np.float16(1.0)
    found = fitted_to(activations, np.zeros(count), np.arange(count) % 3 == 0)
    assert isinstance(found, Calibration)
    assert np.isfinite(found.probability(activations, np.zeros(count))).all()
    assert np.isfinite(found.probability(*START)).all()


def test_it_refuses_what_does_not_fit_together() -> None:
    activations, scores, is_out = frames(40, seed=4)
    broken = activations.copy()
    broken[3, 3] = np.nan
    with pytest.raises(ValueError, match="one verdict and one score for each"):
        calibrate(activations, scores, is_out[1:], *START)
    with pytest.raises(ValueError, match="another model version"):
        calibrate(activations, scores, is_out, START[0][:, 1:], START[1])
    with pytest.raises(ValueError, match="activation is not finite"):
        calibrate(broken, scores, is_out, *START)
    with pytest.raises(ValueError, match="score is not finite"):
        calibrate(activations, scores + np.inf, is_out, *START)
    with pytest.raises(ValueError, match="a score for each frame"):
        fitted().probability(activations, scores[1:])
    with pytest.raises(ValueError, match="needs frames"):
        fit_basis(activations[:0])
    with pytest.raises(ValueError, match="another model version"):
        fitted().probability(activations[:, 1:], scores)


@pytest.mark.parametrize(
    "change",
    [{"mean": "%"}, {"mean": ""}, {"scale": None}, {"intercept": float("nan")}, {"intercept": "x"}, {"slope": -1},
     {"in_reviews": None}, {"scale": "AAAAAA=="}, {"seen": ""}, {"weights": "AAAAAA=="}, {"column": [0.0, 0.0]},
     {"score_unit": 3}, {"components": "AAA="}],
)  # fmt: skip
def test_it_refuses_values_that_are_no_calibration(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_json({**fitted().as_json(), **change})


def test_it_loads_scikit_learn_only_to_fit_and_torch_never() -> None:
    code = "import sys, scoring.recalibrate, scoring.features; print({'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_it_keeps_features_in_few_bytes_and_reads_them_back() -> None:
    features, number = frames(7, seed=6)[0], np.arange(10, 17)
    data = features_to_bytes(features, number)
    assert len(data) < 7 * WIDTH * 2 + 7 * 8 + 300
    read, of_frames = features_from_bytes(data)
    assert np.array_equal(read, features) and np.array_equal(of_frames, number)
    for damaged in (b"", data[:-1], features_to_bytes(features, number).replace(b"number", b"nunber")):
        with pytest.raises(ModelError):
            features_from_bytes(damaged)
    with pytest.raises(ValueError, match="one row"):
        features_to_bytes(features, number[1:])
    with pytest.raises(ValueError, match="finite"):
        features_to_bytes(features * np.float16(np.inf), number)
