"""Decision: one word of a person on many frames at once, and the frozen lists of frames that such a word is on."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset
from curation.models.review import Verdict
from curation.models.segment import Segment
from curation.models.video import Video


class Selection(models.Model):
    """The frames that passed some filters at one moment, each with the review_version that was seen then."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="selections")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    query = models.TextField(blank=True, help_text="The gallery's address that it was made from.")
    count = models.PositiveIntegerField()
    frames = models.BinaryField(help_text="zlib: ids as little-endian int64 (N), then review versions as int32 (N).")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.count} frames of {self.dataset}"


class Decision(models.Model):
    """Writes one Review per frame; its id makes a repeat the same decision. An undo is a decision of its own."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", "Segment"
        SELECTION = "selection", "Selection"
        UNDO = "undo", "Undo"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="decisions")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, help_text="Made by the client.")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="decisions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    video = models.ForeignKey(Video, null=True, on_delete=models.CASCADE, related_name="+")
    first = models.PositiveIntegerField(null=True, help_text="Number of the first frame it is on, within the video.")
    last = models.PositiveIntegerField(null=True)
    segment = models.ForeignKey(Segment, null=True, on_delete=models.SET_NULL, related_name="decisions")
    selection = models.ForeignKey(Selection, null=True, on_delete=models.SET_NULL, related_name="decisions")
    undoes = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="undone_by")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DONE)
    applied = models.PositiveIntegerField(default=0, help_text="Frames whose verdict it set.")
    kept = models.PositiveIntegerField(default=0, help_text="Frames that somebody had changed meanwhile: left alone.")
    message = models.TextField(blank=True, help_text="Who changed what meanwhile, in a sentence.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["dataset", "user", "id"], name="decision_log_of_user")]

    def __str__(self) -> str:
        return f"{self.user} said {self.get_verdict_display()} on {self.applied} frames"
