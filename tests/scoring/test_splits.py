from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.splits import heldout_mask, split_by_video, tail_start

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
