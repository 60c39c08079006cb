"""What the JSON API takes and gives about training runs."""

import datetime as dt
from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from curation.models import TrainingRun


class RunIn(Schema):
    preset: Literal["small", "article", "large"] = "small"
    loss: Literal["", "squared", "relative"] = Field("", description="Empty: as the version's, or squared.")
    epochs: int | None = Field(None, ge=1, le=10_000, description="Left out: chosen by the size of the set.")
    start_from: int | None = Field(None, description="Number of the version to go on from; it keeps its own size.")
    retrain: bool = Field(False, description="Learn from both verdicts, IN and OUT.")
    everything: bool = Field(False, description="Train on every frame that nobody judged OUT.")
    seed: int = Field(0, ge=0, le=2**31 - 1)


class RunOut(Schema):
    id: int
    state: str
    note: str
    config: dict[str, Any]
    start_from: int | None
    version: int | None = Field(description="Number of the version it made.")
    train_frames: int
    train_videos: int
    out_frames: int = Field(description="Frames judged OUT that it learns from.")
    out_videos: int
    heldout_frames: int
    heldout_videos: int
    epochs_done: int
    requested_by: str | None
    created_at: dt.datetime
    finished_at: dt.datetime | None

    @classmethod
    def of(cls, run: TrainingRun) -> "RunOut":
        own = {"id", "start_from", "version", "requested_by"}
        return cls(
            id=run.pk,
            start_from=run.start_from.number if run.start_from else None,
            version=run.version.number if run.version else None,
            requested_by=run.requested_by.get_username() if run.requested_by else None,
            **{name: getattr(run, name) for name in cls.model_fields if name not in own},
        )
