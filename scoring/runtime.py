"""How a process that computes should treat the machine it shares with others."""

from __future__ import annotations

import os


def prepare() -> None:
    """Call before NumPy and torch are imported. Idle threads of OpenMP then sleep instead of spinning: on busy cores
    the spinning ones take the time that the others need to finish. OMP_NUM_THREADS is left as the caller set it.
    NumPy's BLAS, whose threads always spin, gets one: our matrices are small, and two took four to eight times as
    long."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
