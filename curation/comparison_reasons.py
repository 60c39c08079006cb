"""Two versions on each reason for OUT apart, so that a gain on one never hides a loss on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.reviewed_scores import Mask, Reviewed
from scoring import metrics
from scoring.metrics import Estimate

RESAMPLES = 200  # per reason and version, while somebody waits for the page


@dataclass(frozen=True)
class ReasonRow:
    """OUT frames of one reason; "" = nobody said why. `old_passed` and `new_passed` are let through by the thresholds.
    The figures are None without frames judged IN."""

    reason: str
    frames: int
    videos: int
    trained_on: int
    old_passed: int
    new_passed: int
    old_auroc: Estimate | None = None
    new_auroc: Estimate | None = None
    gain: Estimate | None = None

    @property
    def is_better(self) -> bool:
        """By more than its interval."""
        return self.gain is not None and self.gain.low > 0

    @property
    def is_worse(self) -> bool:
        return self.gain is not None and self.gain.high < 0


def rows(reviewed: Reviewed, limits: tuple[float, float], learned: Mask) -> list[ReasonRow]:
    """One row per reason, the most frequent first; nothing as long as nobody gave one."""
    found, counts = np.unique(reviewed.reasons[reviewed.is_out], return_counts=True)
    if not any(found):
        return []
    order = np.argsort(-counts, kind="stable")
    return [_row(reviewed, str(found[i]), limits, learned) for i in order]


def _row(reviewed: Reviewed, reason: str, limits: tuple[float, float], learned: Mask) -> ReasonRow:
    of = reviewed.is_out & (reviewed.reasons == reason)
    row = ReasonRow(
        reason=reason,
        frames=int(of.sum()),
        videos=len(np.unique(reviewed.video_ids[of])),
        trained_on=int((of & learned).sum()),
        old_passed=int((reviewed.old[of] <= limits[0]).sum()),
        new_passed=int((reviewed.new[of] <= limits[1]).sum()),
    )
    before, after = reviewed.by_video(reviewed.old, of), reviewed.by_video(reviewed.new, of)
    if not before[0]:
        return row
    return ReasonRow(
        **vars(row)
        | {
            "old_auroc": metrics.estimates(*before, resamples=RESAMPLES)["auroc"],
            "new_auroc": metrics.estimates(*after, resamples=RESAMPLES)["auroc"],
            "gain": metrics.differences(after, before, resamples=RESAMPLES)["auroc"],
        }
    )
