"""ModelVersion: a trained VAE, its threshold, and the log of which version was active when."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset


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
    threshold = models.FloatField(help_text="Reconstruction loss above which a frame is called outlying.")
    target_tpr = models.FloatField()
    heldout_quantiles = models.JSONField(help_text="Quantiles of the held-out in-distribution losses, ascending.")
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
