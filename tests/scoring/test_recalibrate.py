"""Learning from a few verdicts, on features with a known rule behind them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.errors import ModelError
from scoring.features import Features, features_from_bytes, features_to_bytes, joined
from scoring.metrics import auroc
from scoring.recalibrate import Calibration, Refusal, fit, refusal

WIDTH = 121
MIX = np.random.default_rng(5).normal(size=(12, WIDTH - 1))


def frames(count: int, seed: int, out: float = 0.4) -> tuple[Features, NDArray[np.bool_]]:
    """Features whose first hidden cause decides, and whose score says nothing."""
    rng = np.random.default_rng(seed)
    causes, is_out = rng.normal(size=(count, 12)), rng.random(count) < out
    causes[:, 0] += 4 * is_out
    noisy = causes @ MIX + 0.3 * rng.normal(size=(count, WIDTH - 1))
    return joined(noisy.astype(np.float32), rng.normal(size=count)), is_out


START = frames(80, seed=9, out=0)[0]


def fitted(count: int = 60, seed: int = 0) -> Calibration:
    found = fit(*frames(count, seed), START)
    assert isinstance(found, Calibration)
    return found


def test_it_learns_what_the_score_does_not_know() -> None:
    new, is_out = frames(400, seed=1)
    probability = fitted().probability(new)
    assert auroc(probability[~is_out], probability[is_out]) > 0.97
    assert auroc(*(new[is_out == side, -1].astype(float) for side in (False, True))) < 0.6
    assert probability.min() >= 0 and probability.max() <= 1 and np.isfinite(probability).all()
    assert np.mean((probability > 0.5) == is_out) > 0.9


def test_it_gives_the_same_calibration_for_the_same_verdicts_and_survives_json() -> None:
    first, again = fitted(), fitted()
    assert first.as_json() == again.as_json()
    restored = Calibration.from_json(json.loads(json.dumps(first.as_json())))
    new = frames(50, seed=2)[0]
    assert np.array_equal(restored.probability(new), first.probability(new))
    assert (restored.in_reviews, restored.out_reviews) == (first.in_reviews, first.out_reviews)
    assert first.in_reviews + first.out_reviews == 60


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
    features = frames(ins + outs, seed=3)[0]
    found = fit(features, np.arange(ins + outs) >= ins, START)
    assert (message == "") == isinstance(found, Calibration) == (refusal(ins, outs) == "")
    if isinstance(found, Refusal):
        assert message in found.reason and found.reason.endswith(".")


@settings(max_examples=25, deadline=None)
@given(st.integers(25, 60), st.integers(0, 3), st.sampled_from([0.0, 1.0, 6e4]))
def test_it_stays_finite_whatever_it_is_given(count: int, starts: int, fill: float) -> None:
    features = np.full((count, WIDTH), fill, np.float16)
    features[::2, ::7] += np.float16(1.0)
    found = fit(features, np.arange(count) % 3 == 0, START[:starts])
    assert isinstance(found, Calibration)
    assert np.isfinite(found.probability(np.concatenate([features, START]))).all()


def test_it_refuses_what_does_not_fit_together() -> None:
    features, is_out = frames(40, seed=4)
    broken = features.copy()
    broken[3, 3] = np.nan
    with pytest.raises(ValueError, match="different versions"):
        fit(features, is_out, START[:, :-1])
    with pytest.raises(ValueError, match="one verdict for each"):
        fit(features, is_out[1:], START)
    with pytest.raises(ValueError, match="not finite"):
        fit(broken, is_out, START)
    with pytest.raises(ValueError, match="different model versions"):
        fitted().probability(features[:, 1:])


@pytest.mark.parametrize(
    "change",
    [{"mean": "%"}, {"mean": ""}, {"scale": None}, {"intercept": float("nan")}, {"intercept": "x"}, {"in_reviews": None},
     {"scale": "AAAAAA=="}],
)  # fmt: skip
def test_it_refuses_values_that_are_no_calibration(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_json({**fitted().as_json(), **change})


def test_it_fits_two_thousand_verdicts_in_under_a_tenth_of_a_second() -> None:
    rng = np.random.default_rng(0)
    wide = (rng.normal(size=(2512, 60)) @ rng.normal(size=(60, 1081))).astype(np.float16)
    is_out = wide[:2000, 0] > 1
    fit(wide[:100], is_out[:100], wide[2000:])  # the first call loads scikit-learn
    began = time.process_time()
    assert isinstance(fit(wide[:2000], is_out, wide[2000:]), Calibration)
    assert time.process_time() - began < 0.1


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
