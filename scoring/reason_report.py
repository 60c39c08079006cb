"""How well a model tells each kind of outlier from what belongs, and what it gained on the model before it. A figure
per reason, so that a gain on one kind never hides a loss on another. NumPy only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.metrics import Estimate, differences, estimates
from scoring.splits import group_by_video

Values = NDArray[np.float64]
FIGURES = ("auroc", "fpr_at_tpr")
EVERY_REASON = None


@dataclass(frozen=True)
class Outliers:
    """Frames judged OUT, (M,) each: reason ("" = none given), video, and whether the model was trained on them."""

    reasons: Sequence[str]
    videos: Sequence[int]
    is_seen: Sequence[bool]

    def chosen(self, reason: str | None) -> tuple[NDArray[np.int64], bool]:
        """Places of a reason's frames that the model has not seen, or of those it was trained on when there are no
        others; and which of the two."""
        of_reason = [reason in (EVERY_REASON, each) for each in self.reasons]
        seen = np.asarray(self.is_seen, dtype=bool)
        unseen = np.flatnonzero(np.asarray(of_reason) & ~seen)
        return (unseen, False) if len(unseen) else (np.flatnonzero(of_reason), True)


@dataclass(frozen=True)
class Scored:
    """One score by one model: of the held-out frames in distribution, (n,) of each video apart, and of the outliers
    (M,)."""

    inside: Sequence[Values]
    out: Values


def report(
    outliers: Outliers, after: Mapping[str, Scored], before: Mapping[str, Scored] | None, *, target_tpr: float = 0.95
) -> list[dict[str, Any]]:
    """A row per reason, the most frequent first, and one over all of them (reason None) when there are several, as
    JSON: frames, videos, seen (the model was trained on these frames), and per score the figures [value, low, high]
    after, before and gained, with their 95 % intervals over videos. Raises ValueError as `metrics.estimates`."""
    counted = Counter(outliers.reasons)
    ordered = sorted(counted, key=lambda name: (not name, -counted[name], name))
    names = [*ordered, EVERY_REASON] if len(ordered) > 1 else ordered
    return [_row(name, outliers, after, before, target_tpr) for name in names]


def _row(
    name: str | None,
    outliers: Outliers,
    after: Mapping[str, Scored],
    before: Mapping[str, Scored] | None,
    target_tpr: float,
) -> dict[str, Any]:
    places, is_seen = outliers.chosen(name)
    videos = [outliers.videos[place] for place in places]
    scores = {
        score: _figures(found, before[score] if before else None, places, videos, target_tpr)
        for score, found in after.items()
    }
    return {"reason": name, "frames": len(places), "videos": len(set(videos)), "seen": is_seen, "scores": scores}


def _figures(
    after: Scored, before: Scored | None, places: NDArray[np.int64], videos: list[int], target_tpr: float
) -> dict[str, Any]:
    new = after.inside, group_by_video(after.out[places], videos)
    found = {"after": estimates(*new, target_tpr=target_tpr)}
    if before is not None:
        old = before.inside, group_by_video(before.out[places], videos)
        found["before"] = estimates(*old, target_tpr=target_tpr)
        found["gained"] = differences(new, old, target_tpr=target_tpr)
    return {
        figure: {when: _numbers(figures[figure]) for when, figures in found.items()}
        | {"few": found["after"][figure].few_sources}
        for figure in FIGURES
    }


def _numbers(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]
