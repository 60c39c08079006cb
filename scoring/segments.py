"""Runs of frames on one side of the threshold: scores smoothed over time, cut at shots that matter. NumPy only.

In the demo's two recordings (501 frames, 68 shots) one decision per segment settles 8.8 frames when every shot is cut,
19.3 when those of which the score is sure go together: 23 segments, 2 of them with a border inside.

A frame is in distribution or out; the state changes at random moments, at the same rate either way. Between frames dt
seconds apart it stays with probability (1 + exp(-2 rate dt)) / 2, and the posterior follows from the forward-backward
recursion (L. R. Rabiner, A Tutorial on Hidden Markov Models, 1989), here on log odds, exact for any spacing of frames.
The constants were measured at two frames a second: stay .9, evidence 1.5 (z - 1.64), clipped at 6.

Times may repeat or go backwards. A frame at the time of the one before, or up to half a second earlier, is taken to
follow after the video's usual step; one further back begins a second recording. The state is forgotten there, at the
start of a shot, and after a long gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.sampling import JUMP_BACK_S

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEP_S = 0.5  # the spacing of frames at which the constants were measured, and the usual step where none is known
CHANGE_RATE = -math.log(2 * 0.9 - 1) / (2 * STEP_S)  # changes of state per second: stays with .9 over one step
Z_AT_THRESHOLD = 1.64  # 95 % of a normal distribution lie below
EVIDENCE, EVIDENCE_CLIP = 1.5, 6.0
LONG_GAP_S, LONG_GAP_STEPS = 10.0, 4.0  # a gap is long when it is both
SIDE = 0.5  # of P(outlying)
SURE, TOGETHER = 0.9, 60  # mean of |2 P - 1|; frames that one look at a film strip can judge
CERTAIN = 30.0  # log odds beyond which tanh has no more digits


@dataclass(frozen=True)
class Segment:
    """Frames `first` to `last`, both included, as indexes into the scores. It ends, at `end_s`, where the next one
    begins, or one usual step after its last frame. `mean`: mean score; `worst`: index of the highest."""

    first: int
    last: int
    start_s: float
    end_s: float
    is_outlier: bool
    mean: float
    worst: int


def segments(
    scores: ArrayLike,
    time_s: ArrayLike,
    threshold: float,
    heldout_quantiles: ArrayLike,
    shot_start: ArrayLike | None = None,
) -> list[Segment]:
    """The segments of one video from the scores of its frames, (N,), in the order of their numbers, at `time_s`, (N,).
    `heldout_quantiles`: evenly spaced quantiles of the same score, as `threshold.quantiles` gives them. `shot_start`:
    whether a frame is the first of a shot, (N,). Raises ValueError when lengths differ or a number is not finite."""
    probability = smooth(z_scores(scores, threshold, heldout_quantiles), time_s, shot_start)
    cuts = None if shot_start is None else telling_shots(probability, shot_start)
    return runs(scores, time_s, probability > SIDE, cuts)


def telling_shots(probability: ArrayLike, shot_start: ArrayLike) -> Flags:
    """The shots that begin a segment of their own, (N,): not one that follows another on the same side where both are
    sure and make no more than 60 frames together. So a break of ten shots is one decision, and what the score can't
    tell is decided shot by shot. `probability` (N,) as `smooth` gives it. Raises ValueError when lengths differ."""
    values, kept = _finite(probability, "probability"), np.array(shot_start, dtype=np.bool_)
    _same_length(values, shots=kept)
    if not len(values):
        return kept
    side = values > SIDE
    changes = np.append(True, side[1:] != side[:-1])
    firsts = np.flatnonzero(kept | changes)
    lasts = np.append(firsts[1:], len(values)) - 1
    sure = np.add.reduceat(np.abs(2 * values - 1), firsts) / (lasts - firsts + 1) >= SURE
    begun = 0
    for before, place in enumerate(range(1, len(firsts))):
        joins = not changes[firsts[place]] and sure[before] and sure[place] and lasts[place] - begun < TOGETHER
        kept[firsts[place]] &= not joins
        begun = begun if joins else firsts[place]
    return kept


def z_scores(scores: ArrayLike, threshold: float, heldout_quantiles: ArrayLike) -> Values:
    """Scores in units of their spread on held-out in-distribution frames, 1.64 at the threshold. The spread is that of
    the upper half, (95 % quantile - median) / 1.64, since scores of losses are skewed and outliers lie above: at the
    threshold of a TPR of .95 the median has z = 0. Raises ValueError when a number is not finite or there are none."""
    values, quantiles = _finite(scores, "score"), _finite(heldout_quantiles, "held-out score")
    if not len(quantiles) or not math.isfinite(threshold):
        raise ValueError("Segments need a threshold and the held-out scores that it comes from.")
    middle, high = np.interp([0.5, 0.95], np.linspace(0.0, 1.0, len(quantiles)), quantiles)
    smallest = 1e-9 * max(1.0, abs(threshold), abs(float(middle)))
    spread = max(float(high - middle) / Z_AT_THRESHOLD, smallest)
    return Z_AT_THRESHOLD + (values - threshold) / spread


def smooth(z: ArrayLike, time_s: ArrayLike, shot_start: ArrayLike | None = None) -> Values:
    """P(outlying) of each frame given all frames of its shot, (N,), from z-scored scores, (N,), at `time_s`, (N,).
    Frames closer than half a second count for their share of it, so that sampling more densely adds no certainty.
    Raises ValueError when lengths differ or a number is not finite."""
    clock, values = _clock(time_s, shot_start), _finite(z, "score")
    _same_length(clock.time_s, scores=values)
    evidence = np.clip(EVIDENCE * (values - Z_AT_THRESHOLD), -EVIDENCE_CLIP, EVIDENCE_CLIP) * _weights(clock)
    kept = np.where(clock.cut, 0.0, np.exp(-2 * CHANGE_RATE * clock.step_s))
    forward = _filtered(evidence, kept)
    backward = _filtered(evidence[::-1], np.roll(kept[::-1], 1))[::-1]
    posterior: Values = 1 / (1 + np.exp(evidence - forward - backward))
    return posterior


def runs(
    scores: ArrayLike, time_s: ArrayLike, is_outlier: ArrayLike, shot_start: ArrayLike | None = None
) -> list[Segment]:
    """Consecutive frames with the same `is_outlier`, (N,), cut at shots, long gaps and jumps back in time. Every frame
    is in one segment. Raises ValueError as `segments`."""
    clock, values, side = _clock(time_s, shot_start), _finite(scores, "score"), np.asarray(is_outlier, dtype=np.bool_)
    _same_length(clock.time_s, scores=values, sides=side)
    if not len(values):
        return []
    firsts = np.flatnonzero(clock.cut | np.append(True, side[1:] != side[:-1]))
    return _described(clock, values, side, firsts)


def spans(scores: ArrayLike, time_s: ArrayLike, is_outlier: ArrayLike, firsts: ArrayLike) -> list[Segment]:
    """Segments that begin at these indexes, ascending and the first of them 0, whatever lies between: where a person
    drew the borders. The side of each is that of most of its frames. Raises ValueError as `segments`, and for indexes
    that can't be such."""
    clock, values, side = _clock(time_s, None), _finite(scores, "score"), np.asarray(is_outlier, dtype=np.bool_)
    _same_length(clock.time_s, scores=values, sides=side)
    starts = np.asarray(firsts, dtype=np.int64)
    if not len(starts) or starts[0] != 0 or (np.diff(starts) <= 0).any() or starts[-1] >= len(values):
        raise ValueError("Segments begin at the first frame and then at later ones, each within the video.")
    return _described(clock, values, side, starts)


def _described(clock: _Clock, values: Values, side: Flags, firsts: NDArray[np.int64]) -> list[Segment]:
    lasts = np.append(firsts[1:], len(values)) - 1
    lengths = lasts - firsts + 1
    columns = (
        firsts,
        lasts,
        clock.time_s[firsts],
        _ends(clock, firsts, lasts),
        2 * np.add.reduceat(side.astype(np.int64), firsts) > lengths,
        np.add.reduceat(values, firsts) / lengths,
        _worst(values, firsts, lasts),
    )
    return [Segment(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


@dataclass(frozen=True)
class _Clock:
    """Of each frame, (N,): its time, the step to it from the frame before, whether time breaks off before it, and
    whether the state is forgotten there (a break or the start of a shot). The first frame counts as a break."""

    time_s: Values
    step_s: Values
    broken: Flags
    cut: Flags
    usual_s: float


def _clock(time_s: ArrayLike, shot_start: ArrayLike | None) -> _Clock:
    times = _finite(time_s, "time")
    gone_s = np.diff(times, prepend=times[:1])
    forward_s = gone_s[gone_s > 0]
    usual_s = float(np.median(forward_s)) if len(forward_s) else STEP_S
    broken = (gone_s < -JUMP_BACK_S) | (gone_s > max(LONG_GAP_S, LONG_GAP_STEPS * usual_s))
    broken[:1] = True
    shots = np.zeros(len(times), np.bool_) if shot_start is None else np.asarray(shot_start, dtype=np.bool_)
    _same_length(times, shots=shots)
    return _Clock(times, np.where(gone_s > 0, gone_s, usual_s), broken, broken | shots, usual_s)


def _weights(clock: _Clock) -> Values:
    """The share of half a second that each frame stands for, at most 1: the mean step to its neighbours in the shot."""
    before = np.where(clock.cut, np.nan, clock.step_s)
    both = np.stack([before, np.append(before, np.nan)[1:]])
    neighbours = np.isfinite(both).sum(axis=0)
    covered_s = np.where(neighbours > 0, np.nansum(both, axis=0) / np.maximum(neighbours, 1), STEP_S)
    return np.minimum(covered_s / STEP_S, 1.0)


def _filtered(evidence: Values, kept: Values) -> Values:
    """Log odds of "outlying" given the frames so far. A step shrinks the odds' tanh(odds / 2) = 2 P - 1 by `kept`."""
    odds, now = [], 0.0
    for weight, share in zip(evidence.tolist(), kept.tolist(), strict=True):
        now = min(max(2 * math.atanh(share * math.tanh(now / 2)) + weight, -CERTAIN), CERTAIN)
        odds.append(now)
    return np.array(odds)


def _ends(clock: _Clock, firsts: NDArray[np.int64], lasts: NDArray[np.int64]) -> Values:
    """Where the next run begins, or a usual step after the last frame when time breaks off. Never before a frame."""
    latest = np.maximum.reduceat(clock.time_s, firsts)
    following = np.append(clock.time_s[1:], 0.0)[lasts]
    broken = np.append(clock.broken[1:], True)[lasts]
    ends: Values = np.where(broken, clock.time_s[lasts] + clock.usual_s, following)
    return np.maximum(ends, latest)


def _worst(values: Values, firsts: NDArray[np.int64], lasts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the first highest score of each run."""
    highest = np.repeat(np.maximum.reduceat(values, firsts), lasts - firsts + 1)
    candidates = np.flatnonzero(values == highest)
    return candidates[np.searchsorted(candidates, firsts)]


def _finite(numbers: ArrayLike, what: str) -> Values:
    values = np.asarray(numbers, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise ValueError(f"A {what} is not finite.")
    return values


def _same_length(times: Values, **columns: NDArray[np.float64] | Flags) -> None:
    for what, column in columns.items():
        if len(column) != len(times):
            raise ValueError(f"{len(column)} {what} can't belong to {len(times)} frames.")
