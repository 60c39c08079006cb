"""Score: the measures that frames are sorted and flagged by. Higher is more outlying in each."""

from __future__ import annotations

from django.db import models


class Score(models.TextChoices):
    """Values are the names of FrameScore's fields."""

    RECONSTRUCTION_LOSS = "reconstruction_loss", "Reconstruction loss"
    OOD_SCORE = "ood_score", "Outlier score"
    PROBABILITY = "probability", "Probability of OUT"
