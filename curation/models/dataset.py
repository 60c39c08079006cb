"""Dataset: videos that share one notion of "in distribution", and the people who work on them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from curation.models.score import Score


class Role(models.TextChoices):
    """What a member may do; each role includes those before it."""

    VIEWER = "viewer", "Viewer"
    CURATOR = "curator", "Curator"
    ADMIN = "admin", "Admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


def default_reasons() -> list[str]:
    return ["advertisement", "other content", "graphics", "damaged picture"]


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> DatasetQuerySet:
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(memberships__user_id=user.pk) if user.pk else self.none()


class Dataset(models.Model):
    class Sampling(models.TextChoices):
        SECONDS = "seconds", "every n seconds"
        NTH = "nth", "every nth frame"
        KEYFRAMES = "keyframes", "key frames only"

    class Bars(models.TextChoices):
        CROP = "crop", "cut off"
        KEEP = "keep", "keep"

    class Promotion(models.TextChoices):
        HAND = "hand", "an admin"
        GATE = "gate", "itself, if better on the audit"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, unique=True)
    description = models.TextField(blank=True)
    sampling_mode = models.CharField(max_length=12, choices=Sampling.choices, default=Sampling.SECONDS)
    sampling_step = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.01), MaxValueValidator(3600)],
        help_text="Seconds between frames, or n for every nth frame.",
    )
    input_height = models.PositiveSmallIntegerField(
        default=60, validators=[MinValueValidator(16), MaxValueValidator(512)]
    )
    input_width = models.PositiveSmallIntegerField(
        default=80, validators=[MinValueValidator(16), MaxValueValidator(512)]
    )
    bars = models.CharField(
        max_length=4, choices=Bars.choices, default=Bars.CROP, help_text="What becomes of black bars round the picture."
    )
    reasons = models.JSONField(default=default_reasons, help_text="Names to choose from when a frame is judged OUT.")
    flag_by = models.CharField(
        max_length=20,
        choices=Score.choices,
        default=Score.RECONSTRUCTION_LOSS,
        help_text="The score that sorts the gallery and whose threshold flags frames.",
    )
    target_tpr = models.FloatField(
        default=0.95,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text="Share of in-distribution frames that the threshold should accept.",
    )
    promotion = models.CharField(
        max_length=4, choices=Promotion.choices, default=Promotion.HAND, help_text="Who makes a new version active."
    )
    gate_confidence = models.FloatField(
        default=0.95,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text="How sure a gain must be for a new version to become active by itself.",
    )
    target_fpr = models.FloatField(
        default=0.10,
        validators=[MinValueValidator(0.001), MaxValueValidator(0.9)],
        help_text="Share of out-of-distribution frames that may be let through.",
    )
    target_half_width = models.FloatField(
        default=0.05,
        validators=[MinValueValidator(0.005), MaxValueValidator(0.5)],
        help_text="How well TPR and FPR should be known: half of the width of their 95 % intervals.",
    )
    second_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of judged frames that a second person judges as well, blind.",
    )
    active_version = models.ForeignKey(
        "curation.ModelVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    my_role: Role | None = None  # set by permissions.dataset_for for the user who asks

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CURATOR)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint(fields=["dataset", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.dataset}"
