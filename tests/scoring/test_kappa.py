"""Cohen's kappa: scikit-learn's figure, and an interval that holds the truth about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from scoring.kappa import cohen_kappa

WORDS = np.array(["in", "out", "unsure"])


def pair(count: int, seed: int, *, alike: float = 0.8) -> tuple[list[str], list[str]]:
    """Each says the truth with this chance, else any word."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(WORDS, count, p=[0.7, 0.25, 0.05])
    first, second = (np.where(rng.random(count) < alike, truth, rng.choice(WORDS, count)) for _ in range(2))
    return first.tolist(), second.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_it_gives_the_figure_that_scikit_learn_gives(seed: int) -> None:
    first, second = pair(120, seed)
    found = cohen_kappa(first, second)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.agreed == sum(one == other for one, other in zip(first, second, strict=True)) and found.pairs == 120
    assert found.low is not None and found.high is not None and found.value is not None
    assert -1 <= found.low < found.value < found.high <= 1


def test_it_gives_the_standard_error_of_a_table_worked_by_hand() -> None:
    """Two words, 100 pairs: 40 both in, 30 both out, 20 and 10 apart. The formula of 1969, written out for it."""
    found = cohen_kappa(["in"] * 60 + ["out"] * 40, ["in"] * 40 + ["out"] * 20 + ["in"] * 10 + ["out"] * 30)
    kappa = (0.7 - 0.5) / 0.5
    agree = 0.4 * (1 - 1.1 * (1 - kappa)) ** 2 + 0.3 * (1 - 0.9 * (1 - kappa)) ** 2
    apart = (1 - kappa) ** 2 * (0.2 * (0.5 + 0.4) ** 2 + 0.1 * (0.5 + 0.6) ** 2)
    error = np.sqrt((agree + apart - (kappa - 0.5 * (1 - kappa)) ** 2) / (100 * 0.25))
    assert found.value == pytest.approx(kappa) and found.high is not None
    assert found.high - kappa == pytest.approx(1.959964 * error, rel=1e-6)


def test_it_holds_the_truth_in_about_95_of_100_draws() -> None:
    truth = cohen_kappa(*pair(400_000, 99)).value
    assert truth is not None
    found = [cohen_kappa(*pair(150, seed)) for seed in range(400)]
    inside = [each.low is not None and each.high is not None and each.low <= truth <= each.high for each in found]
    assert 0.91 <= np.mean(inside) <= 0.98


def test_it_says_nothing_where_chance_alone_would_agree() -> None:
    assert cohen_kappa([], []).value is None
    same = cohen_kappa(["in"] * 9, ["in"] * 9)
    assert (same.value, same.low, same.agreed, same.is_rough) == (None, None, 9, True)
    assert cohen_kappa(["in", "out"] * 20, ["in", "out"] * 20).value == 1
    with pytest.raises(ValueError, match="can't be compared"):
        cohen_kappa(["in"], [])
