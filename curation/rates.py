"""Rates of a score against people's verdicts. Higher score = more outlying; "positive" = in distribution and accepted,
as in the article, so TPR is the share of IN frames kept and FPR the share of OUT frames let through. NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Counts of reviewed frames by verdict and by the side of a threshold that they fall on."""

    in_accepted: int
    in_flagged: int
    out_accepted: int
    out_flagged: int

    @property
    def right(self) -> int:
        return self.in_accepted + self.out_flagged

    @property
    def wrong(self) -> int:
        return self.in_flagged + self.out_accepted

    @property
    def tpr(self) -> float | None:
        """Share of IN frames that the threshold accepts; None without IN frames."""
        return _share(self.in_accepted, self.in_flagged)

    @property
    def fpr(self) -> float | None:
        """Share of OUT frames that the threshold accepts; None without OUT frames."""
        return _share(self.out_accepted, self.out_flagged)


def confusion(in_scores: Floats, out_scores: Floats, threshold: float) -> Confusion:
    """Counts at `threshold`, for scores of shape (n_in,) and (n_out,); a score equal to it is accepted."""
    in_flagged = int((in_scores > threshold).sum())
    out_flagged = int((out_scores > threshold).sum())
    return Confusion(len(in_scores) - in_flagged, in_flagged, len(out_scores) - out_flagged, out_flagged)


def roc(in_scores: Floats, out_scores: Floats, points: int = 200) -> list[tuple[float, float]]:
    """(FPR, TPR) pairs from (0, 0) to (1, 1), at most `points` of them; empty when either side is empty."""
    if not len(in_scores) or not len(out_scores):
        return []
    cuts = np.unique(np.concatenate([in_scores, out_scores]))
    if len(cuts) > points - 1:
        cuts = cuts[np.linspace(0, len(cuts) - 1, points - 1).round().astype(int)]
    tpr = np.searchsorted(np.sort(in_scores), cuts, "right") / len(in_scores)
    fpr = np.searchsorted(np.sort(out_scores), cuts, "right") / len(out_scores)
    return [(0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True)]


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None
