"""Presentation times as they are, repaired where they are missing, and how much video went by."""

import math
from fractions import Fraction

from scoring.media import Declared

DEFAULT_PICTURE_S = 1 / 25
MAX_PICTURE_S = 10.0


class Timeline:
    """Feed it each decoded picture in presentation order, or, for a decoder that skips most, each packet."""

    def __init__(self, declared: Declared) -> None:
        self.duration_s = 0.0
        self.picture_s = min(1 / declared.fps, MAX_PICTURE_S) if declared.fps else DEFAULT_PICTURE_S
        self._start_s = declared.start_s
        self._previous_s: float | None = None

    def time_of(self, pts: int | None, time_base: Fraction | None) -> float:
        """Seconds from the start of the file, as a player counts them. A missing one follows the one before."""
        time_s = self._presented_s(pts, time_base)
        if time_s is None:
            time_s = 0.0 if self._previous_s is None else self._previous_s + self.picture_s
        return time_s

    def advance(self, time_s: float) -> None:
        """Counts the picture at `time_s` into the duration."""
        gone_s = 0.0 if self._previous_s is None else time_s - self._previous_s
        # Repeated or gone back: a second recording in the same file, or a sloppy muxer. It's a picture all the same.
        self.duration_s += gone_s if gone_s > 0 else self.picture_s
        self._previous_s = time_s

    def reach(self, pts: int | None, time_base: Fraction | None) -> None:
        """Counts a packet, decoded or not, into the duration."""
        time_s = self._presented_s(pts, time_base)
        if time_s is not None:
            self.duration_s = max(self.duration_s, time_s + self.picture_s)

    def _presented_s(self, pts: int | None, time_base: Fraction | None) -> float | None:
        if pts is None or not time_base:
            return None
        seconds = float(pts * time_base)
        if self._start_s is None:
            self._start_s = seconds
        seconds -= self._start_s
        return seconds if math.isfinite(seconds) else None
