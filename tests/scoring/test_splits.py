from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.splits import folds_by_video, group_by_video, heldout_mask, split_by_video, tail_start

counts = st.dictionaries(st.integers(0, 50), st.integers(1, 5000), min_size=2, max_size=20)


@settings(deadline=None, max_examples=50)
@given(counts, st.floats(0.05, 0.6), st.integers(0, 99))
def test_it_holds_out_some_videos_and_never_all(frames: dict[int, int], fraction: float, seed: int) -> None:
    held = split_by_video(frames, fraction, seed)
    assert 0 < len(held) < len(frames)
    assert held <= set(frames)


@settings(deadline=None, max_examples=50)
@given(counts, st.integers(0, 9))
def test_it_does_not_depend_on_the_order_of_the_videos(frames: dict[int, int], seed: int) -> None:
    assert split_by_video(frames, 0.2, seed) == split_by_video(dict(reversed(frames.items())), 0.2, seed)


def test_it_comes_near_the_fraction_and_varies_with_the_seed() -> None:
    frames = dict.fromkeys(range(20), 100)
    held = [split_by_video(frames, 0.2, seed) for seed in range(5)]
    assert {len(videos) for videos in held} == {4}
    assert len({frozenset(videos) for videos in held}) > 1


def test_it_leaves_most_frames_for_training_when_one_video_is_long() -> None:
    assert split_by_video({"long": 5000, "short": 40}, 0.2) == {"short"}


def test_it_holds_out_the_last_part_of_a_single_video() -> None:
    assert split_by_video({"only": 100, "empty": 0}) == set()
    assert tail_start(100, 0.2) == 80
    assert heldout_mask(["only"] * 10).tolist() == [False] * 8 + [True] * 2
    assert [tail_start(n, 0.2) for n in (0, 1, 2, 3)] == [0, 1, 1, 2]


def test_it_marks_frames_by_their_video() -> None:
    videos = ["a"] * 3 + ["b"] * 30 + ["c"] * 3
    held = split_by_video({"a": 3, "b": 30, "c": 3}, 0.2)
    assert heldout_mask(videos).tolist() == [video in held for video in videos]


@settings(deadline=None, max_examples=50)
@given(counts, st.integers(2, 12), st.integers(0, 99))
def test_it_puts_every_video_in_exactly_one_fold_of_about_equal_size(frames: dict[int, int], k: int, seed: int) -> None:
    folds = folds_by_video(frames, k, seed)
    assert len(folds) == min(k, len(frames))
    assert all(folds)
    assert sorted(video for fold in folds for video in fold) == sorted(frames)
    totals = [sum(frames[video] for video in fold) for fold in folds]
    assert max(totals) - min(totals) <= max(frames.values())
    assert folds_by_video(dict(reversed(frames.items())), k, seed) == folds


def test_it_leaves_one_video_out_at_a_time_when_there_are_few() -> None:
    assert sorted(map(sorted, folds_by_video({"a": 5, "b": 900, "c": 1}, 5))) == [["a"], ["b"], ["c"]]
    assert folds_by_video({"only": 5, "empty": 0}, 5) == []
    assert folds_by_video({}, 5) == []


def test_it_makes_other_folds_with_another_seed_even_of_videos_of_different_lengths() -> None:
    frames = {video: 100 + 7 * video for video in range(12)}
    made = [folds_by_video(frames, 4, seed) for seed in range(5)]
    assert len({frozenset(map(frozenset, folds)) for folds in made}) > 1
    totals = [[sum(frames[video] for video in fold) for fold in folds] for folds in made]
    assert max(max(t) / min(t) for t in totals) < 1.25


def test_it_refuses_a_single_fold() -> None:
    with pytest.raises(ValueError, match="two folds"):
        folds_by_video({"a": 1, "b": 1}, 1)


def test_it_puts_the_values_of_each_video_apart() -> None:
    values = np.arange(6.0)
    apart = group_by_video(values, ["b", "a", "b", "c", "a", "b"])
    assert [part.tolist() for part in apart] == [[0.0, 2.0, 5.0], [1.0, 4.0], [3.0]]
    assert group_by_video(values[:0], []) == []
    with pytest.raises(ValueError, match="6 values"):
        group_by_video(values, ["a"])
