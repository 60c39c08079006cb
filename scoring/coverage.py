"""Do intervals hold the truth? Recordings whose truth is known, drawn again and again, an audit of each, and beside it
what reviewing the worst frames first would have said.

Recordings differ: in length, in how their own frames score, in how much of them is OUT (from nothing to nearly all) and
how far that scores from the rest. The truth is that of very many such recordings. NumPy only; used by a test and by
`python -m bench coverage`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring import audit
from scoring.honest_rates import Audited, average_precision, ratio, stratum_weights, wilson
from scoring.metrics import Estimate, auroc

Values = NDArray[np.float64]
Interval = tuple[float, float]

THRESHOLD = 1.5  # where some nine in ten IN frames pass
BETWEEN, WITHIN = 0.5, 0.87  # SD of IN frames between recordings and within; OUT frames 0.7 and 1.0
OUT_MEAN = 2.4
MANY = 20_000
NORMAL_POINT = 1.959964


@dataclass(frozen=True)
class Recordings:
    """All frames of some recordings, arrays of one length."""

    scores: Values
    is_out: NDArray[np.bool_]
    videos: NDArray[np.int64]

    def accepted(self, *, out: bool) -> float:
        """FPR with `out`, else TPR."""
        return float(np.mean(self.scores[self.is_out == out] <= THRESHOLD))


def recordings(rng: np.random.Generator, count: int, prevalence: float) -> Recordings:
    """`count` recordings of which `prevalence` of the frames are OUT on average: log-normal lengths with median 150, a
    share of OUT from a beta distribution, most of them with next to none."""
    lengths = np.clip(np.exp(rng.normal(np.log(150), 0.7, count)), 20, 1500).astype(np.int64)
    shares = rng.beta(0.6, 0.6 * (1 - prevalence) / prevalence, count)
    inside, outside = rng.normal(0, BETWEEN, count), rng.normal(OUT_MEAN, 0.7, count)
    videos = np.repeat(np.arange(count), lengths)
    is_out = rng.random(len(videos)) < shares[videos]
    noise = rng.normal(size=len(videos))
    scores = np.where(is_out, outside[videos] + noise, inside[videos] + WITHIN * noise)
    return Recordings(scores, is_out, videos)


def truth(prevalence: float, seed: int = 99) -> dict[str, float]:
    """The figures of very many recordings."""
    found = recordings(np.random.default_rng(seed), MANY, prevalence)
    sides = found.scores[~found.is_out], found.scores[found.is_out]
    everything = Audited(found.scores, found.is_out, np.ones(len(found.scores)), found.videos)
    return {
        "tpr": found.accepted(out=False),
        "fpr": found.accepted(out=True),
        "precision": float(found.is_out[found.scores > THRESHOLD].mean()),
        "prevalence": float(found.is_out.mean()),
        "auroc": auroc(*sides),
        "average_precision": average_precision(everything),
    }


def audited(rng: np.random.Generator, of: Recordings, frames: int) -> Audited:
    """A stratified draw of so many frames, every one of them judged."""
    cuts = audit.cut_points(of.scores)
    strata = audit.strata_of(of.scores, cuts)
    drawn = audit.draw(strata, cuts=len(cuts), count=frames, seed=int(rng.integers(2**31)))
    population = np.bincount(strata, minlength=len(cuts) + 1).tolist()
    chosen = drawn.indices
    weights = stratum_weights(drawn.strata, population)
    return Audited(of.scores[chosen], of.is_out[chosen], weights, of.videos[chosen])


def worst_first(of: Recordings, frames: int) -> dict[str, Interval]:
    """TPR and FPR with 95 % intervals as they look to who reviews the highest scores and counts."""
    seen = np.argsort(-of.scores)[:frames]
    found = {}
    for name, out in (("tpr", False), ("fpr", True)):
        accepted = of.scores[seen][of.is_out[seen] == out] <= THRESHOLD
        if len(accepted):
            found[name] = wilson(float(accepted.mean()), len(accepted), NORMAL_POINT)
    return found


def rates(found: Audited) -> dict[str, Estimate]:
    """TPR and FPR alone, for speed."""
    accepted, out = found.scores <= THRESHOLD, found.is_out
    sides = (("tpr", ~out), ("fpr", out))
    return {name: ratio(found, among, accepted) for name, among in sides if among.any()}


def coverage(
    *,
    videos: int,
    frames: int,
    prevalence: float,
    measure: Callable[[Recordings, Audited], dict[str, Interval]],
    runs: int = 500,
    seed: int = 1,
) -> dict[str, tuple[float, float]]:
    """By name of what `measure` gives: the share of runs whose interval holds the truth, and the mean width. A name may
    say more after a space ("tpr percentile"); a run that gives no interval doesn't count."""
    rng, true = np.random.default_rng(seed), truth(prevalence)
    held: dict[str, list[tuple[bool, float]]] = {}
    for _ in range(runs):
        of = recordings(rng, videos, prevalence)
        for name, (low, high) in measure(of, audited(rng, of, frames)).items():
            held.setdefault(name, []).append((low <= true[name.split()[0]] <= high, high - low))
    return {
        name: (float(np.mean([h for h, _ in rows])), float(np.mean([w for _, w in rows])))
        for name, rows in held.items()
    }
