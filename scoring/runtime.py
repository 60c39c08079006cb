"""How a process that computes should treat the machine it shares with others."""

from __future__ import annotations

import ctypes
import os
import platform

# <malloc.h>; 32 MiB is the largest threshold that it takes.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES, LARGE_BYTES = 256 * 2**20, 32 * 2**20


def prepare() -> None:
    """Call before NumPy and torch are imported. Idle threads of OpenMP then sleep instead of spinning: on busy cores
    the spinning ones take the time that the others need to finish. OMP_NUM_THREADS is left as the caller set it.
    NumPy's BLAS, whose threads always spin, gets one: our matrices are small, and two took four to eight times as
    long."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _keep_memory()


def _keep_memory() -> None:
    """What one batch frees, the next one uses: glibc would give each larger piece back to the system and have it anew,
    empty, page by page, an eighth of the time of scoring. Up to 256 MiB of free memory stay with the process. Other
    libraries than glibc are left as they are."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
