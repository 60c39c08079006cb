"""Tally: counts of frames that are kept, never counted: append-only changes, folded into one row now and then."""

from __future__ import annotations

from django.db import models

from curation.models.calibration import Calibration
from curation.models.dataset import Dataset
from curation.models.model_version import ModelVersion


class Tally(models.Model):
    """A change of counts, written in the transaction that changes what is counted; the sum of a version's rows is its
    count. So writers never wait for each other, and a rolled-back transaction leaves nothing behind.

    `counts` of a version: score -> bin (as text) -> [unreviewed, IN, OUT, unsure]; without a version, of all frames of
    the data set: {"frames": {"0": [unreviewed, IN, OUT, unsure]}}. Probabilities are counted by fit, `calibration`,
    also while they are being written: to a version's own counts belong those of the fit that stands.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="tallies")
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="tallies")
    calibration = models.ForeignKey(Calibration, null=True, on_delete=models.CASCADE, related_name="tallies")
    counts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "tallies"
        indexes = [models.Index(fields=["dataset", "model_version", "id"], name="tally_of_version")]

    def __str__(self) -> str:
        return f"tally {self.pk} of {self.model_version or self.dataset}"
