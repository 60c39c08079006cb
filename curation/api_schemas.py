"""What the JSON API takes and gives. Losses are squared errors summed over height x width x 3, times are seconds."""

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from django.urls import reverse
from ninja import Schema
from pydantic import Field

from curation.gallery import Card
from curation.models import Dataset, Export, ModelVersion, Review, Video
from curation.reviews import BULK_LIMIT, Outcome, ReviewRequest

MAX_PAGE = 500
BIGGEST_ID = 2**63 - 1


MEASURES = ("reconstruction_loss", "l1", "kl", "variance", "ood_score", "probability")


class Refusal(Schema):
    error: str


class DatasetOut(Schema):
    slug: str
    name: str
    description: str
    active_version: int | None
    flag_by: str = Field(description="The score that sorts by default and whose threshold flags frames.")
    threshold: float | None = Field(description="Of the active version's reconstruction loss; see its thresholds too.")
    target_tpr: float
    reasons: list[str] = Field(description="Names to choose from when a frame is judged out.")
    created_at: dt.datetime

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetOut":
        version = dataset.active_version
        return cls(
            slug=dataset.slug,
            name=dataset.name,
            description=dataset.description,
            active_version=version.number if version else None,
            flag_by=dataset.flag_by,
            threshold=version.threshold if version else None,
            target_tpr=dataset.target_tpr,
            reasons=dataset.reasons,
            created_at=dataset.created_at,
        )


class VideoOut(Schema):
    id: int
    uuid: UUID
    name: str
    state: str
    note: str
    is_reference: bool
    size_bytes: int
    frame_count: int
    duration_s: float | None
    width: int | None
    height: int | None
    created_at: dt.datetime

    @classmethod
    def of(cls, video: Video) -> "VideoOut":
        return cls(id=video.pk, **{name: getattr(video, name) for name in cls.model_fields if name != "id"})


class ThresholdOut(Schema):
    """Of one score; `low` and `high` bound its 95 % interval over other draws of held-out videos."""

    value: float
    low: float | None = None
    high: float | None = None
    frames: int | None = None
    videos: int | None = None
    folds: int | None = None
    note: str = ""


class ModelVersionOut(Schema):
    number: int
    state: str
    note: str
    is_active: bool
    threshold: float = Field(description="Of the reconstruction loss.")
    thresholds: dict[str, ThresholdOut]
    target_tpr: float
    heldout_frames: int
    heldout_videos: int
    metrics: dict[str, Any]
    weights_sha256: str
    created_at: dt.datetime

    @classmethod
    def of(cls, version: ModelVersion, dataset: Dataset) -> "ModelVersionOut":
        apart = ("is_active", "thresholds")
        values = {name: getattr(version, name) for name in cls.model_fields if name not in apart}
        return cls(
            is_active=version.pk == dataset.active_version_id,
            thresholds={score: ThresholdOut(**entry) for score, entry in version.thresholds.items()},
            **values,
        )


class FrameQuery(Schema):
    """As in the gallery's address."""

    video: int | None = None
    verdict: Literal["", "in", "out", "unsure", "unreviewed", "reviewed"] = ""
    side: Literal["", "above", "below"] = ""
    sort: Literal["", "loss", "loss_asc", "ood", "ood_asc", "probability", "probability_asc"] = Field(
        "", description="Empty: by the score that the dataset flags by. With _asc the most typical come first."
    )
    after: str | None = Field(None, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=MAX_PAGE)


class FrameOut(Schema):
    id: int
    video: int
    number: int
    time_s: float
    verdict: str = Field(description="in, out, unsure, or empty: unreviewed, which is not the same as normal.")
    reason: str = Field(description="Why it is out, in the dataset's words; empty when nobody said.")
    review_version: int = Field(description="Send it back as `seen` with a review.")
    reconstruction_loss: float | None
    l1: float | None
    kl: float | None
    variance: float | None
    ood_score: float | None
    probability: float | None = Field(description="Calibrated probability of out; null where none was worked out.")
    is_outlier: bool | None = Field(description="The side of the page's `threshold`, not a decision.")

    @classmethod
    def of(cls, card: Card) -> "FrameOut":
        return cls(
            id=card.frame.pk,
            video=card.frame.video_id,
            number=card.frame.number,
            time_s=card.frame.time_s,
            verdict=card.verdict,
            reason=card.frame.reason,
            review_version=card.frame.review_version,
            is_outlier=card.is_outlier,
            **{name: getattr(card.score, name, None) for name in MEASURES},
        )


class FramePage(Schema):
    frames: list[FrameOut]
    next: str | None
    model_version: int | None
    sorted_by: str | None = Field(description="The score that sorts: ood_score instead of a probability that is not.")
    threshold: float | None = Field(description="Of that score; null where the version has none.")


class ReviewQuery(Schema):
    after: int = Field(0, ge=0, le=BIGGEST_ID, description="`next` of the page before; 0 for the beginning.")
    limit: int = Field(100, ge=1, le=MAX_PAGE)


class ReviewOut(Schema):
    id: int
    uuid: UUID
    frame: int
    user: str | None
    verdict: str
    reason: str
    previous_verdict: str
    previous_reason: str
    seen: int
    is_conflict: bool
    is_opinion: bool = Field(description="A second person's word, given blind: it changes no verdict.")
    undoes: UUID | None
    source: str
    model_version: int | None
    reconstruction_loss: float | None
    threshold: float | None
    created_at: dt.datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewOut":
        same = (
            "verdict",
            "reason",
            "previous_verdict",
            "previous_reason",
            "is_conflict",
            "is_opinion",
            "source",
            "reconstruction_loss",
            "threshold",
            "created_at",
        )
        return cls(
            id=review.pk,
            uuid=review.client_uuid,
            frame=review.frame_id,
            user=review.user.get_username() if review.user else None,
            seen=review.seen_version,
            undoes=review.undoes.client_uuid if review.undoes else None,
            model_version=review.model_version.number if review.model_version else None,
            **{name: getattr(review, name) for name in same},
        )


class ReviewPage(Schema):
    reviews: list[ReviewOut]
    next: int | None


class ReviewIn(Schema):
    frame: int = Field(ge=1, le=BIGGEST_ID)
    verdict: Literal["in", "out", "unsure", ""] = Field("", description="Empty only together with `undoes`.")
    uuid: UUID = Field(description="Made by the client: the same uuid twice is one review.")
    seen: int = Field(ge=0, le=2**31 - 1, description="The frame's `review_version` that the decision is based on.")
    undoes: UUID | None = Field(None, description="The uuid of the review to take back.")
    reason: str = Field("", description="With out only: one of the dataset's `reasons`.")

    def as_request(self) -> ReviewRequest:
        return ReviewRequest(
            frame_id=self.frame,
            verdict=self.verdict,
            client_uuid=self.uuid,
            seen_version=self.seen,
            source=Review.Source.API,
            undoes=self.undoes,
            reason=self.reason,
        )


class ReviewBatch(Schema):
    reviews: list[ReviewIn] = Field(max_length=BULK_LIMIT)


class OutcomeOut(Schema):
    frame: int
    uuid: UUID
    status: str = Field(description="applied, repeated, conflict or missing.")
    verdict: str
    reason: str
    version: int
    by: str
    message: str

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeOut":
        return cls(
            frame=outcome.frame_id,
            uuid=outcome.client_uuid,
            status=outcome.status,
            verdict=outcome.verdict,
            reason=outcome.reason,
            version=outcome.review_version,
            by=outcome.by,
            message=outcome.message,
        )


class Outcomes(Schema):
    outcomes: list[OutcomeOut]


class ExportIn(Schema):
    format: Literal["csv", "json"] = "csv"
    verdict: Literal["", "in", "out", "unsure", "unreviewed", "reviewed"] = ""
    side: Literal["", "above", "below"] = ""
    video: int | None = None


class ExportOut(Schema):
    id: int
    format: str
    filters: dict[str, Any]
    state: str
    note: str
    rows: int
    size_bytes: int
    sha256: str
    model_version: int | None
    threshold: float | None = Field(description="Of the reconstruction loss; the manifest has those of every score.")
    created_at: dt.datetime
    download: str | None = Field(description="Path of the file once the state is done.")
    manifest: str | None = Field(description="Path of the manifest once the state is done.")

    @classmethod
    def of(cls, export: Export) -> "ExportOut":
        same = ("format", "filters", "state", "note", "rows", "size_bytes", "sha256", "threshold", "created_at")
        where = (export.dataset.slug, export.pk) if export.state == Export.State.DONE else None
        return cls(
            id=export.pk,
            model_version=export.model_version.number if export.model_version else None,
            download=reverse("export-download", args=where) if where else None,
            manifest=reverse("export-manifest", args=where) if where else None,
            **{name: getattr(export, name) for name in same},
        )
