"""Calibration: what one fit to the reviews made of a model version's features."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from curation.models.model_version import ModelVersion


class CalibrationQuerySet(models.QuerySet["Calibration"]):
    def standing(self) -> CalibrationQuerySet:
        """Those whose probabilities people see: one per version at most."""
        return self.filter(stands=True)


class Calibration(models.Model):
    """A logistic regression from features to the probability of OUT. `note` says why there are no parameters."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="calibrations")
    in_reviews = models.PositiveIntegerField(help_text="Frames with verdict IN that it was fitted to.")
    out_reviews = models.PositiveIntegerField(help_text="Frames with verdict OUT that it was fitted to.")
    parameters = models.JSONField(default=dict, help_text="As scoring/recalibrate.py writes them; empty when refused.")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, help_text="When the verdicts were read.")
    applied_at = models.DateTimeField(null=True, help_text="When every frame's probability was written.")
    stands = models.BooleanField(default=False, help_text="Its probabilities are the version's; others wait or go.")

    objects = CalibrationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version"], condition=models.Q(stands=True), name="one_standing_fit_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"calibration of {self.model_version} on {self.in_reviews + self.out_reviews} reviews"

    @property
    def digest_key(self) -> str:
        """Where what a refit needs lies: scoring/refit.py."""
        return f"calibrations/{self.model_version.uuid}/{self.created_at:%Y%m%dT%H%M%S.%f}.safetensors"
