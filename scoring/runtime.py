"""How a process that runs the network should treat the machine it shares with others."""

from __future__ import annotations

import os


def prepare() -> None:
    """Call before torch is imported. Idle threads then sleep instead of spinning: on busy cores the spinning ones
    take the time that the others need to finish. OMP_NUM_THREADS is left as the caller set it."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
