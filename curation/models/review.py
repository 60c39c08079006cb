"""Review: a person's word on a frame. Append-only; an undo is a new row."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset


class Verdict(models.TextChoices):
    NONE = "", "Unreviewed"
    IN = "in", "In distribution"
    OUT = "out", "Out of distribution"
    UNSURE = "unsure", "Unsure"


class ReviewQuerySet(models.QuerySet["Review"]):
    def applied(self) -> ReviewQuerySet:
        """Those that made a frame's verdict what it was after them."""
        return self.filter(is_conflict=False, is_opinion=False)

    def opinions(self) -> ReviewQuerySet:
        return self.filter(is_opinion=True)

    def conflicts(self) -> ReviewQuerySet:
        return self.filter(is_conflict=True)


class Review(models.Model):
    class Source(models.TextChoices):
        GALLERY = "gallery", "Gallery"
        FRAME = "frame", "Frame page"
        BULK = "bulk", "Bulk selection"
        SEGMENT = "segment", "Segment"
        UNDO = "undo", "Undo"
        API = "api", "API"
        AUDIT = "audit", "Audit"
        SECOND = "second", "Second opinion"
        SETTLE = "settle", "Settling two opinions"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="reviews")
    frame = models.ForeignKey("curation.Frame", on_delete=models.CASCADE, related_name="reviews")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="reviews")
    client_uuid = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="Made by the client: a repeat is the same review."
    )
    verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    reason = models.CharField(max_length=60, blank=True, help_text="Why OUT, in the dataset's words.")
    previous_reason = models.CharField(max_length=60, blank=True)
    previous_verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    seen_version = models.PositiveIntegerField(help_text="The frame's review_version that the person saw.")
    is_conflict = models.BooleanField(default=False, help_text="Stale: kept in the log, not applied.")
    is_opinion = models.BooleanField(
        default=False, help_text="A second person's word, given blind: kept in the log, it changes no verdict."
    )
    undoes = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="undone_by")
    decision = models.ForeignKey(
        "curation.Decision",
        null=True,
        on_delete=models.SET_NULL,
        related_name="reviews",
        help_text="The word on many frames that it is part of.",
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.GALLERY)
    model_version = models.ForeignKey(
        "curation.ModelVersion",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Active at that time.",
    )
    reconstruction_loss = models.FloatField(null=True, help_text="By that version.")
    threshold = models.FloatField(null=True, help_text="Of that version, at that time.")
    was_flagged = models.BooleanField(null=True, help_text="The model's side of the threshold then, by any score.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["frame", "id"], name="review_log_of_frame"),
            models.Index(fields=["dataset", "user", "id"], name="review_log_of_user"),
            models.Index(fields=["dataset", "created_at"], name="review_log_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.user} said {self.get_verdict_display()} on frame {self.frame_id}"

    @property
    def is_correction(self) -> bool | None:
        """True when the person disagreed with the model's side of the threshold; None when that can't be said."""
        if self.was_flagged is None or self.verdict not in (Verdict.IN, Verdict.OUT):
            return None
        return self.was_flagged != (self.verdict == Verdict.OUT)
