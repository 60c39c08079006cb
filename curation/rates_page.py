"""What the page of honest rates shows: a version at a threshold, its curves, what to do next, and how it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from curation import audit_rates, audit_reviews, audits, label_efficiency, scores
from curation.audit_rates import Judged, RateRow
from curation.audit_reviews import Progress
from curation.label_efficiency import Point
from curation.models import AuditSample, Dataset, ModelVersion, Score
from curation.problems import Problem
from curation.scores import Choice
from curation.stop_advice import Advice, Known, Lesson, Targets, advise
from scoring import audit_curves
from scoring.honest_rates import floor
from scoring.metrics import Estimate


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the address asks for; None: the active version, the score that flags, the version's own threshold."""

    version: int | None = None
    by: str = ""
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """`is_own`: the threshold is the version's own. judged_in, judged_out: blind verdicts on frames it scored."""

    sample: AuditSample
    progress: Progress
    version: ModelVersion
    score: Score
    threshold: float
    is_own: bool
    choices: list[Choice]
    versions: list[ModelVersion]
    judged_in: int
    judged_out: int
    videos: int
    rows: list[RateRow]
    advice: Advice
    curves: dict[str, Any]
    points: list[Point]

    @property
    def points_data(self) -> dict[str, list[Any]]:
        """Columns for the chart of label efficiency; one version per number of reviews, the newest."""
        by_reviews = {point.reviews: point for point in self.points}
        rows = [by_reviews[reviews] for reviews in sorted(by_reviews)]
        names = ("tpr", "fpr", "auroc")
        bounds = {name: [_bounds(point.rates.get(name)) for point in rows] for name in names}
        return {"reviews": [p.reviews for p in rows], "versions": [p.version.number for p in rows], **bounds}

    @property
    def few_videos(self) -> bool:
        return any(row.estimate.few_sources for row in self.rows if row.estimate)


def _bounds(found: Estimate | None) -> list[float] | None:
    return [found.value, found.low, found.high] if found else None


def look(dataset: Dataset, sample: AuditSample, asked: Asked) -> Look:
    """Raises Problem for a version, a score or a threshold that isn't there."""
    version = _version(dataset, asked.version)
    choices = _choices(version)
    score = _score(dataset, version, choices, asked.by)
    own = version.threshold_of(score) or 0.0
    threshold = own if asked.threshold is None else asked.threshold
    judged = audit_rates.load(sample, version, score)
    found = audit_rates.rates(judged, threshold)
    progress = audit_reviews.progress(sample)
    points = label_efficiency.points(dataset, sample, score)
    return Look(
        sample=sample,
        progress=progress,
        version=version,
        score=score,
        threshold=threshold,
        is_own=asked.threshold is None,
        choices=choices,
        versions=list(dataset.model_versions.usable()),
        judged_in=int((~judged.audited.is_out).sum()),
        judged_out=int(judged.audited.is_out.sum()),
        videos=sample.videos.count(),
        rows=audit_rates.rows(found),
        advice=advise(
            known(sample, judged, found, threshold, progress.left), targets(dataset), lesson(dataset, points)
        ),
        curves=_curves(judged, score, threshold),
        points=points,
    )


def advice(dataset: Dataset) -> Advice | None:
    """For the review page: of the active version at its threshold of the score that flags. None without an audit."""
    sample, version = audits.serving(dataset), dataset.active_version
    if sample is None or version is None:
        return None
    score = scores.flag_score(dataset, version)
    judged = audit_rates.load(sample, version, score)
    threshold = version.threshold_of(score) or 0.0
    found = audit_rates.rates(judged, threshold)
    left = audit_reviews.progress(sample).left
    taught = lesson(dataset, label_efficiency.points(dataset, sample, score))
    return advise(known(sample, judged, found, threshold, left), targets(dataset), taught)


def targets(dataset: Dataset) -> Targets:
    return Targets(tpr=dataset.target_tpr, fpr=dataset.target_fpr, half_width=dataset.target_half_width)


def known(sample: AuditSample, judged: Judged, found: dict[str, Estimate], threshold: float, left: int) -> Known:
    audited = judged.audited
    accepted = audited.scores <= threshold
    sides = {"tpr": ~audited.is_out, "fpr": audited.is_out}
    return Known(
        rates=found,
        floors={name: floor(audited, among, accepted) for name, among in sides.items() if among.any()},
        judged_in=int((~audited.is_out).sum()),
        judged_out=int(audited.is_out.sum()),
        left=left,
        pace_s=audit_reviews.pace_s(sample),
        undrawn=sum(audits.strata_sizes(sample)) - sample.frames.count(),
    )


def lesson(dataset: Dataset, points: list[Point]) -> Lesson | None:
    """What the last retraining taught: the last two versions that were trained from different numbers of reviews."""
    known_fpr = [point for point in points if "fpr" in point.rates]
    for before, after in zip(reversed(known_fpr[:-1]), reversed(known_fpr[1:]), strict=True):
        if after.reviews > before.reviews:
            gain = after.rates["fpr"].value - before.rates["fpr"].value
            return Lesson(
                gain=gain, reviews=after.reviews - before.reviews, pace_s=label_efficiency.review_pace_s(dataset)
            )
    return None


def _version(dataset: Dataset, number: int | None) -> ModelVersion:
    if number is None and dataset.active_version is not None:
        return dataset.active_version
    found = dataset.model_versions.usable().filter(Q(number=number) if number is not None else Q()).first()
    if found is None:
        raise Problem("There is no such version in this data set.", status=404)
    return found


def _choices(version: ModelVersion) -> list[Choice]:
    made = []
    for choice in scores.choices(version):
        refusal = choice.refusal
        if not refusal and version.threshold_of(choice.score) is None:
            refusal = f"Version {version.number} has no threshold of the {scores.WORDS[choice.score]}."
        made.append(Choice(score=choice.score, name=choice.name, label=choice.label, refusal=refusal))
    return made


def _score(dataset: Dataset, version: ModelVersion, choices: list[Choice], by: str) -> Score:
    if by and by not in scores.BY_NAME:
        raise Problem(f"Scores are {', '.join(scores.BY_NAME)}; not {by[:20]!r}.")
    usable = [choice.score for choice in choices if not choice.refusal]
    asked = scores.BY_NAME.get(by)
    return asked if asked in usable else scores.flag_score(dataset, version)


def _curves(judged: Judged, score: Score, threshold: float) -> dict[str, Any]:
    if not len(judged):
        return {}
    edges, counts = audit_curves.histogram(judged.audited, judged.kinds)
    return {
        "roc": audit_curves.roc(judged.audited),
        "pr": audit_curves.precision_recall(judged.audited),
        "edges": edges,
        "kinds": counts,
        "score": scores.NAMES[score],
        "label": scores.WORDS[score],
        "threshold": threshold,
    }
