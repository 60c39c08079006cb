"""The score above which a frame is called an outlier, from held-out frames that are known to belong. NumPy only.

Any score that is higher for outliers will do. A video weighs as much as its frames, but no more than 30 of them:
frames of one video are near copies, so a long video says little more about the next video than a short one does. In
a simulation (5 videos, lengths log-normal with SD 1.2, SD .6 between videos of a total of 1) the share of frames that
pass on new videos missed the aim by .049 (root mean square) this way and by .063 with all frames weighing alike.

With fewer than five videos the one that scores highest decides. Pooled, they promise too much: of frames of new
broadcast videos .74, .80 and .84 passed a threshold for .95 from one, two and three held-out ones, .84 and .89 when the
highest of two or three decided. Not so when each video was scored by a model of the others (`folds` > 1): that model
saw fewer videos, so its scores err on the safe side already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.resampling import FEW_SOURCES, RESAMPLES, as_sources, draws, percentile_interval, resampled_units

Values = NDArray[np.float64]
FEW_VIDEOS, FEW_FRAMES = FEW_SOURCES, 50
FULL_WEIGHT = 30  # frames from which on a video weighs no more
TELLING = 10  # frames from which on a video may decide alone


@dataclass(frozen=True)
class Threshold:
    """A frame whose score is above `value` is an outlier; `target_tpr` of the held-out frames are not. `low` and `high`
    bound the 95 % interval of `value` over other draws of videos; with few videos it is too narrow above, since none
    was seen that is more outlying than those. `folds`: how many models scored the held-out
    frames, each without the videos it was trained on. `note`: a plain sentence on how far to trust it, or empty."""

    value: float
    low: float
    high: float
    target_tpr: float
    n_frames: int
    n_videos: int
    folds: int
    note: str


def threshold_at_tpr(
    per_video: Sequence[ArrayLike],
    target_tpr: float = 0.95,
    *,
    folds: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Threshold:
    """The `target_tpr` quantile of held-out in-distribution scores (higher = more outlying), (n,) of each video in the
    order of time, by a model that was not trained on the video. Raises ValueError for an aim outside (0, 1) and as
    `quantiles` does."""
    _check_aim(target_tpr)
    if any(np.ndim(scores) != 1 for scores in per_video):
        raise ValueError("A threshold needs the held-out scores of each video apart.")
    videos = _checked(per_video)
    value = threshold_from_quantiles(quantiles(videos, folds=folds), target_tpr)
    low, high = _interval(videos, target_tpr, resamples, seed)
    n_frames = sum(map(len, videos))
    note = _note(n_frames, len(videos), folds)
    return Threshold(value, min(low, value), max(high, value), target_tpr, n_frames, len(videos), folds, note)


def quantiles(scores: Sequence[ArrayLike] | ArrayLike, n: int = 513, *, folds: int = 1) -> Values:
    """`n` evenly spaced quantiles, from least to largest: all that later thresholds need. Scores of several videos,
    (n,) each, or of one. Raises ValueError without scores or when one is not finite."""
    apart = isinstance(scores, Sequence) and len(scores) > 0 and np.ndim(scores[0]) == 1
    videos = _checked(cast(Sequence[ArrayLike], scores) if apart else [cast(ArrayLike, scores)])
    wanted = np.linspace(0.0, 1.0, n)
    if len(videos) < FEW_VIDEOS and folds == 1:
        telling = [video for video in videos if len(video) >= TELLING] or [np.concatenate(videos)]
        highest: Values = np.max([np.quantile(video, wanted) for video in telling], axis=0)
        return highest
    return _weighted_quantiles(*_sorted(videos)[:2], wanted)


def threshold_from_quantiles(spaced: ArrayLike, target_tpr: float) -> float:
    """The threshold for another aim, from stored `quantiles`. Raises ValueError for an aim outside (0, 1)."""
    _check_aim(target_tpr)
    values = np.asarray(spaced, dtype=np.float64)
    return float(np.interp(target_tpr, np.linspace(0.0, 1.0, len(values)), values))


def tpr_at(spaced: ArrayLike, threshold: float) -> float:
    """Share of the held-out frames at or below `threshold`, from stored `quantiles`."""
    values = np.asarray(spaced, dtype=np.float64)
    above = int(np.searchsorted(values, threshold, side="right"))
    if above in (0, len(values)):
        return float(above > 0)
    low, high = values[above - 1], values[above]
    return float((above - 1 + (threshold - low) / (high - low)) / (len(values) - 1))


def _check_aim(target_tpr: float) -> None:
    if not 0.0 < target_tpr < 1.0:
        raise ValueError(f"The target true positive rate must lie between 0 and 1, not {target_tpr}.")


def _checked(per_video: Sequence[ArrayLike]) -> list[Values]:
    try:
        videos = as_sources(per_video)
    except ValueError:
        videos = []
    if not videos:
        raise ValueError("A threshold needs at least one held-out score, and only finite ones.")
    return videos


def _sorted(units: Sequence[Values]) -> tuple[Values, Values, NDArray[np.int64]]:
    """All scores from least to largest, with the weight of each and the unit it is from, (N,) each."""
    lengths = np.array([len(unit) for unit in units])
    unit_of = np.repeat(np.arange(len(units)), lengths)
    scores = np.concatenate(units)
    order = np.argsort(scores, kind="stable")
    weights = np.minimum(lengths, FULL_WEIGHT) / lengths
    return scores[order], weights[unit_of[order]], unit_of[order]


def _weighted_quantiles(scores: Values, weights: Values, wanted: ArrayLike) -> Values:
    """Linear between scores, as NumPy's default method is; the same as `np.quantile` when all weigh alike."""
    middles = np.cumsum(weights) - weights / 2
    span = middles[-1] - middles[0]
    places = (middles - middles[0]) / span if span > 0 else np.zeros(len(scores))
    found: Values = np.interp(np.asarray(wanted, dtype=np.float64), places, scores)
    return found


def _interval(videos: list[Values], target_tpr: float, resamples: int, seed: int) -> tuple[float, float]:
    units = resampled_units(videos)
    scores, weights, unit_of = _sorted(units)
    found = []
    for counts in draws(len(units), resamples, np.random.default_rng(seed)):
        drawn = weights * counts[unit_of]
        inside = drawn > 0
        found.append(_weighted_quantiles(scores[inside], drawn[inside], target_tpr))
    return percentile_interval(found, len(units))


def _note(n_frames: int, n_videos: int, folds: int) -> str:
    if n_videos < FEW_VIDEOS:
        videos = "1 video" if n_videos == 1 else f"{n_videos} videos"
        return (
            f"The threshold comes from held-out frames of {videos}; videos differ, so on others it may flag far "
            f"more or far fewer. It becomes dependable with {FEW_VIDEOS} or more."
            + (" Until then the video that fits worst decides." if n_videos > 1 and folds == 1 else "")
        )
    if n_frames < FEW_FRAMES:
        return f"The threshold comes from only {n_frames} held-out frames, so it is rough."
    return ""
