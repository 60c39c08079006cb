"""Job: the durable record of work to be done. The Celery message is only a hint that wakes a worker."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from curation.models.dataset import Dataset
from curation.models.decision import Decision
from curation.models.export import Export
from curation.models.model_version import ModelVersion
from curation.models.training_run import TrainingRun
from curation.models.video import Video


class JobQuerySet(models.QuerySet["Job"]):
    def open(self) -> JobQuerySet:
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def finished(self) -> JobQuerySet:
        return self.filter(state__in=[Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED])

    def due(self) -> JobQuerySet:
        """Queued jobs whose time has come."""
        return self.filter(state=Job.State.QUEUED).filter(models.Q(run_after=None) | models.Q(run_after__lte=Now()))

    def abandoned(self) -> JobQuerySet:
        """Running jobs whose lease ran out: their worker is gone."""
        return self.filter(state=Job.State.RUNNING, lease_until__lt=Now())


class Job(models.Model):
    class Kind(models.TextChoices):
        EXTRACT = "extract", "Extract frames"
        SCORE = "score", "Score a video"
        TRAIN = "train", "Train a model"
        RESCORE = "rescore", "Rescore everything"
        EXPORT = "export", "Write an export"
        CALIBRATE = "calibrate", "Learn from the reviews"
        SEGMENT = "segment", "Find segments"
        DECIDE = "decide", "Apply a decision"

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    key = models.CharField(max_length=100, help_text="What it works on; one open job per key.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="jobs")
    video = models.ForeignKey(Video, null=True, on_delete=models.CASCADE, related_name="jobs")
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="jobs")
    training_run = models.ForeignKey(TrainingRun, null=True, on_delete=models.CASCADE, related_name="jobs")
    export = models.ForeignKey(Export, null=True, on_delete=models.CASCADE, related_name="jobs")
    decision = models.ForeignKey(Decision, null=True, on_delete=models.CASCADE, related_name="jobs")

    attempt = models.PositiveSmallIntegerField(default=0, help_text="Counted before the work starts.")
    fence = models.UUIDField(null=True, help_text="Token of the current claim; results are written only with it.")
    lease_until = models.DateTimeField(null=True)
    run_after = models.DateTimeField(null=True, help_text="Not before: back-off between attempts.")
    again = models.BooleanField(default=False, help_text="Asked for once more while it was running.")
    cancel_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=120, blank=True)
    progress = models.FloatField(default=0, help_text="0 to 1.")
    progress_note = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True, help_text="Why it failed, in one line for a person.")
    requested_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(state__in=["queued", "running"]), name="one_open_job_per_key"
            )
        ]
        indexes = [
            models.Index(fields=["state", "lease_until"], name="job_by_state"),
            models.Index(fields=["dataset", "-created_at"], name="job_by_dataset"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.state})"

    @property
    def is_open(self) -> bool:
        return self.state in (Job.State.QUEUED, Job.State.RUNNING)


class JobLine(models.Model):
    """One line of a job's log."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField(auto_now_add=True)
    text = models.CharField(max_length=500)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text
