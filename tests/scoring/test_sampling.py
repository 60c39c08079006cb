"""Which frames are kept."""

from __future__ import annotations

import pytest

from scoring.sampling import Mode, Sampling, sampler_for


def kept(sampling: Sampling, times_s: list[float], keyframes: set[int] | None = None) -> list[int]:
    sampler = sampler_for(sampling)
    return [n for n, t in enumerate(times_s) if sampler.wants(t, keyframe=n in (keyframes or set()))]


def every(seconds: float, fps: float, start_s: float = 0.0) -> list[float]:
    return [start_s + n / fps for n in range(round(seconds * fps))]


def test_it_keeps_the_first_frame_at_or_after_each_second() -> None:
    assert kept(Sampling(), every(3, 10)) == [0, 10, 20]
    assert kept(Sampling("seconds", 1.0), [0.0, 0.4, 0.8, 1.2, 1.6, 2.0]) == [0, 3, 5]


def test_it_counts_from_the_first_frame() -> None:
    assert kept(Sampling(), every(3, 10, start_s=1.4)) == [0, 10, 20]
    assert kept(Sampling(), every(3, 10, start_s=-5.0)) == [0, 10, 20]


def test_it_keeps_one_frame_of_a_video_shorter_than_a_step() -> None:
    assert kept(Sampling("seconds", 10.0), every(1, 10)) == [0]


def test_it_keeps_every_frame_that_is_rarer_than_the_grid() -> None:
    assert kept(Sampling("seconds", 0.1), [0.0, 1.0, 2.5]) == [0, 1, 2]


def test_it_gives_one_frame_for_a_gap_and_stays_on_the_grid() -> None:
    times = [0.0, 0.5, 1.0, 3600.4, 3600.7, 3601.0, 3601.5]
    assert kept(Sampling(), times) == [0, 2, 3, 5]


def test_it_starts_a_new_grid_when_time_jumps_back() -> None:
    assert kept(Sampling(), every(2, 10) + every(2, 10)) == [0, 10, 20, 30]
    assert kept(Sampling("seconds", 5.0), every(2, 10) + every(2, 10)) == [0, 20]


def test_it_takes_a_little_jitter_for_jitter() -> None:
    assert kept(Sampling(), [0.0, 0.5, 1.0, 0.96, 1.04, 1.0, 1.5, 2.0]) == [0, 2, 7]


def test_it_forgives_times_rounded_to_milliseconds() -> None:
    times = [int(1000 * n / 30) / 1000 for n in range(90)]
    assert kept(Sampling("seconds", 1 / 30), times) == list(range(90))
    assert len(kept(Sampling("seconds", 0.1), times)) == 30


def test_it_keeps_every_nth_whatever_the_times() -> None:
    assert kept(Sampling("nth", 4), [0.0] * 10) == [0, 4, 8]


def test_it_keeps_key_frames_and_at_least_the_first() -> None:
    assert kept(Sampling("keyframes"), every(1, 10), {0, 5}) == [0, 5]
    assert kept(Sampling("keyframes"), every(1, 10)) == [0]


@pytest.mark.parametrize(
    ("mode", "step", "word"),
    [
        ("seconds", 0.0, "between"),
        ("seconds", -1.0, "between"),
        ("seconds", float("nan"), "between"),
        ("seconds", 1e9, "between"),
        ("nth", 0, "whole number"),
        ("nth", 2.5, "whole number"),
        ("nth", float("inf"), "whole number"),
        ("shots", 1.0, "one of"),
    ],
)
def test_it_refuses_what_makes_no_sense(mode: Mode, step: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Sampling(mode, step)
