"""What the decoder child does to itself before it looks at a file: limits, then a system call filter.

After `confine()` there is no network, no new process, no writing, and (with Landlock) one readable file: the video.
"""

import ctypes
import os
import platform
import resource
import signal
import sys
from pathlib import Path

from scoring import landlock, seccomp

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

# Enough for the interpreter's own files, the video and the pipes.
MAX_OPEN_FILES = 64


def die_with_parent(parent_pid: int | None) -> None:
    """Linux only: the kernel kills this process when its parent ends, however that comes about.

    parent_pid: None where the parent lives in another process namespace (bwrap, which has its own switch).
    """
    if sys.platform != "linux" or parent_pid is None:
        return
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        # It was gone before the switch was set.
        os._exit(1)


def limit_resources(*, memory_bytes: int, cpu_s: int) -> list[str]:
    """Sets the limits that the process can't raise again. Returns the layer's name."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CPU: cpu_s,
    }
    # macOS refuses to limit the address space.
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    return ["rlimits"]


def confine(readable: Path | None) -> list[str]:
    """Gives up, for good, what a decoder doesn't need. Returns the names of the layers that took hold.

    readable: the one file that can still be opened.
    """
    if sys.platform != "linux":
        return []
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_DUMPABLE, 0)
    layers = []
    if landlock.allow_reading_only(readable):
        layers.append("landlock")
    if seccomp.install(platform.machine()):
        layers.append("seccomp")
    return layers


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
