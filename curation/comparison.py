"""Two model versions against what people said: rates on the reviewed frames, and the frames that changed sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation import rates
from curation.models import Frame, FrameScore, ModelVersion, Review, Verdict
from curation.rates import Confusion, Floats

FEW_REVIEWS = 30
SHOWN_CHANGES = 24


@dataclass(frozen=True)
class Row:
    """One version on the reviewed frames. Rates are None where a side has no frames."""

    version: ModelVersion
    confusion: Confusion
    auroc: float | None
    average_precision: float | None
    roc: list[tuple[float, float]]


@dataclass(frozen=True)
class Change:
    """A reviewed frame that the two versions put on different sides of their thresholds."""

    frame: Frame
    verdict: str
    old_loss: float
    new_loss: float
    was_outlier: bool
    is_outlier: bool

    @property
    def is_better(self) -> bool:
        return self.is_outlier == (self.verdict == Verdict.OUT)


@dataclass(frozen=True)
class Comparison:
    """`old` and `new` on the same frames: those with verdict IN or OUT that both have scored."""

    old: Row
    new: Row
    reviewed: int
    in_frames: int
    out_frames: int
    trained_on: int  # of `reviewed`, at most so many were in the new version's training set
    unseen_old: Confusion  # on the frames judged after the new version's training set was frozen
    unseen_new: Confusion
    changed_sides: list[Change]  # at most SHOWN_CHANGES, turned wrong first
    changed: int

    @property
    def gained(self) -> int:
        """How many more frames the new version gets right; negative when fewer."""
        return self.new.confusion.right - self.old.confusion.right

    @property
    def unseen(self) -> int:
        return self.unseen_new.right + self.unseen_new.wrong

    @property
    def sentence(self) -> str:
        """What the numbers say, for a person."""
        if not self.reviewed:
            return "No frame that both versions scored has a verdict IN or OUT yet, so they can't be compared."
        count = "1 reviewed frame" if self.reviewed == 1 else f"{self.reviewed} reviewed frames"
        this, other = f"version {self.new.version.number}", f"version {self.old.version.number}"
        if self.gained == 0:
            verdict = f"On {count} {this} and {other} get {self.new.confusion.right} right each."
        else:
            more = "more" if self.gained > 0 else "fewer"
            verdict = f"On {count} {this} gets {abs(self.gained)} {more} right than {other}."
        few = f" Fewer than {FEW_REVIEWS} frames say little: review more before you decide."
        return verdict + (few if self.reviewed < FEW_REVIEWS else "")


@dataclass(frozen=True)
class _Reviewed:
    """Reviewed frames in arrays of the same length, ordered by frame id."""

    frame_ids: NDArray[np.int64]
    is_out: NDArray[np.bool_]
    old_loss: Floats
    new_loss: Floats

    def split(self, losses: Floats, chosen: NDArray[np.bool_] | None = None) -> tuple[Floats, Floats]:
        """Losses of the IN and of the OUT frames."""
        keep = np.ones(len(losses), bool) if chosen is None else chosen
        return losses[keep & ~self.is_out], losses[keep & self.is_out]


def compare(old: ModelVersion, new: ModelVersion) -> Comparison:
    """The two versions, each at its own threshold, on the frames that people judged IN or OUT."""
    reviewed = _load(old, new)
    known = _judged_before(reviewed, new)
    changes = _changed(reviewed, old, new)
    return Comparison(
        old=_row(old, *reviewed.split(reviewed.old_loss)),
        new=_row(new, *reviewed.split(reviewed.new_loss)),
        reviewed=len(reviewed.frame_ids),
        in_frames=int((~reviewed.is_out).sum()),
        out_frames=int(reviewed.is_out.sum()),
        trained_on=int((known & ~reviewed.is_out).sum()),
        unseen_old=rates.confusion(*reviewed.split(reviewed.old_loss, ~known), old.threshold),
        unseen_new=rates.confusion(*reviewed.split(reviewed.new_loss, ~known), new.threshold),
        changed_sides=_shown(reviewed, changes, old, new),
        changed=len(changes),
    )


def _row(version: ModelVersion, in_losses: Floats, out_losses: Floats) -> Row:
    return Row(
        version=version,
        confusion=rates.confusion(in_losses, out_losses, version.threshold),
        auroc=rates.auroc(in_losses, out_losses),
        average_precision=rates.average_precision(in_losses, out_losses),
        roc=rates.roc(in_losses, out_losses),
    )


def _load(old: ModelVersion, new: ModelVersion) -> _Reviewed:
    by_old, by_new = _losses(old), _losses(new)
    both = sorted(by_old.keys() & by_new.keys())
    return _Reviewed(
        frame_ids=np.array(both, dtype=np.int64),
        is_out=np.array([by_new[pk][1] == Verdict.OUT for pk in both], dtype=bool),
        old_loss=np.array([by_old[pk][0] for pk in both], dtype=float),
        new_loss=np.array([by_new[pk][0] for pk in both], dtype=float),
    )


def _losses(version: ModelVersion) -> dict[int, tuple[float, str]]:
    scores = FrameScore.objects.of_version(version).filter(verdict__in=[Verdict.IN, Verdict.OUT])
    return {pk: (loss, verdict) for pk, loss, verdict in scores.values_list("frame", "reconstruction_loss", "verdict")}


def _judged_before(reviewed: _Reviewed, new: ModelVersion) -> NDArray[np.bool_]:
    """Which frames had a verdict when the new version's training set was frozen, or come from a reference video."""
    run = getattr(new, "training_run", None)
    log = Review.objects.applied().filter(dataset_id=new.dataset_id)
    judged = log.filter(created_at__lt=run.created_at if run else new.created_at).values_list("frame", flat=True)
    reference = log.filter(frame__video__is_reference=True).values_list("frame", flat=True)
    return np.isin(reviewed.frame_ids, np.array([*judged, *reference], dtype=np.int64))


def _changed(reviewed: _Reviewed, old: ModelVersion, new: ModelVersion) -> NDArray[np.int64]:
    """Positions of frames that changed sides: those now wrong first, each group by how far they moved."""
    is_outlier = reviewed.new_loss > new.threshold
    (changed,) = np.nonzero((reviewed.old_loss > old.threshold) != is_outlier)
    moved = np.abs(reviewed.new_loss / _unit(new) - reviewed.old_loss / _unit(old))
    is_right = is_outlier == reviewed.is_out
    return changed[np.lexsort((-moved[changed], is_right[changed]))]


def _unit(version: ModelVersion) -> float:
    """Losses of two versions compare in units of their thresholds, not as they stand."""
    return version.threshold or 1.0


def _shown(reviewed: _Reviewed, changes: NDArray[np.int64], old: ModelVersion, new: ModelVersion) -> list[Change]:
    shown = changes[:SHOWN_CHANGES]
    frames = Frame.objects.select_related("video").in_bulk(reviewed.frame_ids[shown].tolist())
    return [
        Change(
            frame=frames[int(reviewed.frame_ids[i])],
            verdict=Verdict.OUT if reviewed.is_out[i] else Verdict.IN,
            old_loss=float(reviewed.old_loss[i]),
            new_loss=float(reviewed.new_loss[i]),
            was_outlier=bool(reviewed.old_loss[i] > old.threshold),
            is_outlier=bool(reviewed.new_loss[i] > new.threshold),
        )
        for i in shown
    ]
