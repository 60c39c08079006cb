"""How the loop is rehearsed on labelled sources: who starts, who is reviewed, who is only tested. Pure; NumPy only.

Everything is split by source, because frames of one source are near copies: a source that was trained on or reviewed
in a fold is never tested in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

LEAST_SOURCES = 4
TESTED, REVIEWED = 0.3, 0.3  # shares of the in-distribution sources; the rest starts
OUT_SHARE = 0.28  # of the pool: outliers are the minority that a curator looks for


@dataclass(frozen=True)
class Fold:
    """Names of sources. `start` trains the first model, the pool is what a curator sees, the rest is tested. Outlying
    sources are given per set; a set may be missing on one side."""

    start: tuple[str, ...]
    pool_in: tuple[str, ...]
    test_in: tuple[str, ...]
    pool_out: dict[str, tuple[str, ...]]
    test_out: dict[str, tuple[str, ...]]


def folds(inside: Sequence[str], outside: Mapping[str, Sequence[str]], count: int, seed: int = 0) -> list[Fold]:
    """`count` folds in which every in-distribution source takes each part in turn. A set of outliers with one source
    is reviewed in one fold and tested in the next. Raises ValueError with fewer than four in-distribution sources."""
    if len(inside) < LEAST_SOURCES:
        raise ValueError(
            f"A rehearsal splits by source and needs at least {LEAST_SOURCES} in-distribution ones; "
            f"there {'is 1' if len(inside) == 1 else f'are {len(inside)}'}."
        )
    rng = np.random.default_rng(seed)
    order = [str(name) for name in rng.permutation(sorted(inside))]
    shuffled = {name: [str(s) for s in rng.permutation(sorted(outside[name]))] for name in sorted(outside)}
    return [_fold(order, shuffled, number, count) for number in range(count)]


def _fold(order: list[str], outside: dict[str, list[str]], number: int, count: int) -> Fold:
    turned = _turned(order, round(number * len(order) / count))
    tested = max(1, round(TESTED * len(order)))
    reviewed = max(1, round(REVIEWED * len(order)))
    pool_out, test_out = {}, {}
    for place, (name, sources) in enumerate(outside.items()):
        # Sets with one source take turns, so that no fold has all of them on the same side.
        half = (len(sources) + (number + place) % 2) // 2
        turned_out = _turned(sources, number * max(1, len(sources) // 2))
        pool_out[name], test_out[name] = tuple(turned_out[:half]), tuple(turned_out[half:])
    return Fold(
        start=tuple(turned[tested + reviewed :]),
        pool_in=tuple(turned[tested : tested + reviewed]),
        test_in=tuple(turned[:tested]),
        pool_out={name: sources for name, sources in pool_out.items() if sources},
        test_out={name: sources for name, sources in test_out.items() if sources},
    )


def _turned(items: list[str], by: int) -> list[str]:
    by %= len(items)
    return items[by:] + items[:by]


def draw_outliers(per_set: Mapping[str, int], inside: int, seed: int = 0) -> dict[str, Indices]:
    """Which frames of each outlying set enter the pool beside `inside` frames: so many that 28 % of the pool are
    outlying, drawn evenly over the sets. per_set: frames to choose from. Returns indices (M,) per set, ascending."""
    wanted = round(inside * OUT_SHARE / (1 - OUT_SHARE))
    rng = np.random.default_rng(seed)
    chosen: dict[str, Indices] = {}
    for place, name in enumerate(sorted(per_set, key=lambda key: (per_set[key], key))):
        share = -(-wanted // (len(per_set) - place))
        take = min(share, per_set[name])
        chosen[name] = np.sort(rng.choice(per_set[name], take, replace=False))
        wanted -= take
    return chosen
