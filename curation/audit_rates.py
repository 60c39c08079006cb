"""Honest rates of a model version at a threshold, from the verdicts of an audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation import audit_reviews, audits
from curation.models import AuditSample, FrameScore, ModelVersion, Score, Verdict
from scoring.honest_rates import Audited, estimates, stratum_weights
from scoring.metrics import Estimate
from scoring.paired_rates import Versions, gains

FEW = 20  # judged frames below which figures say next to nothing
LABELS = {
    "tpr": ("IN frames accepted", "TPR"),
    "fpr": ("OUT frames let through", "FPR"),
    "precision": ("Picks that are OUT", "precision"),
    "prevalence": ("Frames that are OUT", "prevalence"),
    "auroc": ("OUT ranked above IN", "AUROC"),
    "average_precision": ("Average precision", "AP"),
}


@dataclass(frozen=True)
class Judged:
    """The audit's frames with verdict IN or OUT that a version has scored: what estimates need, and what pages show."""

    audited: Audited
    frames: NDArray[np.int64]
    reasons: NDArray[np.str_]

    @property
    def kinds(self) -> NDArray[np.str_]:
        """ "in", or the reason for OUT, or "out" where nobody said why."""
        out = np.where(self.reasons == "", "out", self.reasons)
        return np.where(self.audited.is_out, out, "in")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class RateRow:
    """One figure for the page; `estimate` is None while it can't be told."""

    name: str
    label: str
    short: str
    estimate: Estimate | None

    @property
    def at(self) -> tuple[str, str, str]:
        """Where the interval begins, how wide it is, and where the figure lies, on a scale of 100."""
        if self.estimate is None:
            return "0", "0", "0"
        low, high, value = (100 * each for each in (self.estimate.low, self.estimate.high, self.estimate.value))
        return f"{low:.1f}", f"{high - low:.1f}", f"{min(value, 99.2):.1f}"

    @property
    def sentence(self) -> str:
        return sentence(self.name, self.estimate) if self.estimate else ""


@dataclass(frozen=True)
class Said:
    """What was said of an audit's frames, IN or OUT: verdict, reason and stratum of each; and the strata's sizes."""

    words: dict[int, tuple[str, str, int]]
    population: list[int]


def said(sample: AuditSample) -> Said:
    words = {frame: word for frame, word in audit_reviews.words(sample).items() if word[0] in (Verdict.IN, Verdict.OUT)}
    strata = dict(sample.frames.filter(frame__in=list(words)).values_list("frame_id", "stratum"))
    return Said({frame: (*words[frame], strata[frame]) for frame in strata}, audits.strata_sizes(sample))


def load(sample: AuditSample, version: ModelVersion, score: Score, *, known: Said | None = None) -> Judged:
    """Frames that the version has no such score of count as not judged. `known`: what was said, where it was read."""
    known = known or said(sample)
    words = known.words
    rows = FrameScore.objects.of_version(version).having(score).filter(frame__in=list(words))
    found = list(rows.order_by("frame_id").values_list("frame_id", "video_id", score))
    frames = [row[0] for row in found]
    audited = Audited(
        scores=np.array([row[2] for row in found], float),
        is_out=np.array([words[frame][0] == Verdict.OUT for frame in frames], bool),
        weights=stratum_weights(np.array([words[frame][2] for frame in frames], np.int64), known.population),
        videos=np.array([row[1] for row in found], np.int64),
    )
    return Judged(audited, np.array(frames, np.int64), np.array([words[frame][1] for frame in frames], np.str_))


def rates(judged: Judged, threshold: float) -> dict[str, Estimate]:
    """As scoring/honest_rates.py; nothing without a judged frame."""
    return estimates(judged.audited, threshold) if len(judged) else {}


def rows(found: dict[str, Estimate]) -> list[RateRow]:
    return [RateRow(name, *words, found.get(name)) for name, words in LABELS.items()]


def pair(
    sample: AuditSample, old: ModelVersion, new: ModelVersion, score: Score, limits: tuple[float, float] | None = None
) -> tuple[Versions, NDArray[np.str_]]:
    """Both versions on the frames that both have scored, and the reason of each; `limits`: their thresholds, by default
    each one's own."""
    known = said(sample)
    before, after = (load(sample, version, score, known=known) for version in (old, new))
    both = np.intersect1d(before.frames, after.frames, assume_unique=True)
    kept, found = np.isin(before.frames, both), np.isin(after.frames, both)
    own = (old.threshold_of(score) or 0.0, new.threshold_of(score) or 0.0)
    return Versions(before.audited.only(kept), after.audited.scores[found], limits or own), before.reasons[kept]


def differences(sample: AuditSample, old: ModelVersion, new: ModelVersion, score: Score) -> dict[str, Estimate]:
    """What `new` gains on `old`, with 95 % intervals; nothing without a judged frame that both have scored."""
    versions, _ = pair(sample, old, new, score)
    return gains(versions) if len(versions.new) else {}


def sentence(name: str, found: Estimate) -> str:
    """The figure for a person who never heard of it."""
    share = f"about {_hundredths(found.value)} (between {_hundredths(found.low)} and {_hundredths(found.high)})"
    return {
        "tpr": f"Of 100 frames that belong, {share} pass.",
        "fpr": f"Of 100 frames that don't belong, {share} pass all the same.",
        "precision": f"Of 100 frames above the threshold, {share} don't belong.",
        "prevalence": f"Of 100 frames of these recordings, {share} don't belong.",
        "auroc": f"Of 100 pairs of one OUT and one IN frame, {share} have the OUT frame on top.",
        "average_precision": "How few IN frames stand among the highest scores: 100 % is none at all.",
    }[name]


def _hundredths(share: float) -> str:
    value = share * 100
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}"
