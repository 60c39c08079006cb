"""ModelVersion: a trained VAE, its threshold, and the log of which version was active when."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset
from curation.models.score import Score


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def ready(self) -> ModelVersionQuerySet:
        return self.filter(state=ModelVersion.State.READY)

    def usable(self) -> ModelVersionQuerySet:
        """Versions that new videos are scored with: all but failed ones."""
        return self.exclude(state=ModelVersion.State.FAILED)


class ModelVersion(models.Model):
    class State(models.TextChoices):
        RESCORING = "rescoring", "Rescoring"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="model_versions")
    number = models.PositiveIntegerField()
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RESCORING)
    note = models.TextField(blank=True)
    config = models.JSONField(help_text="The VAE's configuration, as in the weights' own metadata.")
    weights_key = models.CharField(max_length=200)
    weights_sha256 = models.CharField(max_length=64)
    weights_bytes = models.BigIntegerField()
    tensors = models.JSONField(help_text="Name -> [dtype, shape] of every tensor; checked before use.")
    metrics = models.JSONField(default=dict)
    preprocessing = models.JSONField(default=dict, help_text="How the frames were made that it learned from.")
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    target_tpr = models.FloatField()
    thresholds = models.JSONField(
        default=dict,
        help_text="Score -> value, its 95 % interval (low, high), note, frames, videos, folds, and the quantiles of "
        "the held-out in-distribution scores, ascending.",
    )
    heldout_frames = models.PositiveIntegerField()
    heldout_videos = models.PositiveIntegerField()
    activate_when_ready = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"version {self.number}"

    @property
    def threshold(self) -> float:
        """Reconstruction loss above which a frame is called outlying."""
        return float(self.thresholds[Score.RECONSTRUCTION_LOSS]["value"])

    @property
    def heldout_quantiles(self) -> list[float]:
        """Quantiles of the held-out in-distribution reconstruction losses, ascending."""
        return self.quantiles_of(Score.RECONSTRUCTION_LOSS)

    def threshold_of(self, score: str) -> float | None:
        """The value of a score above which a frame is called outlying; None where the version has none."""
        entry = self.thresholds.get(score)
        return float(entry["value"]) if entry else None

    def quantiles_of(self, score: str) -> list[float]:
        """Quantiles of the held-out in-distribution scores, ascending; empty where they were not kept."""
        return list(self.thresholds.get(score, {}).get("quantiles", []))


class Activation(models.Model):
    """Append-only: who made which version the active one, and when."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="activations")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="activations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.model_version} activated at {self.created_at:%Y-%m-%d %H:%M}"
