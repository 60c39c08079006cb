"""No part outlives the supervisor, whatever ends it.

Two holds, because each alone has a hole: on Linux the kernel kills a child when its parent dies (PR_SET_PDEATHSIG), but
not the child's own children; the watcher, a forked process waiting at the end of a pipe, kills whole process groups on
any system once the pipe closes, but could itself be killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


class Leash:
    """Holds the process groups that have to die with this process."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        parent = os.getpid()
        self.watcher_pid = os.fork()
        if self.watcher_pid == 0:
            os.close(self._writing)
            _watch(reading)
        os.close(reading)
        # Loaded here: between fork and exec only the call itself is safe.
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self.before_exec: Callable[[], None] | None = _bind_to(parent, libc) if libc else None

    def hold(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the watcher go; groups still held are killed."""
        with contextlib.suppress(OSError):
            os.close(self._writing)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.watcher_pid, 0)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a watcher somebody killed must not take us along
            os.write(self._writing, line.encode())


def kill_group(group: int, signum: int) -> None:
    """Signal a process group; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)


def _bind_to(parent: int, libc: ctypes.CDLL) -> Callable[[], None]:
    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above could count
            os._exit(1)

    return bind


def _watch(reading: int) -> None:
    """Keep the list of groups the supervisor writes; at the end of the pipe kill them all. Never returns."""
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_IGN)
    groups: set[int] = set()
    with os.fdopen(reading, encoding="ascii") as lines:
        for line in lines:
            group = int(line[1:])
            groups.add(group) if line[0] == "+" else groups.discard(group)
    for group in groups:
        kill_group(group, signal.SIGKILL)
    os._exit(0)
