"""Honest rates: the weighted figures are the right ones, and their intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from scoring import audit_curves, coverage
from scoring.honest_rates import Audited, effective, estimates, stratum_weights, wilson
from scoring.paired_rates import Versions, gains


def made(n: int = 400, videos: int = 12, seed: int = 0, sharpness: float = 1.5) -> Audited:
    rng = np.random.default_rng(seed)
    is_out = rng.random(n) < 0.25
    scores = np.round(rng.normal(is_out * sharpness, 1.0), 1)  # with ties
    return Audited(scores, is_out, rng.uniform(1, 9, n), rng.integers(0, videos, n))


def test_it_weighs_every_figure_like_the_population() -> None:
    """Weights are whole numbers here, so that the population can be written out."""
    found = made()
    times = np.round(found.weights).astype(int)
    whole = Audited(found.scores, found.is_out, times.astype(float), found.videos)
    scores, is_out = np.repeat(found.scores, times), np.repeat(found.is_out, times)
    figures = {name: each.value for name, each in estimates(whole, 1.0).items()}
    assert figures == pytest.approx({
        "tpr": np.mean(scores[~is_out] <= 1.0), "fpr": np.mean(scores[is_out] <= 1.0),
        "precision": np.mean(is_out[scores > 1.0]), "prevalence": np.mean(is_out),
        "auroc": roc_auc_score(is_out, scores), "average_precision": average_precision_score(is_out, scores),
    })  # fmt: skip


def test_it_leaves_out_what_cannot_be_told() -> None:
    found = made()
    assert set(estimates(found.only(~found.is_out), 1.0)) == {"tpr", "precision", "prevalence"}
    assert set(estimates(found.only(found.is_out), 99.0)) == {"fpr", "prevalence"}
    assert estimates(found.only(np.zeros(400, bool)), 1.0) == {}
    with pytest.raises(ValueError, match="finite"):
        found.by(np.full(400, np.nan))


def test_it_says_little_of_few_videos_and_never_promises_certainty() -> None:
    found = made()
    many, few = estimates(found, 1.0)["fpr"], estimates(made(videos=2), 1.0)["fpr"]
    assert few.high - few.low > 2 * (many.high - many.low) and few.few_sources and not many.few_sources
    alone = estimates(made(videos=1), 1.0)["fpr"]
    assert alone.high - alone.low > few.high - few.low
    never = estimates(found, 99.0)
    assert never["fpr"].value == 1.0 and never["fpr"].low < 1.0


def test_it_counts_videos_by_what_they_weigh() -> None:
    assert effective(np.array([1.0, 1.0, 2.0]), np.array([5, 5, 9])) == 2.0
    assert effective(np.array([9.0, 1.0]), np.array([0, 1])) == pytest.approx(100 / 82)


def test_it_agrees_with_the_textbook_interval_of_a_plain_share() -> None:
    low, high = wilson(0.15, 100, 1.96)
    assert (low, high) == pytest.approx((0.0931, 0.2328), abs=1e-4)


def test_it_lets_the_judged_frames_stand_for_the_others_of_their_stratum() -> None:
    strata = np.array([0, 0, 2, 2, 2])
    assert stratum_weights(strata, [100, 50, 30]).tolist() == [75.0, 75.0, 10.0, 10.0, 10.0]
    assert stratum_weights(np.array([1]), [100, 50]).tolist() == [150.0]
    assert len(stratum_weights(np.zeros(0, int), [100])) == 0
    with pytest.raises(ValueError, match="stratum"):
        stratum_weights(np.array([3]), [1, 1])


@pytest.mark.parametrize("frames", [100, 400])
def test_its_intervals_hold_the_truth_where_reviewing_the_worst_first_misses(frames: int) -> None:
    """500 simulated data sets of 24 recordings, 15 % of them OUT, unevenly; truth is that of 20 000 recordings."""

    def measure(of: coverage.Recordings, found: Audited) -> dict[str, tuple[float, float]]:
        naive = {f"{name} naive": each for name, each in coverage.worst_first(of, frames).items()}
        return naive | {name: (each.low, each.high) for name, each in coverage.rates(found).items()}

    held = coverage.coverage(videos=24, frames=frames, prevalence=0.15, measure=measure, runs=500)
    assert held["tpr"][0] >= 0.92 and held["fpr"][0] >= 0.92, held
    assert held["tpr naive"][0] < 0.1 and held["fpr naive"][0] < 0.1, held


def test_it_estimates_the_rates_without_bias() -> None:
    """Averaged over draws from one population; sampling error of the mean of 300 draws is below .01."""
    rng = np.random.default_rng(5)
    of = coverage.recordings(rng, 24, 0.15)
    found = [{n: e.value for n, e in coverage.rates(coverage.audited(rng, of, 200)).items()} for _ in range(300)]
    assert np.mean([each["tpr"] for each in found]) == pytest.approx(of.accepted(out=False), abs=0.01)
    assert np.mean([each["fpr"] for each in found]) == pytest.approx(of.accepted(out=True), abs=0.02)


# Two versions


def test_it_finds_a_gain_that_both_intervals_alone_would_hide() -> None:
    old = made(n=300, videos=10)
    better = np.where(old.is_out, old.scores + 0.4, old.scores) + np.random.default_rng(1).normal(0, 0.05, 300)
    gain = gains(Versions(old, better, (1.0, 1.0)))
    before, after = (estimates(each, 1.0)["auroc"] for each in (old, old.by(better)))
    assert gain["auroc"].low > 0 and before.high > after.low, "the intervals overlap, the difference is sure"
    assert gain["auroc"].value == pytest.approx(after.value - before.value)
    assert gain["fpr"].high < 0
    back = gains(Versions(old.by(better), old.scores, (1.0, 1.0)))["auroc"]
    assert (back.low, back.high) == pytest.approx((-gain["auroc"].high, -gain["auroc"].low))


def test_it_asks_for_more_when_more_confidence_is_wanted() -> None:
    pair = Versions(made(), made().scores * np.random.default_rng(2).uniform(0.8, 1.2, 400), (1.0, 1.0))
    wide, narrow = (gains(pair, confidence=level)["auroc"] for level in (0.99, 0.8))
    assert wide.low < narrow.low <= narrow.value <= narrow.high < wide.high


def test_it_knows_nothing_of_other_videos_from_one() -> None:
    old = made(videos=1)
    assert gains(Versions(old, old.scores + old.is_out, (1.0, 1.0)))["auroc"].low < 0


def test_its_differences_hold_the_truth() -> None:
    """Two versions of equal worth on average: 95 % intervals of the difference hold 0 in at least 92 % of 400 draws."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        of = coverage.recordings(rng, 24, 0.15)
        found = coverage.audited(rng, of, 150)
        shifts = rng.normal(0, 0.4, 24)[found.videos] * found.is_out
        gain = gains(Versions(found, found.scores + shifts, (1.5, 1.5)))["auroc"]
        worth = 0.0  # a symmetric shift of whole recordings
        held += gain.low <= worth <= gain.high
    assert held >= 0.92 * 400


# Curves


def test_its_curves_end_where_they_should_and_pass_the_rates() -> None:
    found = made()
    rates = estimates(found, 1.0)
    points = audit_curves.roc(found)
    assert points[0] == (0.0, 0.0) and points[-1] == pytest.approx((1.0, 1.0))
    assert any(point == pytest.approx((rates["fpr"].value, rates["tpr"].value)) for point in points)
    recalls = [recall for recall, _ in audit_curves.precision_recall(found)]
    assert recalls == sorted(recalls) and recalls[-1] == pytest.approx(1.0)
    expected = (1 - rates["fpr"].value, rates["precision"].value)
    assert any(point == pytest.approx(expected) for point in audit_curves.precision_recall(found))
    assert audit_curves.precision_recall(found)[-1][1] == pytest.approx(rates["prevalence"].value)
    assert audit_curves.roc(found.only(found.is_out)) == []


def test_its_histogram_counts_the_population_by_kind() -> None:
    found = made()
    kinds = np.where(found.is_out, "advertisement", "in")
    edges, counts = audit_curves.histogram(found, kinds)
    assert len(edges) == 41 and set(counts) == {"advertisement", "in"}
    assert sum(map(sum, counts.values())) == pytest.approx(found.weights.sum())
