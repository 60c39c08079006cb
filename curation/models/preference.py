"""What belongs to one person: their keys and sizes, and the views they saved."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset


class Preference(models.Model):
    """`keys`: action -> key, where it isn't the usual one. `tile`: width of the gallery's tiles in CSS pixels."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preference")
    keys = models.JSONField(default=dict, blank=True)
    tile = models.PositiveSmallIntegerField(default=0, help_text="0: the usual width.")

    def __str__(self) -> str:
        return f"preferences of {self.user}"


class SavedView(models.Model):
    """A gallery address under a name; shared ones are seen by every member."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="saved_views")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True, help_text="URL-encoded, as curation/gallery_filters.py writes it.")
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["dataset", "user", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name
