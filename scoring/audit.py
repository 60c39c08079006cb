"""The random draw that honest rates are estimated from: stratified by score, every frame with a known chance.

NumPy only. Strata are cut at quantiles of the score, so that each holds as many frames; the two highest get more of the
draw, since OUT frames, of which there are few, lie there (W. Cochran, Sampling Techniques, 3rd ed. 1977, sections 5.5
and 5A.8). In a simulation (scoring/coverage.py) that made intervals of the FPR a tenth to a sixth narrower than even
shares, those of the TPR no wider. Within a stratum frames are drawn at random without replacement; a top-up draws on
from the rest, so that both together are one such draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

SHARES = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0)  # of the draw that goes to each stratum, the least outlying first
FEWEST = 2  # frames of a stratum, so that one can differ from another


@dataclass(frozen=True)
class Draw:
    """Frames by their place in the population, in the order to ask about them, and the stratum of each."""

    indices: Indices
    strata: Indices


def cut_points(scores: ArrayLike) -> Values:
    """Where strata end: the scores (N,) at equal shares of frames, ascending; fewer where many scores are equal.
    Raises ValueError without scores or when one is not finite."""
    values = np.asarray(scores, dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("A draw needs at least one score, and only finite ones.")
    found = np.unique(np.quantile(values, np.arange(1, len(SHARES)) / len(SHARES), method="lower"))
    kept: Values = found[found < values.max()]
    return kept


def strata_of(scores: ArrayLike, cuts: ArrayLike) -> Indices:
    """The stratum of each score (N,), 0 for the least outlying; a score at a cut lies below it."""
    found: Indices = np.searchsorted(np.asarray(cuts, dtype=np.float64), np.asarray(scores), side="left").astype(
        np.int64
    )
    return found


def allocation(left: Sequence[int], count: int) -> list[int]:
    """How many of `count` frames come from each stratum with so many `left`: by SHARES, none more than it has, what one
    lacks from the others, at least two of each where `count` allows."""
    left_over = np.array(left, dtype=np.int64)
    shares = np.array(SHARES[-len(left_over) :])
    count = min(count, int(left_over.sum()))
    given = np.minimum(left_over, FEWEST if count >= FEWEST * len(left_over) else 0)
    while (missing := count - int(given.sum())) > 0:
        room = left_over - given
        wanted = np.where(room > 0, shares * count / shares[room > 0].sum() - given, 0.0).clip(0)
        if not wanted.any():
            wanted = np.where(room > 0, shares, 0.0)
        step = np.minimum(np.floor(wanted * min(1.0, missing / wanted.sum())).astype(np.int64), room)
        if not step.any():
            step[int(np.argmax(wanted))] = 1
        given += step
    return [int(value) for value in given]


def draw(strata: ArrayLike, *, cuts: int, count: int, seed: int, taken: ArrayLike | None = None) -> Draw:
    """`count` frames of a population whose strata are given, (N,), or as many as there are, none that is `taken`,
    (N,) bool. `cuts`: how many there are; it says how many strata. In the order given back every beginning holds each
    stratum by its share, so that rates can be told before the last frame is judged."""
    places = np.asarray(strata, dtype=np.int64)
    free = np.ones(len(places), bool) if taken is None else ~np.asarray(taken, dtype=np.bool_)
    rng = np.random.default_rng(seed)
    pools = [rng.permutation(np.flatnonzero(free & (places == stratum))) for stratum in range(cuts + 1)]
    numbers = allocation([len(pool) for pool in pools], count)
    chosen = [pool[:number] for pool, number in zip(pools, numbers, strict=True)]
    when = [(np.arange(number) + rng.random()) / max(number, 1) for number in numbers]
    order = np.argsort(np.concatenate(when), kind="stable")
    indices = np.concatenate(chosen)[order].astype(np.int64)
    return Draw(indices, places[indices])


def choose_videos(frames: dict[int, int], *, share: float, seed: int) -> list[int]:
    """The videos that are set aside for the audit, by id: a random `share` of those that have frames, rounded up, at
    least two where there are two. Every video has the same chance, so rates on them speak for all."""
    candidates = sorted(video for video, count in frames.items() if count)
    wanted = min(len(candidates), max(2, int(np.ceil(share * len(candidates)))))
    chosen = np.random.default_rng(seed).permutation(len(candidates))[:wanted]
    return sorted(candidates[place] for place in chosen)
