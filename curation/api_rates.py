"""The JSON API on honest rates: the audit that serves, and what it says of a version at a threshold. Read only."""

import datetime as dt
from typing import Literal

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from curation import audits, rates_page
from curation.api_schemas import Refusal
from curation.audit_reviews import progress
from curation.models import AuditSample, Dataset
from curation.permissions import dataset_for
from curation.rates_page import Asked, Look
from scoring.metrics import Estimate

router = Router(tags=["rates"])
REFUSALS = {400: Refusal, 401: Refusal, 403: Refusal, 404: Refusal, 422: Refusal}


class EstimateOut(Schema):
    value: float
    low: float = Field(description="Lower end of the 95 % interval.")
    high: float
    few_videos: bool = Field(description="It rests on effectively fewer than five videos.")

    @classmethod
    def of(cls, found: Estimate) -> "EstimateOut":
        return cls(value=found.value, low=found.low, high=found.high, few_videos=found.few_sources)


class AuditOut(Schema):
    id: int
    score: str = Field(description="The score whose strata it was drawn from.")
    model_version: int | None
    seed: int
    videos: list[int] = Field(description="Set aside: never trained on while it serves.")
    strata: list[int] = Field(description="Frames of the population in each stratum, the least outlying first.")
    frames: int
    judged: int
    unsure: int
    created_at: dt.datetime

    @classmethod
    def of(cls, sample: AuditSample) -> "AuditOut":
        found = progress(sample)
        return cls(
            id=sample.pk,
            score=sample.score,
            model_version=sample.model_version.number if sample.model_version else None,
            seed=sample.seed,
            videos=sorted(sample.videos.values_list("pk", flat=True)),
            strata=audits.strata_sizes(sample),
            frames=found.frames,
            judged=found.judged,
            unsure=found.unsure,
            created_at=sample.created_at,
        )


class RatesQuery(Schema):
    version: int | None = Field(None, ge=0, description="Number of a version; the active one when left out.")
    by: Literal["", "loss", "ood", "probability"] = Field("", description="The score that flags when left out.")
    threshold: float | None = Field(None, description="The version's own when left out.")


class PointOut(Schema):
    version: int
    reviews: int = Field(description="Reviews that it could learn from.")
    rates: dict[str, EstimateOut]


class RatesOut(Schema):
    version: int
    score: str
    threshold: float
    judged_in: int
    judged_out: int
    rates: dict[str, EstimateOut] = Field(description="tpr, fpr, precision, prevalence, auroc, average_precision.")
    advice: str
    advice_state: str
    versions: list[PointOut] = Field(description="Every version on this audit, at its own threshold, oldest first.")

    @classmethod
    def of(cls, look: Look) -> "RatesOut":
        return cls(
            version=look.version.number,
            score=look.score,
            threshold=look.threshold,
            judged_in=look.judged_in,
            judged_out=look.judged_out,
            rates={row.name: EstimateOut.of(row.estimate) for row in look.rows if row.estimate},
            advice=look.advice.sentence,
            advice_state=look.advice.state,
            versions=[
                PointOut(
                    version=point.version.number,
                    reviews=point.reviews,
                    rates={name: EstimateOut.of(each) for name, each in point.rates.items()},
                )
                for point in look.points
            ],
        )


@router.get("/{slug}/audit", response={200: AuditOut, **REFUSALS})
def audit(request: HttpRequest, slug: str) -> AuditOut:
    """The audit that serves; 404 without one. Its frames are judged on the page, blind."""
    return AuditOut.of(_serving(dataset_for(request, slug)))


@router.get("/{slug}/rates", response={200: RatesOut, **REFUSALS})
def rates(request: HttpRequest, slug: str, query: Query[RatesQuery]) -> RatesOut:
    """Estimates with 95 % intervals over videos, from the audit that serves; 404 without one."""
    dataset = dataset_for(request, slug)
    asked = Asked(version=query.version, by=query.by, threshold=query.threshold)
    return RatesOut.of(rates_page.look(dataset, _serving(dataset), asked))


def _serving(dataset: Dataset) -> AuditSample:
    sample = audits.serving(dataset)
    if sample is None:
        raise Http404
    return sample
