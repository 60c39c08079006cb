"""Frame, the packs that hold its pixels, and the machine's word on it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, FilteredRelation, OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat

from curation.models.calibration import Calibration
from curation.models.model_version import ModelVersion
from curation.models.review import Verdict
from curation.models.score import Score
from curation.models.video import Video, revision_folder


class Pack(models.Model):
    """One chunk of a video's frames: a thumbnails object and a model-inputs object in the object store."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="packs")
    chunk = models.PositiveIntegerField()
    revision = models.PositiveIntegerField(default=0, help_text="The video's revision that made its objects.")
    first_number = models.PositiveIntegerField()
    frame_count = models.PositiveSmallIntegerField()
    thumbs_bytes = models.PositiveIntegerField()
    inputs_bytes = models.PositiveIntegerField()
    is_complete = models.BooleanField(default=False, help_text="All its frame rows are written.")

    class Meta:
        ordering = ["video", "chunk"]
        constraints = [models.UniqueConstraint(fields=["video", "chunk"], name="one_pack_per_chunk")]

    def __str__(self) -> str:
        return f"{self.video} / {self.chunk}"

    @property
    def thumbs_key(self) -> str:
        return self.video.pack_key(self.chunk, "thumbs", self.revision)

    @property
    def inputs_key(self) -> str:
        return self.video.pack_key(self.chunk, "inputs", self.revision)

    def features_key(self, version: ModelVersion) -> str:
        """Where the features of its frames by a version lie; the same pack of the same revision has the same key."""
        folder = revision_folder(self.revision)
        return f"features/{version.uuid}/{self.video.uuid}/{folder}{self.chunk:06d}.safetensors"


class FrameQuerySet(models.QuerySet["Frame"]):
    def unreviewed(self) -> FrameQuerySet:
        return self.filter(verdict=Verdict.NONE)

    def reviewed(self) -> FrameQuerySet:
        return self.exclude(verdict=Verdict.NONE)

    def measured(self, version: ModelVersion, score: str) -> FrameQuerySet:
        """Adds `word`, the row of FrameScore by this version, and `measure`, its number on a score; None without."""
        rows = self.alias(word=FilteredRelation("scores", condition=Q(scores__model_version=version)))
        if score != Score.PROBABILITY:
            return rows.annotate(measure=F(f"word__{score}"))
        found = FrameProbability.objects.of_version(version).filter(frame=OuterRef("pk"))
        return rows.annotate(measure=Subquery(found.values("value")[:1]))


class Frame(models.Model):
    """A sampled frame. `number` counts sampled frames; `time_s` may repeat or go backwards, `number` never does."""

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="frames")
    pack = models.ForeignKey(Pack, on_delete=models.CASCADE, related_name="frames")
    number = models.PositiveIntegerField()
    time_s = models.FloatField()
    thumb_offset = models.PositiveIntegerField()
    thumb_bytes = models.PositiveIntegerField()
    shot_start = models.BooleanField(default=False, help_text="The first frame of a shot, as seen at extraction.")
    copy_of = models.PositiveIntegerField(
        null=True, help_text="Number of the frame that it nearly repeats; null when it is none's copy."
    )
    copies = models.PositiveSmallIntegerField(
        default=0, help_text="How many frames right after it nearly repeat it; never beyond its pack."
    )
    verdict = models.CharField(max_length=6, choices=Verdict.choices, default=Verdict.NONE, blank=True)
    reason = models.CharField(max_length=60, blank=True, help_text="Why it is OUT, in the dataset's words.")
    review_version = models.PositiveIntegerField(default=0, help_text="Reviews applied so far; a stale one is refused.")

    objects = FrameQuerySet.as_manager()

    class Meta:
        ordering = ["video", "number"]
        constraints = [models.UniqueConstraint(fields=["video", "number"], name="one_frame_per_number")]
        indexes = [models.Index(fields=["video", "verdict", "number"], name="frame_by_verdict")]

    def __str__(self) -> str:
        return f"{self.video} #{self.number}"


OWN = ("id", "video_id", "reconstruction_loss", "kl", "ood_score", "l1", "variance")  # of FrameScore


class FrameProbabilityQuerySet(models.QuerySet["FrameProbability"]):
    def of_version(self, version: ModelVersion) -> FrameProbabilityQuerySet:
        """Those by the fit that stands for it."""
        fit = Calibration.objects.standing().filter(model_version=version).order_by().values("pk")
        return self.filter(calibration=Subquery(fit[:1]))

    def with_scores(self, version: ModelVersion) -> FrameProbabilityQuerySet:
        """For `beside_score`, in one query."""
        rows = self.alias(word=FilteredRelation("frame__scores", condition=Q(frame__scores__model_version=version)))
        own = {f"own_{name}": F(f"word__{name}") for name in OWN}
        return rows.annotate(**own).select_related("frame__video")

    def in_order_of(self, *keys: str, is_upward: bool = False) -> FrameProbabilityQuerySet:
        """By these keys, then by frame; from the highest down unless `is_upward`."""
        return self.order_by(*((key if is_upward else f"-{key}") for key in (*keys, "frame_id")))


class FrameProbability(models.Model):
    """What one fit to the verdicts says of a frame: the probability of OUT, 0 to 1.

    Narrow rows of their own, because a fit gives every frame another number: a million rows are inserted in seconds,
    updated in minutes. Verdict and word about copies are what stands beside the scores. The database doesn't check the
    references: for each of a million rows PostgreSQL would run a query, and lock frames that somebody is judging.
    """

    calibration = models.ForeignKey(
        Calibration, on_delete=models.CASCADE, related_name="probabilities", db_index=False, db_constraint=False
    )
    frame = models.ForeignKey(
        "Frame", on_delete=models.CASCADE, related_name="probabilities", db_index=False, db_constraint=False
    )
    value = models.FloatField(help_text="Calibrated probability of OUT.")
    verdict = models.CharField(max_length=6, choices=Verdict.choices, default=Verdict.NONE, blank=True)
    is_copy = models.BooleanField(default=False, help_text="The frame nearly repeats one before it: Frame.copy_of.")

    objects = FrameProbabilityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "frame probabilities"
        constraints = [models.UniqueConstraint(fields=["frame", "calibration"], name="one_probability_per_fit")]
        indexes = [
            models.Index(fields=["calibration", "value", "frame", "is_copy"], name="probability_by_value"),
            models.Index(fields=["calibration", "verdict", "value", "frame", "is_copy"], name="probability_by_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.frame_id} by fit {self.calibration_id}: {self.value:.3f}"

    def beside_score(self, version: ModelVersion) -> FrameScore:
        """The frame's row of FrameScore with the probability beside it, from a query `with_scores`."""
        own = {name: getattr(self, f"own_{name}") for name in OWN}
        row = FrameScore(frame=self.frame, model_version=version, verdict=self.verdict, is_copy=self.is_copy, **own)
        setattr(row, Score.PROBABILITY, self.value)
        return row


class FrameScoreQuerySet(models.QuerySet["FrameScore"]):
    def of_version(self, version: ModelVersion) -> FrameScoreQuerySet:
        return self.filter(model_version=version)

    def with_probability(self) -> FrameScoreQuerySet:
        """Adds `probability`, by the fit that stands for the row's version; None where there is none."""
        found = FrameProbability.objects.filter(
            frame=OuterRef("frame"), calibration__model_version=OuterRef("model_version"), calibration__stands=True
        )
        return self.annotate(probability=Subquery(found.order_by().values("value")[:1]))

    def without_probability(self) -> FrameScoreQuerySet:
        return self.with_probability().filter(**{f"{Score.PROBABILITY}__isnull": True})

    def having(self, score: str) -> FrameScoreQuerySet:
        """Those that have this score, which can be asked for by its name then."""
        rows = self.with_probability() if score == Score.PROBABILITY else self
        return rows.filter(**{f"{score}__isnull": False})

    def worst_first(self, score: str = Score.RECONSTRUCTION_LOSS) -> FrameScoreQuerySet:
        """Frames that lack the score are left out."""
        return self.having(score).in_order_of(score)

    def in_order_of(self, *keys: str, is_upward: bool = False) -> FrameScoreQuerySet:
        """By these keys, then by frame; from the highest down unless `is_upward`."""
        return self.order_by(*((key if is_upward else f"-{key}") for key in (*keys, "frame_id")))

    def apart_from_indexes(self, score: str) -> FrameScoreQuerySet:
        """Adds `measure` and `said`, the score and the verdict as sums that no index knows: rows chosen by these are
        read by what else is asked for, and sorted in memory."""
        return self.alias(measure=F(score) + 0, said=Concat("verdict", Value("")))

    def unreviewed(self) -> FrameScoreQuerySet:
        return self.filter(verdict=Verdict.NONE)

    def flagged(self, threshold: float, score: str = Score.RECONSTRUCTION_LOSS) -> FrameScoreQuerySet:
        """Frames on the outlying side of the threshold of this score."""
        return self.having(score).filter(**{f"{score}__gt": threshold})


class FrameScore(models.Model):
    """The machine's word on (frame, model version); higher = more outlying. The verdict is a copy that saves a join."""

    frame = models.ForeignKey(Frame, on_delete=models.CASCADE, related_name="scores")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scores")
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="scores")
    reconstruction_loss = models.FloatField(help_text="Squared error summed over H x W x 3, pixels in [0, 1].")
    kl = models.FloatField(help_text="KL divergence of the posterior from N(0, I), in nats.")
    ood_score = models.FloatField(help_text="The version's own outlier score; label-free for a fresh model.")
    l1 = models.FloatField(null=True, help_text="Absolute error summed over H x W x 3, pixels in [0, 1].")
    variance = models.FloatField(null=True, help_text="Squared deviation from each channel's mean, summed.")
    verdict = models.CharField(max_length=6, choices=Verdict.choices, default=Verdict.NONE, blank=True)
    is_copy = models.BooleanField(default=False, help_text="The frame nearly repeats one before it: Frame.copy_of.")

    objects = FrameScoreQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["frame", "model_version"], name="one_score_per_version")]
        # Each ends with what folds near copies: they are passed over within the index.
        indexes = [
            models.Index(fields=["model_version", "reconstruction_loss", "frame", "is_copy"], name="score_by_loss"),
            models.Index(
                fields=["model_version", "verdict", "reconstruction_loss", "frame", "is_copy"], name="score_by_verdict"
            ),
            models.Index(
                fields=["model_version", "video", "reconstruction_loss", "frame", "is_copy"], name="score_by_video"
            ),
            models.Index(fields=["model_version", "ood_score", "frame", "is_copy"], name="score_by_ood"),
            models.Index(
                fields=["model_version", "verdict", "ood_score", "frame", "is_copy"], name="score_by_verdict_ood"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.frame} by version {self.model_version_id}: {self.reconstruction_loss:.1f}"

    def value(self, score: str) -> float | None:
        """The frame's number on a score of models/score.py; of a probability where the query asked for it."""
        found: float | None = getattr(self, score)
        return found


class ScoredPack(models.Model):
    """Marks a pack whose every frame has a score by this version; written last, so a killed scoring resumes here."""

    pack = models.ForeignKey(Pack, on_delete=models.CASCADE, related_name="scored")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="scored_packs")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model_version", "pack"], name="one_mark_per_scored_pack")]

    def __str__(self) -> str:
        return f"{self.pack} by {self.model_version}"
