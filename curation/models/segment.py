"""Segment: consecutive frames of one video on one side of the threshold; the unit of fast review."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from curation.models.dataset import Dataset
from curation.models.model_version import ModelVersion
from curation.models.review import Verdict
from curation.models.score import Score
from curation.models.video import Video

# Written out, not passed as a parameter: SQLite then knows that its partial indexes hold just these rows, and needn't
# look each up.
NONE_OPEN = models.Func(template="0", output_field=models.IntegerField())


class SegmentQuerySet(models.QuerySet["Segment"]):
    def open(self) -> SegmentQuerySet:
        """Those with a frame that nobody has judged."""
        return self.filter(open_frames__gt=NONE_OPEN)

    def on_side(self, *, is_outlier: bool) -> SegmentQuerySet:
        """Outlying or not; said as a list of one, because "WHERE is_outlier" alone is no use to an index of SQLite."""
        return self.filter(is_outlier__in=[is_outlier])

    def settled(self) -> SegmentQuerySet:
        return self.filter(open_frames=0)

    def judged(self) -> SegmentQuerySet:
        """Those that a person decided on as a whole: their edges stay."""
        return self.exclude(verdict=Verdict.NONE)


class Segment(models.Model):
    """Frames `first` to `last` of a video, both included. Together a video's segments hold each of its frames once.

    `score`, `threshold` and `model_version` are what its side was found by; the copy of `dataset` saves a join.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="segments")
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="segments")
    first = models.PositiveIntegerField(help_text="Number of its first frame.")
    last = models.PositiveIntegerField(help_text="Number of its last frame.")
    start_s = models.FloatField()
    end_s = models.FloatField()
    is_outlier = models.BooleanField(help_text="The side of the threshold, after smoothing over time.")
    mean = models.FloatField(help_text="Mean score of its frames.")
    worst = models.FloatField(help_text="Highest score of its frames.")
    worst_number = models.PositiveIntegerField(help_text="Number of the frame with the highest score.")
    certainty = models.FloatField(default=1.0, help_text="Mean of |2 P(outlying) - 1| over its frames.")
    diversity = models.PositiveIntegerField(
        default=0, help_text="Rank in an order in which each is as unlike those before it as can be."
    )
    draw = models.FloatField(default=0.0, help_text="A random number from 0 to 1: the order of the audit sample.")
    open_frames = models.PositiveIntegerField(help_text="Frames that nobody has judged.")

    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    score = models.CharField(max_length=20, choices=Score.choices)
    threshold = models.FloatField()

    verdict = models.CharField(max_length=6, choices=Verdict.choices, default=Verdict.NONE, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    judged_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["video", "first"]
        constraints = [
            models.UniqueConstraint(fields=["video", "first"], name="one_segment_per_first_frame"),
            models.CheckConstraint(condition=models.Q(last__gte=models.F("first")), name="segment_has_a_frame"),
        ]
        indexes = [
            models.Index(
                fields=["dataset", "is_outlier", "worst", "id"],
                condition=models.Q(open_frames__gt=0),
                name="open_segment_by_worst",
            ),
            models.Index(
                fields=["dataset", "certainty", "id"],
                condition=models.Q(open_frames__gt=0),
                name="open_segment_by_certainty",
            ),
            models.Index(
                fields=["dataset", "is_outlier", "diversity", "id"],
                condition=models.Q(open_frames__gt=0),
                name="open_segment_by_diversity",
            ),
            models.Index(
                fields=["dataset", "draw", "id"], condition=models.Q(open_frames__gt=0), name="open_segment_by_draw"
            ),
            models.Index(
                fields=["dataset", "is_outlier", "video", "id"],
                condition=models.Q(open_frames__gt=0),
                name="open_segment_by_video",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.video} #{self.first}-{self.last}"

    @property
    def frames(self) -> int:
        return self.last - self.first + 1
