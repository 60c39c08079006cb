"""Video and the Upload that brings it in."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset


def revision_folder(revision: int) -> str:
    """Where objects of this revision of a video lie among its others; the first one has no folder of its own."""
    return f"r{revision}/" if revision else ""


class VideoQuerySet(models.QuerySet["Video"]):
    def reference(self) -> VideoQuerySet:
        return self.filter(is_reference=True)

    def in_progress(self) -> VideoQuerySet:
        return self.filter(state__in=[Video.State.UPLOADED, Video.State.EXTRACTING, Video.State.SCORING])

    def finished(self) -> VideoQuerySet:
        return self.filter(state__in=[Video.State.READY, Video.State.READY_WITH_WARNING])

    def waiting_for_a_model(self) -> VideoQuerySet:
        return self.filter(state=Video.State.EXTRACTED)

    def failed(self) -> VideoQuerySet:
        return self.filter(state=Video.State.FAILED)


class Video(models.Model):
    class State(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        EXTRACTING = "extracting", "Extracting"
        EXTRACTED = "extracted", "Waiting for a model"
        SCORING = "scoring", "Scoring"
        READY = "ready", "Ready"
        READY_WITH_WARNING = "ready_with_warning", "Ready, with a warning"
        FAILED = "failed", "Failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="videos")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=255, help_text="The client's file name; shown as text, never used as a path.")
    key = models.CharField(max_length=200, unique=True, help_text="The original's key in the object store.")
    size_bytes = models.BigIntegerField()
    content_type = models.CharField(max_length=100, default="application/octet-stream")
    is_reference = models.BooleanField(default=False, help_text="Every frame of it is taken as in distribution.")
    state = models.CharField(max_length=20, choices=State.choices, default=State.UPLOADED)
    note = models.TextField(blank=True, help_text="One line: why it failed, or what to mind.")

    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    codec = models.CharField(max_length=40, blank=True)
    fps = models.FloatField(null=True)
    declared_duration_s = models.FloatField(null=True)
    duration_s = models.FloatField(null=True, help_text="Decoded, not declared.")
    crop = models.CharField(
        max_length=60,
        blank=True,
        help_text="Bars to cut: empty = found by itself, 'none', or pixels 'left,top,right,bottom' as shown.",
    )
    bars = models.JSONField(null=True, help_text="Pixels cut on the left, top, right and bottom, as shown.")
    revision = models.PositiveIntegerField(default=0, help_text="Counts extractions that were asked for anew.")
    sampling = models.JSONField(
        null=True, help_text="Mode and step that its frames were taken with; kept when they are extracted anew."
    )
    frame_count = models.PositiveIntegerField(default=0, help_text="Sampled frames so far.")
    extracted_at = models.DateTimeField(null=True)
    segmented_by = models.CharField(
        max_length=120,
        blank=True,
        help_text="The version, score and threshold that its segments were found by, as curation/segment_rows.py "
        "writes them; empty before they were found.",
    )

    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VideoQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["dataset", "state"], name="video_by_state")]

    def __str__(self) -> str:
        return self.name

    def pack_key(self, chunk: int, kind: str, revision: int | None = None) -> str:
        """Key of one pack object; the same chunk of the same revision (by default the video's own) always has the same
        key, so a repeated PUT changes nothing, and what an older revision made stays readable."""
        suffix = {"thumbs": "thumbs", "inputs": "safetensors"}[kind]
        folder = revision_folder(self.revision if revision is None else revision)
        return f"packs/{self.uuid}/{folder}{chunk:06d}.{suffix}"


class Upload(models.Model):
    """A multipart upload under way; the parts themselves are counted by the object store, not here."""

    class State(models.TextChoices):
        OPEN = "open", "Uploading"
        DONE = "done", "Done"
        ABORTED = "aborted", "Cancelled"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=200, help_text="Name, size and time of the file: the same file resumes.")
    size_bytes = models.BigIntegerField()
    part_size_bytes = models.BigIntegerField()
    content_type = models.CharField(max_length=100)
    is_reference = models.BooleanField(default=False)
    key = models.CharField(max_length=200, unique=True)
    s3_upload_id = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    note = models.CharField(max_length=300, blank=True)
    video = models.OneToOneField(Video, null=True, on_delete=models.SET_NULL, related_name="upload")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "user", "fingerprint"],
                condition=models.Q(state="open"),
                name="one_open_upload_per_file",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"

    @property
    def part_count(self) -> int:
        return max(1, -(-self.size_bytes // self.part_size_bytes))

    def part_length(self, number: int) -> int:
        """Exact length in bytes of part `number` (1-based)."""
        return min(self.part_size_bytes, self.size_bytes - (number - 1) * self.part_size_bytes)
