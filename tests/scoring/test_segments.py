from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.segments import (
    CHANGE_RATE,
    TOGETHER,
    Segment,
    runs,
    segments,
    smooth,
    spans,
    telling_shots,
    z_scores,
)
from scoring.threshold import quantiles

HELD_OUT = quantiles([np.random.default_rng(0).lognormal(3.0, 0.4, 1000)])
THRESHOLD = float(np.interp(0.95, np.linspace(0, 1, 513), HELD_OUT))

z_lists = st.lists(st.floats(-4, 8), min_size=1, max_size=9)
steps = st.lists(st.floats(0.5, 9), min_size=9, max_size=9)
shots = st.lists(st.booleans(), min_size=9, max_size=9)


def posterior_by_states(z: list[float], times: NDArray[np.float64], cuts: list[bool]) -> list[float]:
    """P(outlying) by summing over every path of states."""
    total, out = 0.0, np.zeros(len(z))
    for path in range(2 ** len(z)):
        states = [(path >> i) & 1 for i in range(len(z))]
        chance = 1.0
        for i, state in enumerate(states):
            chance *= np.exp(np.clip(1.5 * (z[i] - 1.64), -6, 6)) if state else 1.0
            if i:
                stay = 0.5 if cuts[i] else (1 + np.exp(-2 * CHANGE_RATE * (times[i] - times[i - 1]))) / 2
                chance *= stay if state == states[i - 1] else 1 - stay
        total, out = total + chance, out + chance * np.array(states)
    return list(out / total)


@settings(deadline=None, max_examples=25)
@given(z_lists, steps, shots)
def test_it_is_the_posterior_of_the_two_state_chain(z: list[float], gaps: list[float], cuts: list[bool]) -> None:
    times = np.cumsum(gaps)[: len(z)]
    expected = posterior_by_states(z, times, cuts[: len(z)])
    assert smooth(z, times, cuts[: len(z)]) == pytest.approx(expected, abs=1e-9)


def test_it_stays_with_nine_in_ten_over_half_a_second() -> None:
    assert (1 + np.exp(-2 * CHANGE_RATE * 0.5)) / 2 == pytest.approx(0.9)
    alone = smooth([1.64 + 4.0, 1.64], [0.0, 0.5])  # the second frame says nothing itself
    assert alone[1] == pytest.approx(0.9, abs=0.002)


@settings(deadline=None, max_examples=25)
@given(z_lists, steps)
def test_it_is_the_same_forwards_and_backwards(z: list[float], gaps: list[float]) -> None:
    times = np.cumsum(gaps)[: len(z)]
    assert smooth(z[::-1], times[-1] - times[::-1])[::-1] == pytest.approx(smooth(z, times), abs=1e-9)


def test_it_removes_flicker_and_keeps_what_lasts() -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(2000) // 50) % 2 == 1
    z = rng.normal(0, 1, 2000) + 2.2 * truth
    raw, smoothed = z > 1.64, smooth(z, np.arange(2000) * 0.5) > 0.5
    assert np.mean(smoothed == truth) > np.mean(raw == truth) + 0.1
    assert np.mean(smoothed[~truth]) < 0.01 < np.mean(raw[~truth])
    assert np.diff(smoothed).sum() < 0.3 * np.diff(raw).sum()


def test_it_smooths_over_the_same_time_however_densely_frames_are_sampled() -> None:
    at_middle = []
    for rate in (2, 10, 25):
        times = np.arange(0, 20, 1 / rate)
        z = np.where((times >= 9.5) & (times < 10.5), 2.6, 1.1)
        at_middle.append(smooth(z, times)[np.searchsorted(times, 10.0)])
    assert max(at_middle) - min(at_middle) < 0.12
    assert smooth([2.0] * 3, [0, 0.02, 0.04])[1] < smooth([2.0] * 3, [0, 0.5, 1.0])[1] < 0.95


def test_it_lets_distant_frames_alone() -> None:
    z = [0.0, 5.0, 0.0, 1.0]
    assert smooth(z, [0, 60, 120, 180]) == pytest.approx([smooth([value], [0.0])[0] for value in z], abs=1e-6)


def test_it_forgets_at_shots_gaps_and_second_recordings() -> None:
    z, times = [4.0] * 5 + [1.0] * 5, np.arange(10) * 0.5
    fresh = smooth(z[5:], times[5:])
    assert smooth(z, times)[5] > fresh[0] + 0.05
    for later, cut in (
        (times, np.arange(10) == 5),
        (np.where(np.arange(10) < 5, times, times + 60), None),
        (np.where(np.arange(10) < 5, times, times - 2.5), None),
    ):
        assert smooth(z, later, cut)[5:] == pytest.approx(fresh)


def test_it_takes_a_repeated_time_for_the_next_frame() -> None:
    z, times = [3.0, 1.0, 1.0, 3.0, 0.0], np.arange(5) * 1.0
    assert smooth(z, times - [0, 0, 1, 1, 1])[:3] == pytest.approx(smooth(z, times)[:3])
    assert smooth(z, [7.0] * 5) == pytest.approx(smooth(z, np.arange(5) * 0.5))
    jitter = smooth(z, [0, 1, 0.9, 1.9, 2.9])
    assert np.isfinite(jitter).all() and jitter[1] != smooth(z[:2], times[:2])[1]


def test_it_puts_the_threshold_at_one_point_six_four() -> None:
    z = z_scores([THRESHOLD, np.median(HELD_OUT), 2 * THRESHOLD], THRESHOLD, HELD_OUT)
    assert z[:2] == pytest.approx([1.64, 0.0], abs=1e-6)
    assert z[2] > 3
    moved = z_scores([THRESHOLD * 1.3], THRESHOLD * 1.3, HELD_OUT)
    assert moved == pytest.approx([1.64])


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_it_gives_the_same_segments_in_any_unit(factor: float, offset: float) -> None:
    scores = np.random.default_rng(1).lognormal(3.2, 0.6, 60)
    times = np.arange(60) * 0.5
    plain = segments(scores, times, THRESHOLD, HELD_OUT)
    other = segments(factor * scores + offset, times, factor * THRESHOLD + offset, factor * HELD_OUT + offset)
    assert [(s.first, s.last, s.is_outlier) for s in other] == [(s.first, s.last, s.is_outlier) for s in plain]


def test_it_stays_finite_when_held_out_scores_are_all_alike() -> None:
    assert np.isfinite(z_scores([0.0, 1.0, 2.0], 1.0, [1.0] * 513)).all()
    found = segments([0.0, 0.0, 2.0, 2.0], [0, 1, 2, 3], 1.0, [1.0])
    assert [(s.first, s.last, s.is_outlier) for s in found] == [(0, 1, False), (2, 3, True)]


def test_it_describes_each_segment() -> None:
    low, high = float(np.median(HELD_OUT)), 3 * THRESHOLD
    scores = [low, low, high, high + 1, high, low, low]
    found = segments(scores, [0, 1, 2, 3, 4, 5, 6], THRESHOLD, HELD_OUT)
    assert [(s.first, s.last, s.start_s, s.end_s, s.is_outlier, s.worst) for s in found] == [
        (0, 1, 0, 2, False, 0),
        (2, 4, 2, 5, True, 3),
        (5, 6, 5, 7, False, 5),
    ]
    assert found[1].mean == pytest.approx(high + 1 / 3)


def test_it_cuts_at_shots_and_where_time_breaks_off() -> None:
    sides = [True] * 8
    times = [0, 1, 2, 3, 60, 61, 0, 1]
    found = runs(range(8), times, sides, [False, False, True, False, False, False, False, False])
    assert [(s.first, s.last, s.start_s, s.end_s) for s in found] == [
        (0, 1, 0, 2),
        (2, 3, 2, 4),
        (4, 5, 60, 62),
        (6, 7, 0, 2),
    ]


def test_it_does_not_cut_a_sparsely_sampled_video_to_pieces() -> None:
    assert len(runs([1.0] * 6, np.arange(6) * 30.0, [False] * 6)) == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-2, 100), st.booleans()), min_size=1, max_size=30))
def test_it_puts_every_frame_in_one_segment(frames: list[tuple[float, float, bool]]) -> None:
    scores, times, cuts = map(list, zip(*frames, strict=True))
    found = segments(scores, times, THRESHOLD, HELD_OUT, cuts)
    assert [found[0].first, found[-1].last] == [0, len(frames) - 1]
    assert all(b.first == a.last + 1 for a, b in pairwise(found))
    longest = max(segment.last - segment.first + 1 for segment in found)
    assert {i for i, cut in enumerate(cuts) if cut} <= {segment.first for segment in found} or longest <= TOGETHER
    for segment in found:
        inside = slice(segment.first, segment.last + 1)
        assert segment.start_s == times[segment.first] and segment.end_s >= max(times[inside])
        assert scores[segment.worst] == max(scores[inside]) and segment.first <= segment.worst <= segment.last
        assert segment.mean == pytest.approx(np.mean(scores[inside]))


def test_it_handles_no_frame_and_one_frame() -> None:
    assert segments([], [], THRESHOLD, HELD_OUT) == []
    assert smooth([], []).shape == (0,)
    assert segments([1.0], [3.0], THRESHOLD, HELD_OUT) == [Segment(0, 0, 3.0, 3.5, False, 1.0, 0)]


def test_it_refuses_what_it_cannot_use() -> None:
    with pytest.raises(ValueError, match="score is not finite"):
        smooth([float("nan")], [0.0])
    with pytest.raises(ValueError, match="time is not finite"):
        smooth([1.0], [float("inf")])
    with pytest.raises(ValueError, match="2 scores can't belong to 1 frames"):
        smooth([1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match="1 shots"):
        smooth([1.0, 2.0], [0.0, 1.0], [True])
    with pytest.raises(ValueError, match="1 sides"):
        runs([1.0, 2.0], [0.0, 1.0], [True])
    with pytest.raises(ValueError, match="need a threshold"):
        segments([1.0], [0.0], THRESHOLD, [])


def test_it_lets_shots_go_together_where_the_score_is_sure() -> None:
    shots = np.arange(40) % 10 == 0
    sure, unsure = np.full(40, 0.99), np.full(40, 0.6)
    assert np.flatnonzero(telling_shots(sure, shots)).tolist() == [0]
    assert np.flatnonzero(telling_shots(1 - sure, shots)).tolist() == [0]
    assert np.flatnonzero(telling_shots(unsure, shots)).tolist() == [0, 10, 20, 30]
    mixed = np.where(np.arange(40) // 10 == 2, 0.6, 0.99)
    assert np.flatnonzero(telling_shots(mixed, shots)).tolist() == [0, 20, 30]


def test_it_lets_no_more_frames_go_together_than_one_look_can_judge() -> None:
    shots = np.arange(200) % 25 == 0
    assert np.flatnonzero(telling_shots(np.ones(200), shots)).tolist() == [0, 50, 100, 150]
    long = np.isin(np.arange(200), [0, 150])
    assert np.flatnonzero(telling_shots(np.ones(200), long)).tolist() == [0, 150]


def test_it_describes_segments_whose_borders_people_drew() -> None:
    sides = [False, True, True, False, True, True]
    found = spans([1.0, 2.0, 3.0, 4.0, 9.0, 6.0], [0, 1, 2, 60, 61, 62], sides, [0, 2])
    assert found == [Segment(0, 1, 0.0, 2.0, False, 1.5, 1), Segment(2, 5, 2.0, 63.0, True, 5.5, 4)]
    for firsts in ([], [1], [0, 0], [0, 6]):
        with pytest.raises(ValueError, match="begin at the first frame"):
            spans([1.0] * 6, range(6), sides, firsts)
