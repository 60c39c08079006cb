"""Which frames are held out: whole videos, because neighbouring frames are near copies of each other. Pure."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Video = TypeVar("Video", bound=Hashable)


def split_by_video(frames_per_video: Mapping[Video, int], fraction: float = 0.2, seed: int = 0) -> set[Video]:
    """The videos to hold out: about `fraction` of the frames, at least one video and never all. Empty when there is
    only one video with frames (see `tail_start`). The order of the mapping does not matter."""
    sizes = {video: count for video, count in frames_per_video.items() if count > 0}
    if len(sizes) < 2:
        return set()
    order = sorted(sizes, key=str)
    random.Random(seed).shuffle(order)  # noqa: S311  (a reproducible draw, no secret)
    target, held, total = fraction * sum(sizes.values()), set[Video](), 0
    for video in order[:-1]:
        if abs(total + sizes[video] - target) < abs(total - target):
            held.add(video)
            total += sizes[video]
    return held or {min(order, key=lambda video: sizes[video])}


def folds_by_video(frames_per_video: Mapping[Video, int], k: int, seed: int = 0) -> list[set[Video]]:
    """Videos in `k` folds of about as many frames each, or in a fold each when there are no more than `k`. No fold is
    empty, and two folds differ by no more frames than the longest video has. Fewer than two videos with frames make no
    folds. The order of the mapping does not matter. Raises ValueError for `k` below 2."""
    if k < 2:
        raise ValueError(f"At least two folds are needed, not {k}.")
    sizes = {video: count for video, count in frames_per_video.items() if count > 0}
    if len(sizes) < 2:
        return []
    folds: list[set[Video]] = [set() for _ in range(min(k, len(sizes)))]
    totals = [0] * len(folds)
    for video in _roughly_longest_first(sizes, seed):
        lightest = totals.index(min(totals))
        folds[lightest].add(video)
        totals[lightest] += sizes[video]
    return folds


def _roughly_longest_first(sizes: Mapping[Video, int], seed: int) -> list[Video]:
    """Longest first balances best (R. L. Graham, Bounds on Multiprocessing Timing Anomalies, 1969); a little disorder
    lets the folds vary with the seed even when no two videos are equally long."""
    draw = random.Random(seed)  # noqa: S311  (a reproducible draw, no secret)
    rough = {video: sizes[video] * draw.uniform(0.7, 1.4) for video in sorted(sizes, key=str)}
    return sorted(rough, key=lambda video: -rough[video])


def tail_start(frames: int, fraction: float = 0.2) -> int:
    """With a single video its last frames are held out, from this position on; at least one when there are two."""
    return frames - max(min(1, frames - 1), round(frames * fraction))


def heldout_mask(video_of_frame: Sequence[Video], fraction: float = 0.2, seed: int = 0) -> NDArray[np.bool_]:
    """For each frame, in order, whether it is held out, (N,). Frames of one video are in the order of time."""
    counts: dict[Video, int] = {}
    for video in video_of_frame:
        counts[video] = counts.get(video, 0) + 1
    held = split_by_video(counts, fraction, seed)
    if len(counts) == 1:
        return np.arange(len(video_of_frame)) >= tail_start(len(video_of_frame), fraction)
    return np.fromiter((video in held for video in video_of_frame), np.bool_, len(video_of_frame))


def group_by_video(values: NDArray[np.float64], video_of_frame: Sequence[Video]) -> list[NDArray[np.float64]]:
    """The values, (N,), of each video apart, in the order in which videos and frames first come. Raises ValueError when
    there are not as many videos named as values."""
    places: dict[Video, list[int]] = {}
    for index, video in enumerate(video_of_frame):
        places.setdefault(video, []).append(index)
    if len(values) != len(video_of_frame):
        raise ValueError(f"{len(values)} values can't belong to {len(video_of_frame)} frames.")
    return [values[indices] for indices in places.values()]
