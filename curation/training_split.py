"""Which videos measure a run instead of training it. Pure; whole videos, because neighbouring frames look alike."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_OUT_HELD = 1 / 3  # of all OUT frames: they are few, and most are needed to learn from
MOST_OF_A_REASON_HELD = 1 / 2
FEWEST_OUT_LEARNED = 5


@dataclass
class Videos:
    """What each video brings: frames in distribution, and OUT frames by reason. whole: videos that are in distribution
    as they are; of the others come only frames with verdict IN, and people are asked about the hardest ones."""

    inside: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    out: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    whole: set[int] = field(default_factory=set)

    def add(self, video: int, inside: int, reasons: Iterable[str], *, is_whole: bool = False) -> None:
        if inside:
            self.inside[video] += inside
            self.whole |= {video} if is_whole else set()
        counted = Counter(reasons)
        if counted:
            self.out[video].update(counted)

    def largest(self) -> int | None:
        """The video with the most frames in distribution."""
        return max(self.inside, key=lambda video: (self.inside[video], -video), default=None)

    def can_spare(self, held: set[int]) -> bool:
        """Whether enough of every reason for OUT is left to learn from without these videos."""
        everything: Counter[str] = sum(self.out.values(), Counter())
        kept_back: Counter[str] = sum((self.out[video] for video in held if video in self.out), Counter())
        if not kept_back:
            return True
        left = everything.total() - kept_back.total()
        return (
            left >= FEWEST_OUT_LEARNED
            and kept_back.total() <= everything.total() * MOST_OUT_HELD
            and all(count <= everything[reason] * MOST_OF_A_REASON_HELD for reason, count in kept_back.items())
        )


def choose_heldout(videos: Videos, *, fraction: float, seed: int, seen: set[int]) -> set[int]:
    """The videos to hold out: about `fraction` of the frames in distribution, and as much of the OUT frames as can be
    spared. At least one video with frames in distribution, while another is left to train on; none in `seen` (an
    earlier training learned from them) unless there are no others, and whole ones before others: a threshold measured
    on the hardest frames would let too much pass."""
    inside = set(videos.inside)
    whole = videos.whole if len(videos.whole) > 1 else inside
    choices = (whole - seen, inside - seen, whole, inside)
    held = next(filter(None, (_with_inside(videos, fraction, seed, choice, whole) for choice in choices)), set[int]())
    target = fraction * sum(counts.total() for counts in videos.out.values())
    for video in _shuffled(set(videos.out) - whole - held - seen, seed):
        now = sum(videos.out[each].total() for each in held if each in videos.out)
        is_nearer = abs(now + videos.out[video].total() - target) < abs(now - target)
        if is_nearer and videos.can_spare(held | {video}):
            held.add(video)
    return held


def _with_inside(videos: Videos, fraction: float, seed: int, choice: set[int], needed: set[int]) -> set[int]:
    """Videos of the choice, in a drawn order, while they bring the frames in distribution nearer to the share wanted;
    at least one, and one of those `needed` to train on is left."""
    sizes = videos.inside
    candidates = _shuffled(choice, seed)
    if len(needed) < 2:
        return set()
    one_is_left = -1 if needed <= choice else None
    target, held, total = fraction * sum(sizes.values()), set[int](), 0
    for video in candidates[:one_is_left]:
        if abs(total + sizes[video] - target) < abs(total - target) and videos.can_spare(held | {video}):
            held.add(video)
            total += sizes[video]
    spared = [video for video in candidates if videos.can_spare({video})]
    return held or set(sorted(spared, key=lambda video: sizes[video])[:1])


def _shuffled(videos: set[int], seed: int) -> list[int]:
    order = sorted(videos, key=str)
    random.Random(seed).shuffle(order)  # noqa: S311  (a reproducible draw, no secret)
    return order
