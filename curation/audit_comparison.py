"""Two versions on the audit's frames: what one gains on the other, honestly, and what the gate says of it."""

from __future__ import annotations

from dataclasses import dataclass

from curation import audit_rates, audits, comparison, gate
from curation.audit_rates import LABELS
from curation.gate import Finding
from curation.models import Dataset, GateDecision, ModelVersion, Score
from scoring import audit_curves
from scoring.honest_rates import estimates
from scoring.metrics import Estimate

SHOWN = ("tpr", "fpr", "auroc")
LESS_IS_BETTER = ("fpr",)


@dataclass(frozen=True)
class Row:
    """One rate of both versions, each at its own threshold, and the difference, new - old."""

    name: str
    label: str
    short: str
    old: Estimate | None
    new: Estimate | None
    gain: Estimate | None

    @property
    def change(self) -> str:
        """ "better" or "worse" where the interval of the difference leaves out 0."""
        if self.gain is None or self.gain.low <= 0 <= self.gain.high:
            return ""
        return "better" if (self.gain.value > 0) != (self.name in LESS_IS_BETTER) else "worse"


@dataclass(frozen=True)
class OnTheAudit:
    """`finding`: what the gate says now; `reasons`: AUROC gained by reason, at the gate's confidence."""

    rows: list[Row]
    in_frames: int
    out_frames: int
    finding: Finding
    reasons: dict[str, Estimate]
    roc: tuple[list[tuple[float, float]], list[tuple[float, float]]]


def look(dataset: Dataset, old: ModelVersion, new: ModelVersion, score: Score) -> OnTheAudit | None:
    """None without an audit that serves."""
    sample = audits.serving(dataset)
    if sample is None or old.threshold_of(score) is None or new.threshold_of(score) is None:
        return None
    pair, _ = audit_rates.pair(sample, old, new, score)
    judged = len(pair.new) > 0
    before, after = pair.old, pair.old.by(pair.new)
    figures = [
        estimates(side, limit) if judged else {} for side, limit in zip((before, after), pair.limits, strict=True)
    ]
    gained = audit_rates.differences(sample, old, new, score)
    finding = gate.measure(dataset, old, new, sample)
    return OnTheAudit(
        rows=[Row(name, *LABELS[name], figures[0].get(name), figures[1].get(name), gained.get(name)) for name in SHOWN],
        in_frames=int((~before.is_out).sum()),
        out_frames=int(before.is_out.sum()),
        finding=finding,
        reasons={name.removeprefix("reason: "): each for name, each in finding.reasons.items()},
        roc=(audit_curves.roc(before), audit_curves.roc(after)) if judged else ([], []),
    )


def decision(version: ModelVersion) -> GateDecision | None:
    return GateDecision.objects.select_related("base").filter(model_version=version).first()


def score_of(dataset: Dataset, old: ModelVersion, new: ModelVersion) -> Score | None:
    choices = comparison.choices(old, new)
    return comparison.default_score(dataset, choices) if any(not choice.refusal for choice in choices) else None
