"""The loss above which a frame is called an outlier, from held-out frames that are known to belong. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEW_VIDEOS, FEW_FRAMES = 5, 50


@dataclass(frozen=True)
class Threshold:
    """A frame whose loss is above `value` is an outlier; `target_tpr` of the held-out frames are not. `note` is a plain
    sentence on how far to trust it, or empty."""

    value: float
    target_tpr: float
    n_frames: int
    n_videos: int
    note: str


def quantiles(losses: ArrayLike, n: int = 513) -> NDArray[np.float64]:
    """`n` evenly spaced quantiles of the losses, from least to largest: all that later thresholds need.
    Raises ValueError without losses or when one is not finite."""
    values = np.asarray(losses, dtype=np.float64).ravel()
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("A threshold needs at least one held-out loss, and only finite ones.")
    spaced: NDArray[np.float64] = np.quantile(values, np.linspace(0.0, 1.0, n))
    return spaced


def threshold_at_tpr(heldout_losses: ArrayLike, target_tpr: float = 0.95, *, n_videos: int) -> Threshold:
    """The `target_tpr` quantile of held-out in-distribution losses (higher = more outlying), from frames of `n_videos`
    videos that were not trained on. Raises ValueError for an aim outside (0, 1) and as `quantiles` does."""
    spaced = quantiles(heldout_losses)
    n_frames = int(np.size(np.asarray(heldout_losses)))
    note = _note(n_frames, n_videos)
    return Threshold(threshold_from_quantiles(spaced, target_tpr), target_tpr, n_frames, n_videos, note)


def threshold_from_quantiles(spaced: ArrayLike, target_tpr: float) -> float:
    """The threshold for another aim, from stored `quantiles`. Raises ValueError for an aim outside (0, 1)."""
    if not 0.0 < target_tpr < 1.0:
        raise ValueError(f"The target true positive rate must lie between 0 and 1, not {target_tpr}.")
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


def _note(n_frames: int, n_videos: int) -> str:
    if n_videos < FEW_VIDEOS:
        videos = "1 video" if n_videos == 1 else f"{n_videos} videos"
        return (
            f"The threshold comes from held-out frames of {videos}; videos differ, so on others it may flag far "
            f"more or far fewer. It becomes dependable with {FEW_VIDEOS} or more."
        )
    if n_frames < FEW_FRAMES:
        return f"The threshold comes from only {n_frames} held-out frames, so it is rough."
    return ""
