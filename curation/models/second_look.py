"""SecondLook: a frame that two people judge, each without knowing the other's word."""

from __future__ import annotations

import random

from django.db import models

from curation.models.dataset import Dataset
from curation.models.review import Review


def drawn() -> float:
    return random.random()  # noqa: S311  (an order, no secret)


class SecondLookQuerySet(models.QuerySet["SecondLook"]):
    def waiting(self) -> SecondLookQuerySet:
        """Those that lack the second word."""
        return self.filter(state=SecondLook.State.WAITING)

    def differing(self) -> SecondLookQuerySet:
        """Those whose two words differ, and that nobody has settled."""
        return self.filter(state=SecondLook.State.DIFFERING)

    def answered(self) -> SecondLookQuerySet:
        """Those that have both words, whatever came of them."""
        return self.exclude(second=None)


class SecondLook(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the second word"
        AGREED = "agreed", "Both said the same"
        DIFFERING = "differing", "They differ"
        SETTLED = "settled", "They differed; it was decided"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="second_looks")
    frame = models.OneToOneField("curation.Frame", on_delete=models.CASCADE, related_name="second_look")
    first = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Review, null=True, on_delete=models.SET_NULL, related_name="+")
    settled_by = models.ForeignKey(Review, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    draw = models.FloatField(default=drawn, help_text="The queue's order.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SecondLookQuerySet.as_manager()

    class Meta:
        ordering = ["draw", "id"]
        indexes = [models.Index(fields=["dataset", "state", "draw"], name="second_look_by_state")]

    def __str__(self) -> str:
        return f"second look at {self.frame_id} ({self.state})"
