from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.metrics import auroc, auroc_interval, average_precision, fpr_at_tpr

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


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


def test_it_gives_an_interval_around_the_figure() -> None:
    rng = np.random.default_rng(0)
    inside = [rng.normal(mean, 1, 60) for mean in rng.normal(0, 1, 8)]
    outside = [rng.normal(mean, 1, 60) for mean in rng.normal(1.5, 1, 8)]
    low, high = auroc_interval(inside, outside)
    assert low < auroc(np.concatenate(inside), np.concatenate(outside)) < high
    assert auroc_interval(inside, outside) == (low, high)


def test_it_is_less_sure_when_frames_come_from_few_videos() -> None:
    rng = np.random.default_rng(1)
    inside, outside = ([rng.normal(mean, 0.1, 20) for mean in rng.normal(c, 1, 10)] for c in (0, 1))
    by_video = auroc_interval(inside, outside)
    frames = [[np.array([value]) for value in np.concatenate(side)] for side in (inside, outside)]
    by_frame = auroc_interval(*frames)
    assert by_video[1] - by_video[0] > 2 * (by_frame[1] - by_frame[0])


def test_it_is_exactly_the_auroc_of_each_resample() -> None:
    inside, outside = [[1.0, 3.0], [2.0]], [[2.0, 4.0], [0.0]]
    possible = {
        round(auroc(np.concatenate([inside[i], inside[j]]), np.concatenate([outside[k], outside[m]])), 9)
        for i in (0, 1) for j in (0, 1) for k in (0, 1) for m in (0, 1)
    }  # fmt: skip
    low, high = auroc_interval(inside, outside)
    assert min(possible) <= low <= high <= max(possible)


def test_it_cuts_a_lone_source_into_blocks() -> None:
    rng = np.random.default_rng(2)
    low, high = auroc_interval([rng.normal(0, 1, 200)], [rng.normal(0.5, 1, 200)])
    assert 0.5 < low < high < 0.8


@pytest.mark.parametrize(
    ("inside", "outside"), [([], [1.0]), ([1.0], []), ([float("nan")], [1.0]), ([1.0], [float("inf")])]
)
def test_it_refuses_scores_it_cannot_use(inside: list[float], outside: list[float]) -> None:
    for measure in (auroc, average_precision, fpr_at_tpr):
        with pytest.raises(ValueError, match=r"needed|finite"):
            measure(inside, outside)
    with pytest.raises(ValueError, match=r"needed|finite"):
        auroc_interval([inside], [outside])
