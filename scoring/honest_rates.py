"""Rates of a score on all frames, estimated from an audit: a random draw in which each frame's chance is known.

"Positive" = in distribution and accepted, so TPR is the share of IN frames that a threshold accepts, FPR that of OUT
frames. Every figure is a ratio of sums weighed by one over the chance to be drawn (D. Horvitz, D. Thompson, JASA 47,
1952; ratio estimators: C.-E. Särndal, B. Swensson, J. Wretman, Model Assisted Survey Sampling, 1992, section 5.6). Its
variance is that of the sums of its linear parts over whole videos, as if videos had been drawn with replacement (the
ultimate cluster: M. Hansen, W. Hurwitz, W. Madow, Sample Survey Methods and Theory, 1953; J. Rao, C. Wu, JASA 83, 1988,
show that resampling clusters comes to the same), because the frames of one video are near copies and the next video
differs from all of them. For AUROC the parts are placements (E. DeLong et al., Biometrics 44, 1988; by clusters: N.
Obuchowski, Biometrics 53, 1997). Average precision has none, so videos are left out one at a time (the jackknife; K.
Wolter, Introduction to Variance Estimation, 2nd ed. 2007, section 4.2).

Intervals are Wilson's with an effective number of frames, R (1 - R) / variance (E. Korn, B. Graubard, Survey
Methodology 24, 1998), which is never more than the weights allow (L. Kish, Survey Sampling, 1965), and with Student's t
of an effective number of videos, less one. Chosen by simulation (`python -m bench coverage`): percentile intervals of a
bootstrap over videos, expanded or not, and intervals on the logit scale held the truth too seldom when OUT frames lie
in few videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scoring.metrics import Estimate
from scoring.resampling import FEW_SOURCES

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
NAMES = ("tpr", "fpr", "precision", "prevalence", "auroc", "average_precision")


@dataclass(frozen=True)
class Audited:
    """Frames of an audit with verdict IN or OUT; arrays of length n. weights: how many frames of the population each
    stands for; videos: ids. Scores are higher for outliers."""

    scores: Values
    is_out: Mask
    weights: Values
    videos: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len({len(self.scores), len(self.is_out), len(self.weights), len(self.videos)}) != 1:
            raise ValueError("Scores, verdicts, weights and videos must be of the same frames.")
        if not (np.isfinite(self.scores).all() and np.isfinite(self.weights).all()):
            raise ValueError("A score or a weight is not finite.")

    def in_order(self, order: NDArray[np.int64]) -> Audited:
        return Audited(self.scores[order], self.is_out[order], self.weights[order], self.videos[order])

    def only(self, chosen: Mask) -> Audited:
        return Audited(self.scores[chosen], self.is_out[chosen], self.weights[chosen], self.videos[chosen])

    def by(self, scores: Values) -> Audited:
        """The same frames by another score."""
        return replace(self, scores=scores)


def stratum_weights(strata: NDArray[np.int64], population: list[int]) -> Values:
    """How many frames each judged frame stands for, (n,): those of its stratum over the judged ones of it. A stratum
    without a judged frame is one with the next lower that has some, or else the next higher (collapsed strata: Cochran,
    1977, section 5A.12). Raises ValueError for a stratum that isn't there."""
    if len(strata) and not 0 <= int(strata.min()) <= int(strata.max()) < len(population):
        raise ValueError("A frame lies in a stratum that the population doesn't have.")
    judged = np.bincount(strata, minlength=len(population))
    stood = np.zeros(len(population))
    with_some = np.flatnonzero(judged)
    if not len(with_some):
        return np.zeros(0)
    for stratum, frames in enumerate(population):
        below = with_some[with_some <= stratum]
        stood[below[-1] if len(below) else with_some[0]] += frames
    found: Values = (stood / np.maximum(judged, 1))[strata]
    return found


def estimates(audited: Audited, threshold: float, names: Sequence[str] = NAMES) -> dict[str, Estimate]:
    """The figures of `names`, each with its 95 % interval; one that can't be told is left out: TPR without IN frames,
    FPR without OUT frames, precision without frames above the threshold, AUROC and average precision without both."""
    accepted, is_out = audited.scores <= threshold, audited.is_out
    everything = np.ones(len(is_out), bool)
    wanted = {
        "tpr": (~is_out, accepted),
        "fpr": (is_out, accepted),
        "precision": (~accepted, is_out),
        "prevalence": (everything, is_out),
    }
    found = {name: ratio(audited, *sides) for name, sides in wanted.items() if name in names and sides[0].any()}
    if is_out.any() and not is_out.all():
        ranks = {"auroc": _auroc, "average_precision": _average_precision}
        found |= {name: of(audited) for name, of in ranks.items() if name in names}
    return found


def ratio(audited: Audited, among: Mask, hits: Mask) -> Estimate:
    """Share of the frames `among`, (n,), that are `hits`, (n,), in the population. `among` must not be empty."""
    weights = audited.weights * among
    total = weights.sum()
    share = float((weights * hits).sum() / total)
    return _estimate(share, weights * (hits - share) / total, weights, audited.videos)


def floor(audited: Audited, among: Mask, hits: Mask) -> float:
    """How much of the variance of `ratio`, 0 to 1, more frames of the same videos can't take away: what is left of the
    variance over videos without that of as many independent frames."""
    weights = audited.weights * among
    total = weights.sum()
    parts = weights * (hits - (weights * hits).sum() / total) / total
    overall, frames = video_variance(parts, weights, audited.videos), float((parts**2).sum())
    return max(0.0, 1 - frames / overall) if overall > 0 else 0.0


def auroc_parts(audited: Audited) -> tuple[float, Values]:
    """Weighted AUROC, ties counted half, and the linear part of each frame, (n,): what its weight moves it by."""
    weights, is_out, scores = audited.weights, audited.is_out, audited.scores
    order = np.argsort(scores, kind="stable")
    inside, outside = np.where(is_out, 0.0, weights), np.where(is_out, weights, 0.0)
    below_in, level_in = _below(scores, inside, order)
    below_out, level_out = _below(scores, outside, order)
    wins = (below_in + level_in / 2) / inside.sum()  # of an OUT frame: share of IN frames it scores above
    beaten = 1 - (below_out + level_out / 2) / outside.sum()  # of an IN frame: share of OUT frames above it
    value = float((outside * wins).sum() / outside.sum())
    parts: Values = outside * (wins - value) / outside.sum() + inside * (beaten - value) / inside.sum()
    return value, parts


def average_precision(audited: Audited, weights: Values | None = None) -> float:
    """Weighted area under the precision-recall curve, the sum over its steps; frames of equal score enter together."""
    given = audited.weights if weights is None else weights
    order = np.argsort(-audited.scores, kind="stable")
    scores = audited.scores[order]
    hits, flagged = np.cumsum((given * audited.is_out)[order]), np.cumsum(given[order])
    (ends,) = np.nonzero(np.append(np.diff(scores) != 0, True))
    steps = np.diff(np.concatenate([[0.0], hits[ends]]))
    return float((steps * hits[ends] / np.maximum(flagged[ends], 1e-300)).sum() / hits[-1])


def _auroc(audited: Audited) -> Estimate:
    value, parts = auroc_parts(audited)
    return _estimate(value, parts, audited.weights, audited.videos, scarce=scarce(audited))


def _average_precision(audited: Audited) -> Estimate:
    """Parts per video: how far its absence moves the figure; a video that alone has OUT frames moves it by nothing,
    but then few videos are effective. Sorted once, since sorting what is sorted costs little."""
    audited = audited.in_order(np.argsort(-audited.scores, kind="stable"))
    value, parts, rows = average_precision(audited), np.zeros(len(audited.scores)), audited.videos
    for video in np.unique(rows):
        rest = rows != video
        if audited.is_out[rest].any():
            parts[np.flatnonzero(~rest)[0]] = value - average_precision(audited, audited.weights * rest)
    return _estimate(value, parts, audited.weights, rows, scarce=scarce(audited))


def scarce(audited: Audited) -> Values:
    """The weights of the side, IN or OUT, that effectively fewer videos hold, (n,): it limits what both can tell."""
    sides = [audited.weights * audited.is_out, audited.weights * ~audited.is_out]
    return min(sides, key=lambda weights: effective(weights, audited.videos))


def _below(scores: Values, weights: Values, order: NDArray[np.int64]) -> tuple[Values, Values]:
    """Weight of the frames below each frame's score, and of those level with it, (n,) each."""
    ordered = scores[order]
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    low, high = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    return sums[low], sums[high] - sums[low]


def effective(weights: Values, videos: NDArray[np.int64]) -> float:
    """How many videos of equal weight would tell as much: (sum of w)^2 / sum of w^2 over videos (Kish, 1965)."""
    sums = np.bincount(np.unique(videos, return_inverse=True)[1], weights)
    return float(sums.sum() ** 2 / (sums**2).sum())


def video_variance(parts: Values, weights: Values, videos: NDArray[np.int64]) -> float:
    """Variance of a sum of linear parts, (n,), over videos that hold any of the weights; NaN with one video."""
    places = np.unique(videos, return_inverse=True)[1]
    count = int((np.bincount(places, weights) > 0).sum())
    return float(count / (count - 1) * (np.bincount(places, parts) ** 2).sum()) if count > 1 else float("nan")


def student(freedom: float) -> float:
    """The 97.5 % point of Student's distribution; degrees of freedom need not be whole, and count as one at least."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), 0.975))


def _estimate(
    share: float, parts: Values, weights: Values, videos: NDArray[np.int64], *, scarce: Values | None = None
) -> Estimate:
    """`scarce`: the weights that limit what is told, where they aren't all of `weights`."""
    limiting = weights if scarce is None else scarce
    videos_told = effective(limiting, videos)
    most = float(limiting.sum() ** 2 / (limiting**2).sum())
    variance = video_variance(parts, limiting, videos)
    frames = min(share * (1 - share) / variance, most) if variance > 0 else most
    if np.isnan(variance):
        frames = 1.0  # one video says nothing of how videos differ
    low, high = wilson(share, max(frames, 1e-9), student(videos_told - 1))
    return Estimate(share, min(low, share), max(high, share), few_sources=videos_told < FEW_SOURCES)


def wilson(share: float, frames: float, z: float) -> tuple[float, float]:
    """Interval of a share of so many independent frames (E. Wilson, JASA 22, 1927); z is from Student's t here."""
    middle = (share + z**2 / (2 * frames)) / (1 + z**2 / frames)
    half = z / (1 + z**2 / frames) * np.sqrt(share * (1 - share) / frames + z**2 / (4 * frames**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
