"""TrainingRun: a frozen training set + config + progress + metrics; ends in a ModelVersion."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset
from curation.models.model_version import ModelVersion


class TrainingRun(models.Model):
    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        TRAINING = "training", "Training"
        RESCORING = "rescoring", "Rescoring"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN_STATES = (State.QUEUED, State.TRAINING, State.RESCORING)

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="training_runs")
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    note = models.TextField(blank=True, help_text="Why it failed, or what to mind.")
    config = models.JSONField(help_text="The engine's TrainConfig.")
    start_from = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.OneToOneField(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="training_run")
    is_everything = models.BooleanField(default=False, help_text="Nothing was marked: trained on every frame.")
    set_key = models.CharField(max_length=200, blank=True)
    set_sha256 = models.CharField(max_length=64, blank=True)
    set_videos = models.JSONField(default=list, help_text="Ids of the videos in its set, those held out included.")
    train_frames = models.PositiveIntegerField(default=0)
    train_videos = models.PositiveIntegerField(default=0)
    heldout_frames = models.PositiveIntegerField(default=0)
    heldout_videos = models.PositiveIntegerField(default=0)
    out_frames = models.PositiveIntegerField(default=0, help_text="Frames judged OUT that it learns from.")
    out_videos = models.PositiveIntegerField(default=0)
    parameters = models.PositiveBigIntegerField(null=True)
    device = models.CharField(max_length=80, blank=True)
    epochs_done = models.PositiveIntegerField(default=0)
    best_epoch = models.PositiveIntegerField(null=True)
    checkpoint_key = models.CharField(max_length=200, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(state__in=["queued", "training", "rescoring"]),
                name="one_open_run_per_dataset",
            )
        ]

    def __str__(self) -> str:
        return f"run of {self.created_at:%Y-%m-%d %H:%M}"

    def key(self, name: str) -> str:
        return f"runs/{self.uuid}/{name}"


class EpochMetric(models.Model):
    """One epoch of a run: losses are means per frame, in squared error summed over H x W x 3, and nats."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="epochs")
    epoch = models.PositiveIntegerField()
    train_reconstruction_loss = models.FloatField()
    train_kl = models.FloatField()
    heldout_reconstruction_loss = models.FloatField()
    heldout_kl = models.FloatField()
    frames_per_second = models.FloatField()
    elapsed_s = models.FloatField()

    class Meta:
        ordering = ["epoch"]
        constraints = [models.UniqueConstraint(fields=["run", "epoch"], name="one_metric_per_epoch")]

    def __str__(self) -> str:
        return f"epoch {self.epoch} of {self.run}"
