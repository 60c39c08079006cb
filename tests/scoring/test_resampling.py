from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from scoring.resampling import as_sources, draws, percentile_interval, resampled_units

FIGURES = np.linspace(0.0, 1.0, 100_001)


@pytest.mark.parametrize(("units", "student"), [(4, 3.182), (5, 2.776), (10, 2.262), (30, 2.045)])
def test_it_widens_intervals_by_students_points(units: int, student: float) -> None:
    tail = NormalDist().cdf(-math.sqrt(units / (units - 1)) * student)
    assert percentile_interval(FIGURES, units) == pytest.approx((tail, 1 - tail), abs=2e-4)


def test_it_is_the_plain_interval_of_very_many_units_and_everything_of_very_few() -> None:
    assert percentile_interval(FIGURES, 10**6) == pytest.approx((0.025, 0.975), abs=1e-4)
    assert percentile_interval(FIGURES, 2) == pytest.approx((0.0, 1.0), abs=1e-4)
    assert percentile_interval(FIGURES, 1) == (0.0, 1.0)


def test_it_draws_as_many_units_as_there_are() -> None:
    drawn = draws(7, 50, np.random.default_rng(0))
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all() and drawn.max() > 1


def test_it_cuts_a_lone_source_into_consecutive_blocks() -> None:
    blocks = resampled_units([np.arange(100.0)])
    assert len(blocks) == 20 and np.concatenate(blocks).tolist() == list(range(100))
    assert [len(block) for block in resampled_units([np.arange(3.0)])] == [1, 1, 1]
    assert len(resampled_units([np.zeros(50), np.zeros(2)])) == 2


def test_it_leaves_out_sources_without_frames() -> None:
    assert [source.tolist() for source in as_sources([[1], [], [2, 3]])] == [[1.0], [2.0, 3.0]]
    with pytest.raises(ValueError, match="not finite"):
        as_sources([[1.0], [float("-inf")]])
