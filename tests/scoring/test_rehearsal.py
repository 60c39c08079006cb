"""A rehearsal never tests on a source that it trained on or reviewed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.rehearsal import draw_outliers, folds

INSIDE = [f"match {n}" for n in range(7)]
OUTSIDE = {"ads": ["a", "b", "c", "d", "e"], "other": ["x", "y"], "american football": ["only"]}


@given(st.integers(4, 12), st.integers(1, 6), st.integers(0, 50))
def test_it_gives_every_source_one_part(inside: int, count: int, seed: int) -> None:
    names = [str(n) for n in range(inside)]
    for fold in folds(names, OUTSIDE, count, seed):
        assert sorted(fold.start + fold.pool_in + fold.test_in) == sorted(names)
        assert fold.start and fold.pool_in and fold.test_in
        for name, sources in OUTSIDE.items():
            assert sorted(fold.pool_out.get(name, ()) + fold.test_out.get(name, ())) == sorted(sources)


def test_it_tests_every_in_distribution_source_in_turn() -> None:
    tested = [name for fold in folds(INSIDE, OUTSIDE, 4) for name in fold.test_in]
    assert set(tested) == set(INSIDE)


def test_it_reviews_and_tests_a_lonely_source_in_turn() -> None:
    parts = ["american football" in fold.test_out for fold in folds(INSIDE, OUTSIDE, 4)]
    assert parts in ([True, False, True, False], [False, True, False, True])


def test_it_does_not_care_how_the_sources_are_listed() -> None:
    assert folds(INSIDE[::-1], dict(reversed(OUTSIDE.items())), 4, 3) == folds(INSIDE, OUTSIDE, 4, 3)


def test_it_asks_for_enough_sources() -> None:
    with pytest.raises(ValueError, match="at least 4 in-distribution ones; there are 3"):
        folds(INSIDE[:3], OUTSIDE, 4)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), min_size=1), st.integers(1, 300))
def test_it_draws_a_minority_of_outliers_evenly(per_set: dict[str, int], inside: int) -> None:
    drawn = draw_outliers(per_set, inside)
    total = sum(map(len, drawn.values()))
    assert total == min(sum(per_set.values()), round(inside * 0.28 / 0.72))
    for name, rows in drawn.items():
        assert len(np.unique(rows)) == len(rows) and (rows < per_set[name]).all()
    fullest = max(map(len, drawn.values()))
    assert all(len(rows) in (fullest, fullest - 1, per_set[name]) for name, rows in drawn.items())
