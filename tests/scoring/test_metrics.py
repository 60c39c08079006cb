from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.metrics import auroc, average_precision, differences, estimates, fpr_at_tpr, rates_at

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)
sources = st.lists(scores, min_size=1, max_size=4)


def videos(seed: int, count: int, mean: float, spread: float, frames: int = 60) -> list[NDArray[np.float64]]:
    """Scores of videos that differ from each other with SD 1, and by `spread` within."""
    rng = np.random.default_rng(seed)
    return [rng.normal(middle, spread, frames) for middle in rng.normal(mean, 1.0 if count > 1 else 0.0, count)]


@settings(deadline=None, max_examples=50)
@given(scores, scores)
def test_it_counts_pairs(inside: list[float], outside: list[float]) -> None:
    pairs = [(o > i) + 0.5 * (o == i) for i in inside for o in outside]
    assert auroc(inside, outside) == pytest.approx(np.mean(pairs))


@settings(deadline=None, max_examples=50)
@given(scores, scores)
def test_it_walks_down_the_precision_recall_curve(inside: list[float], outside: list[float]) -> None:
    expected, recall = 0.0, 0.0
    for cut in sorted(set(outside + inside), reverse=True):
        hits, false = sum(o >= cut for o in outside), sum(i >= cut for i in inside)
        expected += (hits / len(outside) - recall) * hits / (hits + false)
        recall = hits / len(outside)
    assert average_precision(inside, outside) == pytest.approx(expected)


def test_it_gives_known_values() -> None:
    assert auroc([1, 2, 3], [4, 5]) == average_precision([1, 2, 3], [4, 5]) == 1.0
    assert auroc([4, 5], [1, 2, 3]) == 0.0
    assert average_precision([0.1, 0.4], [0.35, 0.8]) == pytest.approx(0.8333333)
    inside = np.arange(100.0)
    assert fpr_at_tpr(inside, [94.0, 94.5, 95.0, 200.0]) == 0.25
    assert fpr_at_tpr(inside, [1.0]) == 1.0
    assert fpr_at_tpr([1.0], [1.0, 2.0]) == 0.5


def test_it_counts_frames_on_the_threshold_as_accepted() -> None:
    assert rates_at([1.0, 2.0, 3.0, 4.0], [3.0, 5.0], 3.0) == (0.75, 0.5)
    assert rates_at([1.0], [2.0], 0.0) == (0.0, 0.0)


@settings(deadline=None, max_examples=50)
@given(scores, scores, st.permutations(range(30)))
def test_it_looks_at_the_order_of_scores_alone(inside: list[float], outside: list[float], order: list[int]) -> None:
    bent = [[float(np.exp(score / 3)) for score in side] for side in (inside, outside)]
    mixed = [[side[i] for i in order if i < len(side)] for side in (inside, outside)]
    for measure in (auroc, average_precision, fpr_at_tpr):
        assert measure(*bent) == pytest.approx(measure(inside, outside))
        assert measure(*mixed) == pytest.approx(measure(inside, outside))
    assert auroc(outside, inside) == pytest.approx(1 - auroc(inside, outside))


@settings(deadline=None, max_examples=50)
@given(sources, sources, st.sampled_from([0.07, 0.5, 0.95, 1.0]))
def test_it_estimates_the_same_figures_as_scikit_learn(
    inside: list[list[float]], outside: list[list[float]], tpr: float
) -> None:
    found = estimates(inside, outside, target_tpr=tpr, threshold=1.0, resamples=20)
    ins, outs = np.concatenate(inside), np.concatenate(outside)
    assert found["auroc"].value == pytest.approx(auroc(ins, outs))
    assert found["average_precision"].value == pytest.approx(average_precision(ins, outs))
    assert found["fpr_at_tpr"].value == pytest.approx(fpr_at_tpr(ins, outs, tpr))
    assert (found["tpr"].value, found["fpr"].value) == pytest.approx(rates_at(ins, outs, 1.0))
    assert all(0 <= figure.low <= figure.value <= figure.high <= 1 for figure in found.values())


@pytest.mark.parametrize("chunk", [1, 1_000_000])
def test_it_draws_whole_sources_and_nothing_else(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.metrics.CHUNK", chunk)
    inside, outside = [[1.0, 3.0], [2.0]], [[2.0, 4.0, 2.0], [0.0]]
    pairs = [(0, 0), (0, 1), (1, 1)]
    drawn = [
        (np.concatenate([inside[i] for i in ins]), np.concatenate([outside[k] for k in outs]))
        for ins in pairs
        for outs in pairs
    ]
    found = estimates(inside, outside, threshold=2.0)
    measures = {"auroc": auroc, "average_precision": average_precision, "fpr_at_tpr": fpr_at_tpr}
    for name, measure in measures.items():
        possible = [measure(*sides) for sides in drawn]
        assert (found[name].low, found[name].high) == pytest.approx((min(possible), max(possible))), name
    rates = np.array([rates_at(*sides, 2.0) for sides in drawn])
    assert (found["tpr"].low, found["tpr"].high) == pytest.approx((rates[:, 0].min(), rates[:, 0].max()))
    assert (found["fpr"].low, found["fpr"].high) == pytest.approx((rates[:, 1].min(), rates[:, 1].max()))


def test_it_gives_an_interval_around_each_figure() -> None:
    inside, outside = videos(0, 8, 0.0, 1.0), videos(1, 8, 1.5, 1.0)
    found = estimates(inside, outside, threshold=1.6)
    assert set(found) == {"auroc", "average_precision", "fpr_at_tpr", "tpr", "fpr"}
    assert all(figure.low < figure.value < figure.high and not figure.few_sources for figure in found.values())
    assert estimates(inside, outside, threshold=1.6) == found
    assert "tpr" not in estimates(inside, outside)


def test_it_is_less_sure_when_frames_come_from_few_videos() -> None:
    inside, outside = videos(0, 10, 0.0, 0.1), videos(1, 10, 1.0, 0.1)
    by_video = estimates(inside, outside)
    by_frame = estimates(*([[value] for value in np.concatenate(side)] for side in (inside, outside)))
    for name, figure in by_video.items():
        assert figure.high - figure.low > 2 * (by_frame[name].high - by_frame[name].low), name


def test_it_cuts_a_lone_source_into_blocks() -> None:
    inside, outside = videos(0, 1, 0.0, 1.0, frames=200), videos(1, 1, 0.8, 1.0, frames=200)
    found = estimates([*inside, []], outside)["auroc"]
    assert found.low < found.value < found.high
    alone = estimates([[1.0]], [[2.0]])["auroc"]
    assert (alone.low, alone.value, alone.high) == (1.0, 1.0, 1.0)


def test_it_says_when_there_are_fewer_than_five_sources() -> None:
    five, four = videos(0, 5, 0.0, 1.0), videos(1, 4, 1.0, 1.0)
    assert estimates(five, four)["auroc"].few_sources and estimates(four, five)["auroc"].few_sources
    assert not estimates(five, five)["auroc"].few_sources
    assert differences((five, four), (five, four))["auroc"].few_sources


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    truth, held = 0.5 * (1 + math.erf(1.5 / 2)), 0
    rng = np.random.default_rng(0)
    for _ in range(60):
        inside, outside = ([rng.normal(m, 0.8, 20) for m in rng.normal(mean, 0.6, 6)] for mean in (0.0, 1.5))
        figure = estimates(inside, outside, resamples=300)["auroc"]
        held += figure.low <= truth <= figure.high
    assert held >= 54


def test_it_sees_a_small_gain_that_separate_intervals_would_hide() -> None:
    inside, outside = videos(0, 8, 0.0, 1.0), videos(1, 8, 1.0, 1.0)
    better = [scores + 0.2 for scores in outside]
    old, new = estimates(inside, outside)["auroc"], estimates(inside, better)["auroc"]
    gain = differences((inside, better), (inside, outside))["auroc"]
    assert old.high > new.low
    assert gain.value == pytest.approx(new.value - old.value)
    assert 0 < gain.low < gain.value < gain.high < 0.2


def test_it_gains_nothing_on_itself_whatever_its_unit() -> None:
    inside, outside = videos(0, 6, 0.0, 1.0), videos(1, 6, 1.0, 1.0)
    scaled = [[7 * scores - 3 for scores in side] for side in (inside, outside)]
    for figure in differences((scaled[0], scaled[1]), (inside, outside)).values():
        assert (figure.value, figure.low, figure.high) == (0.0, 0.0, 0.0)


def test_it_compares_scores_of_the_same_frames_only() -> None:
    with pytest.raises(ValueError, match="same frames"):
        differences(([[1.0, 2.0]], [[3.0]]), ([[1.0]], [[3.0]]))


def test_it_loads_scikit_learn_only_for_single_figures() -> None:
    code = (
        "import sys; from scoring.metrics import auroc, estimates; estimates([[1.0]], [[2.0]]);"
        "before = 'sklearn' in sys.modules; auroc([1.0], [2.0]); print(before, 'sklearn' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False True"


@pytest.mark.parametrize(
    ("inside", "outside"), [([], [1.0]), ([1.0], []), ([float("nan")], [1.0]), ([1.0], [float("inf")])]
)
def test_it_refuses_scores_it_cannot_use(inside: list[float], outside: list[float]) -> None:
    for measure in (auroc, average_precision, fpr_at_tpr):
        with pytest.raises(ValueError, match=r"needed|finite"):
            measure(inside, outside)
    with pytest.raises(ValueError, match=r"needed|finite"):
        rates_at(inside, outside, 0.5)
    with pytest.raises(ValueError, match=r"needed|finite"):
        estimates([inside], [outside])


@pytest.mark.parametrize("tpr", [0.0, 1.5, float("nan")])
def test_it_refuses_a_rate_outside_its_range(tpr: float) -> None:
    with pytest.raises(ValueError, match="true positive rate"):
        fpr_at_tpr([1.0], [2.0], tpr)
    with pytest.raises(ValueError, match="true positive rate"):
        estimates([[1.0]], [[2.0]], target_tpr=tpr)
