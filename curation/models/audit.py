"""AuditSample: a random, stratified draw of frames to review, from which unbiased rates are estimated."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset
from curation.models.frame import Frame
from curation.models.model_version import ModelVersion
from curation.models.score import Score
from curation.models.video import Video


class AuditSampleQuerySet(models.QuerySet["AuditSample"]):
    def serving(self) -> AuditSampleQuerySet:
        return self.filter(state=AuditSample.State.SERVING)

    def retired(self) -> AuditSampleQuerySet:
        return self.filter(state=AuditSample.State.RETIRED)


class AuditSample(models.Model):
    """A frozen draw. While it serves, no frame of its videos is trained on. The population: every frame of its videos
    up to `last_frame` that `model_version` had scored, in strata of `score` that end at `cuts`."""

    class State(models.TextChoices):
        SERVING = "serving", "Serving"
        RETIRED = "retired", "Retired"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="audits")
    state = models.CharField(max_length=10, choices=State.choices, default=State.SERVING)
    seed = models.PositiveBigIntegerField()
    model_version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Its scores made the strata."
    )
    score = models.CharField(max_length=20, choices=Score.choices)
    cuts = models.JSONField(help_text="Where strata end: scores, ascending; one less than there are strata.")
    population = models.JSONField(help_text="Video -> its frames in each stratum, the least outlying first.")
    last_frame = models.PositiveBigIntegerField(help_text="The highest id of a frame in the population.")
    videos = models.ManyToManyField(Video, related_name="audits")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    objects = AuditSampleQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=models.Q(state="serving"), name="one_serving_audit_per_dataset"
            )
        ]

    def __str__(self) -> str:
        return f"audit of {self.created_at:%Y-%m-%d %H:%M}"


class AuditFrame(models.Model):
    """A drawn frame. `inclusion`: the chance that it had to be drawn, top-ups included."""

    sample = models.ForeignKey(AuditSample, on_delete=models.CASCADE, related_name="frames")
    frame = models.ForeignKey(Frame, on_delete=models.CASCADE, related_name="audits")
    stratum = models.PositiveSmallIntegerField()
    place = models.PositiveIntegerField(help_text="The order to ask in; every beginning is a draw of its own.")
    inclusion = models.FloatField()

    class Meta:
        ordering = ["sample_id", "place"]
        constraints = [
            models.UniqueConstraint(fields=["sample", "frame"], name="one_audit_row_per_frame"),
            models.UniqueConstraint(fields=["sample", "place"], name="one_audit_frame_per_place"),
        ]

    def __str__(self) -> str:
        return f"{self.frame} in the {self.sample}"


class GateDecision(models.Model):
    """What the gate said of a new version, once, when it had scored every frame. Append-only."""

    class Outcome(models.TextChoices):
        PROMOTED = "promoted", "Promoted"
        REFUSED = "refused", "Refused"

    model_version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="gate")
    base = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    sample = models.ForeignKey(AuditSample, null=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    confidence = models.FloatField()
    sentences = models.JSONField(help_text="Why, one sentence each.")
    figures = models.JSONField(default=dict, help_text="Name, or reason, -> what it gained: value, low, high.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.model_version} {self.outcome}"
