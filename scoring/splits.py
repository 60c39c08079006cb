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
