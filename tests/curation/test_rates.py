"""Rates are checked against their definitions, pair by pair and frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import rates
from scoring.metrics import auroc

losses = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=25)


@settings(deadline=None)  # the first figure loads scikit-learn
@given(losses, losses)
def test_it_draws_a_curve_whose_area_is_the_auroc(inside: list[float], outside: list[float]) -> None:
    curve = rates.roc(np.array(inside), np.array(outside))
    fpr, tpr = zip(*curve, strict=True)
    assert curve[0] == (0.0, 0.0) and curve[-1] == (1.0, 1.0)
    assert float(np.trapezoid(tpr, fpr)) == pytest.approx(auroc(inside, outside))


def test_it_accepts_a_frame_on_the_threshold() -> None:
    found = rates.confusion(np.array([1.0, 5.0, 9.0]), np.array([5.0, 7.0]), 5.0)
    assert (found.in_accepted, found.in_flagged, found.out_accepted, found.out_flagged) == (2, 1, 1, 1)
    assert (found.right, found.wrong) == (3, 2)
    assert found.tpr == pytest.approx(2 / 3) and found.fpr == pytest.approx(1 / 2)


def test_it_gives_no_rate_where_there_are_no_frames() -> None:
    nothing, some = np.array([]), np.array([1.0])
    assert rates.roc(nothing, some) == []
    assert rates.confusion(nothing, some, 2.0).tpr is None


def test_it_thins_a_long_curve_and_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    curve = rates.roc(rng.normal(0, 1, 5000), rng.normal(1, 1, 5000), points=50)
    assert len(curve) <= 50 and curve[0] == (0.0, 0.0) and curve[-1] == (1.0, 1.0)
