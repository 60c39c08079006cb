"""Which decoded frames are kept: one every so many seconds, every nth, or the key frames. Pure."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

Mode = Literal["seconds", "nth", "keyframes"]
MODES: tuple[Mode, ...] = ("seconds", "nth", "keyframes")

MIN_STEP_S = 0.001
MAX_STEP_S = 24 * 3600.0
MAX_NTH = 1_000_000

# Containers round timestamps to 1 ms (Matroska, FLV), so a frame may seem to come that much before its grid point.
ROUNDING_S = 0.001

# Less than this backwards is jitter of a sloppy muxer; more is a second recording that follows in the same file.
JUMP_BACK_S = 0.5


@dataclass(frozen=True)
class Sampling:
    """How to sample a video.

    mode "seconds": the first frame at or after each multiple of `step` seconds, counted from the first frame.
    mode "nth": frames 0, n, 2n, ... in decode order, n = `step`.
    mode "keyframes": every key frame; `step` is ignored.

    Raises ValueError, worded for people, for a mode or a step that makes no sense.
    """

    mode: Mode = "seconds"
    step: float = 1.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"The sampling mode must be one of {', '.join(MODES)}, not {self.mode!r}.")
        if self.mode == "seconds" and not MIN_STEP_S <= self.step <= MAX_STEP_S:
            raise ValueError(f"The sampling step must lie between {MIN_STEP_S:g} and {MAX_STEP_S:g} seconds.")
        if self.mode == "nth" and not (1 <= self.step <= MAX_NTH and float(self.step).is_integer()):
            raise ValueError(f"Every nth frame: n must be a whole number between 1 and {MAX_NTH}.")


class Sampler(Protocol):
    """Asked once per decoded frame, in presentation order; says whether to keep it."""

    def wants(self, time_s: float, *, keyframe: bool) -> bool: ...


class SecondsSampler:
    """A grid of `step` seconds. A gap gives one frame and the grid goes on; a jump back starts a new grid."""

    def __init__(self, step_s: float) -> None:
        self._step = step_s
        self._slack = min(ROUNDING_S, step_s / 10)
        self._origin = 0.0
        self._previous = math.inf
        self._next = 0

    def wants(self, time_s: float, *, keyframe: bool) -> bool:
        if time_s < self._previous - JUMP_BACK_S:
            self._origin, self._next = time_s, 0
        self._previous = time_s
        since = time_s - self._origin + self._slack
        if since < self._next * self._step:
            return False
        self._next = math.floor(since / self._step) + 1
        return True


class NthSampler:
    """Frames 0, n, 2n, ... whatever their times."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._seen = 0

    def wants(self, time_s: float, *, keyframe: bool) -> bool:
        wanted = self._seen % self._n == 0
        self._seen += 1
        return wanted


class KeyframeSampler:
    """Key frames, and the very first frame even where its stream doesn't mark it, so that no video gives none."""

    def __init__(self) -> None:
        self._first = True

    def wants(self, time_s: float, *, keyframe: bool) -> bool:
        wanted = keyframe or self._first
        self._first = False
        return wanted


def sampler_for(sampling: Sampling) -> Sampler:
    """A fresh sampler (it holds state: one per video)."""
    if sampling.mode == "nth":
        return NthSampler(int(sampling.step))
    if sampling.mode == "keyframes":
        return KeyframeSampler()
    return SecondsSampler(sampling.step)
