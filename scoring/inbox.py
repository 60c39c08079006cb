"""Reads the child's messages with an eye on the clock and on the wish to stop."""

import fcntl
import os
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from scoring.errors import Stopped
from scoring.limits import MediaError, MediaLimits
from scoring.wire import Message, read_message

POLL_S = 0.2
PIPE_BYTES = 1024 * 1024


class ChildEnded(Exception):
    """The child's output ended in between."""


class Inbox:
    """The clock runs only in here: time that the caller spends on a frame is not the decoder's."""

    def __init__(self, descriptor: int, limits: MediaLimits, should_stop: Callable[[], bool]) -> None:
        self.decoded = 0
        self._descriptor = descriptor
        self._limits = limits
        self._should_stop = should_stop
        self._waited_s = 0.0
        self._silent_s = 0.0
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        if sys.platform == "linux":
            with suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def next(self) -> Message:
        """Raises Stopped, ChildEnded, WireError, or MediaError when the decoder takes too long."""
        self._silent_s = 0.0
        if self._should_stop():
            raise Stopped
        return read_message(self._exactly)

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _fill(self) -> None:
        before = time.monotonic()
        ready = self._poll.poll(POLL_S * 1000)
        self._watch(time.monotonic() - before)
        if ready:
            data = os.read(self._descriptor, PIPE_BYTES)
            if not data:
                raise ChildEnded
            self._buffer += data
        elif self._should_stop():
            raise Stopped

    def _watch(self, passed_s: float) -> None:
        self._waited_s += passed_s
        self._silent_s += passed_s
        allowed_s = self._limits.wall_base_s + self._limits.wall_per_1000_s * self.decoded / 1000
        if self._silent_s > self._limits.stall_s:
            raise MediaError(f"Decoding made no progress for {self._limits.stall_s:g} s and was stopped.")
        if self._waited_s > allowed_s:
            raise MediaError(f"Decoding {self.decoded} pictures took more than {allowed_s:.0f} s and was stopped.")
