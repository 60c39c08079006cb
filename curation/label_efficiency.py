"""Did the corrections help? Every version on the same audit frames, against the reviews it could learn from."""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import dataclass
from itertools import pairwise

from curation import audit_rates
from curation.audit_rates import Said
from curation.audit_reviews import BREAK_S
from curation.models import AuditSample, Dataset, ModelVersion, Review, Score
from scoring.honest_rates import estimates
from scoring.metrics import Estimate

MOST_VERSIONS = 30
USUAL_PACE_S = 1.0
SHOWN = ("tpr", "fpr", "auroc")


@dataclass(frozen=True)
class Point:
    """A version, the reviews given before its training began, and its rates at its own threshold."""

    version: ModelVersion
    reviews: int
    rates: dict[str, Estimate]


def points(dataset: Dataset, sample: AuditSample, score: Score) -> list[Point]:
    """The last versions that have a threshold of the score, oldest first; those without a judged audit frame are left
    out."""
    versions = dataset.model_versions.usable().select_related("training_run").order_by("-number")[:MOST_VERSIONS]
    known = audit_rates.said(sample)
    found = [_point(sample, version, score, known) for version in versions if version.threshold_of(score) is not None]
    return [point for point in reversed(found) if point.rates]


def _point(sample: AuditSample, version: ModelVersion, score: Score, known: Said) -> Point:
    judged = audit_rates.load(sample, version, score, known=known)
    threshold = version.threshold_of(score) or 0.0
    found = estimates(judged.audited, threshold, SHOWN) if len(judged) else {}
    return Point(version, reviews_of(version) if found else 0, found)


def reviews_of(version: ModelVersion) -> int:
    """As `reviews_before`, from the version's own record where it has one: counting a long log takes a while."""
    kept = version.metrics.get("reviews")
    return reviews_before(version) if kept is None else int(kept)


def reviews_before(version: ModelVersion) -> int:
    """Reviews that stood when the version's training set was frozen, those of audits left out: they taught nothing."""
    run = getattr(version, "training_run", None)
    return reviews_given(version.dataset_id, run.created_at if run else version.created_at)


def reviews_given(dataset_id: int, until: dt.datetime) -> int:
    """Reviews that were applied before a moment, but for those of audits."""
    log = Review.objects.applied().filter(dataset_id=dataset_id, created_at__lt=until)
    return log.exclude(source=Review.Source.AUDIT).count()


def review_pace_s(dataset: Dataset) -> float:
    """Seconds per reviewed frame of the queue and the gallery, at the pace of the last five hundred."""
    log = Review.objects.applied().filter(dataset=dataset).exclude(source=Review.Source.AUDIT)
    times = list(log.order_by("-id").values_list("created_at", flat=True)[:500])
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(times)]
    steps = [gap for gap in gaps if 0 <= gap < BREAK_S]
    return max(statistics.mean(steps), 0.05) if len(steps) >= 10 else USUAL_PACE_S
