"""Two model versions against what people said: rates on the reviewed frames, and the frames that changed sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation import comparison_reasons, rates, reviewed_scores, scores
from curation.comparison_reasons import ReasonRow
from curation.models import Dataset, Frame, ModelVersion, Score, Verdict
from curation.rates import Confusion
from curation.reviewed_scores import Reviewed, Sources
from curation.scores import Choice
from scoring import metrics
from scoring.metrics import Estimate

FEW_REVIEWS = 30
SHOWN_CHANGES = 24
RESAMPLES = 400  # for each interval, while somebody waits for the page


@dataclass(frozen=True)
class Row:
    """One version on the reviewed frames. Figures are None where a side has no frames."""

    version: ModelVersion
    threshold: float
    confusion: Confusion
    auroc: Estimate | None
    average_precision: Estimate | None
    roc: list[tuple[float, float]]


@dataclass(frozen=True)
class Change:
    """A reviewed frame that the two versions put on different sides of their thresholds."""

    frame: Frame
    verdict: str
    was_outlier: bool
    is_outlier: bool

    @property
    def is_better(self) -> bool:
        return self.is_outlier == (self.verdict == Verdict.OUT)


@dataclass(frozen=True)
class Comparison:
    """`old` and `new` by one score on the same frames: those with verdict IN or OUT that both have scored."""

    score: Score
    old: Row
    new: Row
    gain: Estimate | None  # of AUROC, new - old
    reasons: list[ReasonRow]
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
    def few_videos(self) -> bool:
        """The intervals are narrower than the truth about new videos."""
        return self.gain is not None and self.gain.few_sources

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


def choices(old: ModelVersion, new: ModelVersion) -> list[Choice]:
    """The scores to compare by; both versions need the score, and a threshold on it."""
    return [
        Choice(score=score, name=scores.NAMES[score], label=scores.SHORT[score], refusal=_refusal(old, new, score))
        for score in Score
    ]


def default_score(dataset: Dataset, offered: list[Choice]) -> Score:
    """That which the data set flags by, where both versions can; else the first that both have."""
    usable = [choice.score for choice in offered if not choice.refusal]
    return Score(dataset.flag_by) if dataset.flag_by in usable else usable[0]


def _refusal(old: ModelVersion, new: ModelVersion, score: Score) -> str:
    for version in (old, new):
        if not scores.has(version, score):
            return f"Version {version.number} has no probabilities."
        if version.threshold_of(score) is None:
            return f"Version {version.number} has no threshold of the {scores.WORDS[score]}."
    return ""


def compare(old: ModelVersion, new: ModelVersion, score: Score = Score.RECONSTRUCTION_LOSS) -> Comparison:
    """The two versions by one score, each at its own threshold on it, on the frames that people judged IN or OUT."""
    reviewed = reviewed_scores.load(old, new, score)
    limits = _limits(old, new, score)
    known = reviewed_scores.judged_before(reviewed, new)
    changes = _changed(reviewed, limits, score)
    before, after = reviewed.by_video(reviewed.old), reviewed.by_video(reviewed.new)
    return Comparison(
        score=score,
        old=_row(old, limits[0], before),
        new=_row(new, limits[1], after),
        gain=metrics.differences(after, before, resamples=RESAMPLES)["auroc"] if all(after) else None,
        reasons=comparison_reasons.rows(reviewed, limits, reviewed_scores.learned_from(reviewed, new, known)),
        reviewed=len(reviewed.frame_ids),
        in_frames=int((~reviewed.is_out).sum()),
        out_frames=int(reviewed.is_out.sum()),
        trained_on=int(reviewed_scores.learned_from(reviewed, new, known).sum()),
        unseen_old=rates.confusion(*reviewed.split(reviewed.old, ~known), limits[0]),
        unseen_new=rates.confusion(*reviewed.split(reviewed.new, ~known), limits[1]),
        changed_sides=_shown(reviewed, changes, limits),
        changed=len(changes),
    )


def _limits(old: ModelVersion, new: ModelVersion, score: Score) -> tuple[float, float]:
    found = old.threshold_of(score), new.threshold_of(score)
    assert found[0] is not None and found[1] is not None, "`choices` says which scores both versions have"
    return found[0], found[1]


def _row(version: ModelVersion, threshold: float, sources: tuple[Sources, Sources]) -> Row:
    inside, outside = (np.concatenate(side) if side else np.zeros(0) for side in sources)
    found = metrics.estimates(*sources, resamples=RESAMPLES) if all(sources) else {}
    return Row(
        version=version,
        threshold=threshold,
        confusion=rates.confusion(inside, outside, threshold),
        auroc=found.get("auroc"),
        average_precision=found.get("average_precision"),
        roc=rates.roc(inside, outside),
    )


def _changed(reviewed: Reviewed, limits: tuple[float, float], score: Score) -> NDArray[np.int64]:
    """Positions of frames that changed sides: those now wrong first, each group by how far they moved."""
    was, now = reviewed.old > limits[0], reviewed.new > limits[1]
    (changed,) = np.nonzero(was != now)
    if score == Score.RECONSTRUCTION_LOSS:  # losses of two versions compare in units of their thresholds
        moved = np.abs(reviewed.new / (limits[1] or 1.0) - reviewed.old / (limits[0] or 1.0))
    else:
        moved = np.abs((reviewed.new - limits[1]) - (reviewed.old - limits[0]))
    is_right = now == reviewed.is_out
    return changed[np.lexsort((-moved[changed], is_right[changed]))]


def _shown(reviewed: Reviewed, changes: NDArray[np.int64], limits: tuple[float, float]) -> list[Change]:
    shown = changes[:SHOWN_CHANGES]
    frames = Frame.objects.select_related("video").in_bulk(reviewed.frame_ids[shown].tolist())
    return [
        Change(
            frame=frames[int(reviewed.frame_ids[i])],
            verdict=Verdict.OUT if reviewed.is_out[i] else Verdict.IN,
            was_outlier=bool(reviewed.old[i] > limits[0]),
            is_outlier=bool(reviewed.new[i] > limits[1]),
        )
        for i in shown
    ]
