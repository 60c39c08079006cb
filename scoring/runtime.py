"""How a process that computes should treat the machine it shares with others."""

from __future__ import annotations

import ctypes
import os
import platform

# <malloc.h>; 32 MiB is the largest threshold that it takes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, LARGE_BYTES = 256 * 2**20, 32 * 2**20

SPINS = 10_000  # some tens of microseconds: longer than the pause between two steps of a network


def prepare() -> None:
    """Call before NumPy and torch are imported. Idle threads of OpenMP then spin for a moment and sleep. As libgomp
    comes, they spin for long: on busy cores they take the time that the others need to finish. Sleeping at once would
    be no better: waking them for each small step takes a third of a training. OMP_WAIT_POLICY and OMP_NUM_THREADS are
    left as the caller set them. NumPy's BLAS, whose threads always spin, gets one: our matrices are small, and two took
    four to eight times as long."""
    if not os.environ.get("OMP_WAIT_POLICY"):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def keep_memory() -> None:
    """For processes that compute batch after batch: what one frees, the next one uses. glibc would give each larger
    piece back to the system and have it anew, empty, page by page, an eighth of the time of scoring. Up to 256 MiB of
    free memory stay with the process, and what its threads freed. Other libraries than glibc are left as they are."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
