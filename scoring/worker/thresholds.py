"""A threshold as a version keeps it: the value, how sure it is, and enough to move it without scoring again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from scoring.threshold import quantiles, threshold_at_tpr

PER_VIDEO = 65  # quantiles kept of each held-out video, for the interval of a moved threshold
MOST_VIDEOS = 100


def entry(per_video: Sequence[ArrayLike], target_tpr: float, *, folds: int = 1) -> dict[str, Any]:
    """What ModelVersion.thresholds holds for one score, from held-out in-distribution scores (n,) of each video."""
    found = threshold_at_tpr(per_video, target_tpr, folds=folds)
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "note": found.note,
        "frames": found.n_frames,
        "videos": found.n_videos,
        "folds": found.folds,
        "quantiles": quantiles(list(per_video), folds=folds).tolist(),
        "per_video": [quantiles(scores, PER_VIDEO).tolist() for scores in per_video[:MOST_VIDEOS]],
    }
