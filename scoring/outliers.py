"""Frames that people judged not to belong: what a retraining learns from, and how it fares with each kind of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.errors import TrainingError
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.metrics import auroc, fpr_at_tpr

NO_REASON = "no reason given"
ALL = "all"


@dataclass(frozen=True)
class Outliers:
    """pixels: uint8 (N, H, W, 3), one array or one per pack. reasons: one for each frame, empty when none was given.
    heldout: for each frame, whether it is only measured on, being of a video that isn't trained on; none without.
    Raises TrainingError when these don't fit together."""

    pixels: Pixels | Sequence[Pixels]
    reasons: Sequence[str]
    heldout: ArrayLike | None = None

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.reasons) == len(self.is_heldout):
            raise TrainingError("Outlier frames need one reason each, and one mark whether they are held out.")

    @property
    def frames(self) -> FrameSet:
        return FrameSet(self.pixels)

    @property
    def is_heldout(self) -> NDArray[np.bool_]:
        """(N,)"""
        return np.zeros(len(self.reasons), bool) if self.heldout is None else np.asarray(self.heldout, bool)

    @property
    def trained(self) -> NDArray[np.int64]:
        """Indices of the frames that are trained on."""
        return np.flatnonzero(~self.is_heldout)


def joined(parts: Sequence[Outliers]) -> Outliers | None:
    """All of them as one set, to be trained on; None when there are none."""
    pixels = [array for part in parts for array in part.frames.parts]
    return Outliers(pixels, [reason for part in parts for reason in part.reasons]) if pixels else None


def by_reason(
    outliers: Outliers, inside: tuple[ArrayLike, ArrayLike], outside: tuple[ArrayLike, ArrayLike]
) -> list[dict[str, Any]]:
    """How well scores before and after a retraining tell each kind of outlier from held-out frames that belong, the sum
    of all first: `{"reason", "frames", "seen", "auroc": {"before", "after"}, "fpr95": {"before", "after"}}`. inside,
    outside: (before, after), scores of those frames and of all outliers. A kind without a held-out frame is measured on
    those that were trained on, and `seen` says so: such figures flatter."""
    names = [str(reason) or NO_REASON for reason in outliers.reasons]
    lines = []
    for name in [ALL, *sorted(set(names))]:
        of_kind = np.array([name in (ALL, other) for other in names])
        unseen = of_kind & outliers.is_heldout
        measured = unseen if unseen.any() else of_kind
        figures = {
            figure: {
                when: round(measure(ins, np.asarray(outs)[measured]), 4)
                for when, ins, outs in zip(("before", "after"), inside, outside, strict=True)
            }
            for figure, measure in (("auroc", auroc), ("fpr95", fpr_at_tpr))
        }
        lines.append({"reason": name, "frames": int(measured.sum()), "seen": not unseen.any(), **figures})
    return lines
