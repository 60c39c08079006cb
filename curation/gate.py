"""The gate: a new version against the active one on the same frozen audit frames, promoted by itself only if better.

Better = its AUROC on the audit is higher with the confidence that the data set asks for, and no reason for OUT is told
worse with that confidence. AUROC, because thresholds are measured a second time after the first scores (by folds): the
gate must not wait for them, nor judge by what will change.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from django.db import transaction

from curation import audit_rates, audits, comparison, versions
from curation.models import AuditSample, Dataset, GateDecision, ModelVersion
from scoring.metrics import Estimate
from scoring.paired_rates import Versions, gains

FEWEST = 10  # judged frames of each kind, below which the gate stays shut
FEWEST_OF_A_REASON = 5
NO_AUDIT = "No audit serves, so nothing shows that it is better. Draw one and judge its frames."


@dataclass(frozen=True)
class Finding:
    """What the gate finds. `sentences`: why, one each; `reasons`: AUROC gained on each reason with enough frames."""

    is_better: bool
    sentences: list[str]
    gained: dict[str, Estimate] = field(default_factory=dict)
    reasons: dict[str, Estimate] = field(default_factory=dict)


def measure(dataset: Dataset, base: ModelVersion, new: ModelVersion, sample: AuditSample | None) -> Finding:
    """Whether `new` may take the place of `base`, by the confidence that the data set asks for."""
    if sample is None:
        return Finding(False, [NO_AUDIT])
    choices = [choice for choice in comparison.choices(base, new) if not choice.refusal]
    if not choices:
        return Finding(False, ["The two versions have no score in common."])
    pair, reasons = audit_rates.pair(sample, base, new, comparison.default_score(dataset, choices))
    inside, outside = int((~pair.old.is_out).sum()), int(pair.old.is_out.sum())
    if min(inside, outside) < FEWEST:
        return Finding(False, [_too_few(inside, outside)])
    gained = gains(pair, confidence=dataset.gate_confidence)
    return _found(gained, _by_reason(pair, reasons, dataset.gate_confidence), dataset.gate_confidence)


def decide(version: ModelVersion) -> GateDecision | None:
    """Let the data set's gate judge a version that has just scored every frame, once, and promote it if it may. None
    where people promote by hand, and where there is no active version to be better than."""
    dataset = Dataset.objects.select_related("active_version").get(pk=version.dataset_id)
    base = dataset.active_version
    if dataset.promotion != Dataset.Promotion.GATE or base is None or base.pk == version.pk:
        return None
    if GateDecision.objects.filter(model_version=version).exists():
        return None
    sample = audits.serving(dataset)
    found = measure(dataset, base, version, sample)
    with transaction.atomic():
        decision = GateDecision.objects.create(
            model_version=version,
            base=base,
            sample=sample,
            outcome=GateDecision.Outcome.PROMOTED if found.is_better else GateDecision.Outcome.REFUSED,
            confidence=dataset.gate_confidence,
            sentences=found.sentences,
            figures={name: _wire(each) for name, each in (found.gained | found.reasons).items()},
        )
        if found.is_better:
            versions.activate(version=version, by=None)
    return decision


def _too_few(inside: int, outside: int) -> str:
    return (
        f"The audit has {inside} frames judged IN and {outside} judged OUT that both versions scored; the gate needs "
        f"{FEWEST} of each. Judge on."
    )


def _by_reason(pair: Versions, reasons: np.ndarray, confidence: float) -> dict[str, Estimate]:
    """AUROC gained on the frames of one reason against all IN frames."""
    is_out, found = pair.old.is_out, {}
    for reason in sorted(set(reasons[is_out])):
        of = is_out & (reasons == reason)
        if of.sum() >= FEWEST_OF_A_REASON:
            found[str(reason) or "no reason given"] = gains(pair.only(~is_out | of), confidence=confidence)["auroc"]
    return found


def _found(gained: dict[str, Estimate], reasons: dict[str, Estimate], confidence: float) -> Finding:
    auroc, lost = gained["auroc"], {name: each for name, each in reasons.items() if each.high < 0}
    figures = f"{_signed(auroc)[:-1]} with {100 * confidence:g} % confidence)"
    if auroc.low > 0:
        sentences = [f"On the audit its AUROC is higher: {figures}."]
    elif auroc.high < 0:
        sentences = [f"On the audit its AUROC is lower: {figures}."]
    else:
        sentences = [f"On the audit its AUROC changes by {figures}: that shows no gain."]
    sentences += [f"{name.capitalize()} is told worse: AUROC {_signed(each)}." for name, each in lost.items()]
    return Finding(auroc.low > 0 and not lost, sentences, gained, {f"reason: {k}": v for k, v in reasons.items()})


def _signed(found: Estimate) -> str:
    words = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    return words.replace("-", "−")  # noqa: RUF001


def _wire(found: Estimate) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}
