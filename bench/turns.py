"""Ways of doing the same, run in turns: seconds of CPU and wall clock of each, and their ratios within each round.

Others may share the machine. What slows one turn slows its neighbours, so the ratio of two runs of one round says more
than either; seconds of CPU say more than those of the clock.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report import figure


@dataclass(frozen=True)
class Run:
    """done: frames, rows or whatever was asked for."""

    cpu_s: float
    wall_s: float
    done: int


def spent_cpu_s() -> float:
    """Seconds of CPU of this process, its threads, and children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def timed(work: Callable[[], int]) -> Run:
    """work: returns how much it did."""
    cpu_s, began = spent_cpu_s(), time.perf_counter()
    done = work()
    return Run(spent_cpu_s() - cpu_s, time.perf_counter() - began, done)


def in_turns(ways: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Each way once a round, every other round backwards."""
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in list(ways) if turn % 2 == 0 else reversed(list(ways)):
            runs[way].append(ways[way]())
    return runs


def compared(ours: Sequence[float], peers: Sequence[float], peer: str) -> dict[str, Any]:
    """The peer, the median of the ratios ours / theirs of the same round, and the least and the largest of them."""
    ratios = [a / b for a, b in zip(ours, peers, strict=True)]
    spread = [round(min(ratios), 3), round(max(ratios), 3)]
    return {"peer": peer, "ratio": round(statistics.median(ratios), 3), "spread": spread}


def tell_seconds(bench: str, case: str, runs: Mapping[str, list[Run]], base: str, **more: Any) -> None:
    """Seconds of CPU and of the clock of each way, beside those of the way `base`."""
    for way, found in runs.items():
        for kind in ("cpu_s", "wall_s"):
            values = [getattr(run, kind) for run in found]
            other = [getattr(run, kind) for run in runs.get(base, [])]
            beside = compared(values, other, base) if other and way != base else {}
            seconds = round(statistics.median(values), 3)
            figure(bench, case, f"{way}_{kind}", seconds, "s", done=found[0].done, **busy(), **beside, **more)


def tell_rates(bench: str, case: str, runs: Mapping[str, list[Run]], base: str, unit: str) -> None:
    """What each way does a second of the clock, and of the CPU; ratios of the rates, so more is better."""
    for way, found in runs.items():
        for kind in ("wall", "cpu"):
            rates = [run.done / getattr(run, f"{kind}_s") for run in found]
            other = [run.done / getattr(run, f"{kind}_s") for run in runs.get(base, [])]
            beside = compared(rates, other, base) if other and way != base else {}
            name = way if kind == "wall" else f"{way}, by CPU"
            figure(bench, case, name, round(statistics.median(rates), 1), f"{unit}/s", **busy(), **beside)


def busy() -> dict[str, Any]:
    """How busy the machine was: the mean number of processes that wanted to run in the last minute."""
    return {"load": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}
