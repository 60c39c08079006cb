"""What an export holds: its filters, its columns, and its rows, read in batches with flat memory.

A snapshot is two marks, the last review and the last frame at the time of asking, plus one model version, its
thresholds and the score that flags. The verdict of a frame is replayed from the log up to the mark, so the rows stay
those of that moment while people go on reviewing, without a transaction held open: on SQLite that would stop every
writer, and on PostgreSQL vacuum. (A review that was being committed in the very moment of asking may fall on either
side of the mark. Probabilities are those of the moment of writing: a fit to newer verdicts replaces them.)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import FilteredRelation, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from curation import scores
from curation.models import Dataset, Frame, FrameProbability, ModelVersion, Review, Score, Verdict, Video
from curation.problems import Problem

BATCH = 2000  # frames a query: about 1 MB of rows
MEASURES = ("reconstruction_loss", "l1", "kl", "variance", "ood_score")  # columns of FrameScore

COLUMNS: dict[str, str] = {
    "video": "Name of the video's file, as uploaded.",
    "video_id": "Number of the video in this installation.",
    "video_uuid": "Identifier of the video that is unique everywhere.",
    "is_reference": "true when the whole video is marked as in distribution.",
    "frame_number": "Counts the sampled frames of the video from 0, in decoding order.",
    "time_s": "Presentation time of the frame in the video, in seconds.",
    "verdict": "A person's word: in, out, unsure, or unreviewed. An unreviewed frame is not a normal frame.",
    "decision": "in or out where a person decided; empty for unsure and unreviewed. Never filled in from the model.",
    "reason": "Why the frame is out, in the data set's words; empty when nobody said.",
    "reviewed_by": "User name of the person whose verdict stands.",
    "reviewed_at": "When that verdict was given, ISO 8601 in UTC.",
    "review_count": "Reviews applied to the frame so far, undone ones and their undos included.",
    "is_correction": "true when the verdict disagrees with the model's side of the threshold at that time.",
    "model_version": "Number of the model version behind the columns that follow.",
    "reconstruction_loss": "Squared error summed over height x width x 3, pixels in [0, 1]. Higher = more outlying.",
    "l1": "Absolute error summed over height x width x 3, pixels in [0, 1].",
    "kl": "KL divergence of the posterior from the standard normal, in nats.",
    "variance": "Squared deviation from the mean of each colour, summed: how much there was to reconstruct.",
    "ood_score": "The version's own outlier score, the frame's variance taken into account. Higher = more outlying.",
    "probability": "Probability of out, learned from the verdicts; empty where none was worked out.",
    "threshold": "Reconstruction loss above which the model calls a frame outlying.",
    "ood_threshold": "The same for the outlier score; empty when the version has none.",
    "probability_threshold": "The same for the probability; empty when the version has none.",
    "flagged_by": "The score that is_outlier goes by: reconstruction_loss, ood_score or probability.",
    "is_outlier": "true when that score is above its threshold: the model's side, not a decision.",
}
VERDICTS = {
    "": "any",
    "reviewed": "reviewed",
    "unreviewed": "unreviewed",
    "in": "in distribution",
    "out": "out of distribution",
    "unsure": "unsure",
}
SIDES = {"": "any", "above": "above the threshold", "below": "at or below the threshold"}

Row = dict[str, Any]


@dataclass(frozen=True)
class ExportFilters:
    """Which frames to take. `verdict` is a key of VERDICTS, `side` of SIDES, `video` a video's id or None for all."""

    verdict: str = ""
    side: str = ""
    video: int | None = None

    @classmethod
    def from_values(cls, dataset: Dataset, values: Mapping[str, Any]) -> ExportFilters:
        """Checked filters. Raises Problem for an unknown name or value, and for a video of another dataset."""
        unknown = sorted(set(values) - {"verdict", "side", "video"})
        if unknown:
            raise Problem(f"There is no export filter named {unknown[0]!r}.")
        verdict, side = str(values.get("verdict") or ""), str(values.get("side") or "")
        if verdict not in VERDICTS or side not in SIDES:
            raise Problem(f"An export can't be filtered by {verdict if verdict not in VERDICTS else side!r}.")
        return cls(verdict=verdict, side=side, video=_video_id(dataset, values.get("video")))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def takes(self, verdict: str) -> bool:
        """Whether a frame with this verdict is wanted."""
        if self.verdict in ("reviewed", "unreviewed"):
            return (verdict != Verdict.NONE) == (self.verdict == "reviewed")
        return self.verdict in ("", verdict)


@dataclass(frozen=True)
class Snapshot:
    """The moment an export shows. Without a model version the score columns are empty. `thresholds` by score, and the
    score that flagged then, are kept because both may move afterwards."""

    dataset: Dataset
    version: ModelVersion | None
    thresholds: dict[str, float]
    flagged_by: str
    last_review: int
    last_frame: int
    at: dt.datetime

    @classmethod
    def now(cls, dataset: Dataset) -> Snapshot:
        version = dataset.active_version
        reviews = Review.objects.filter(dataset=dataset).order_by("-id").values_list("id", flat=True)
        last_frame = Frame.objects.filter(video__dataset=dataset).aggregate(last=Max("id"))["last"]
        entries = version.thresholds if version else {}
        thresholds = {score: float(entry["value"]) for score, entry in entries.items()}
        flagged_by = scores.flag_score(dataset, version) if version else Score.RECONSTRUCTION_LOSS
        return cls(dataset, version, thresholds, flagged_by, reviews.first() or 0, last_frame or 0, timezone.now())

    @property
    def flag_threshold(self) -> float | None:
        return self.thresholds.get(self.flagged_by)

    def is_outlier(self, value: float | None) -> bool | None:
        """The side of a frame with this value of the score that flags; None where either is missing."""
        return None if value is None or self.flag_threshold is None else value > self.flag_threshold


def rows(snapshot: Snapshot, filters: ExportFilters) -> Iterator[Row]:
    """One dict per frame with the keys of COLUMNS, by video and number. Memory stays flat: BATCH frames at a time."""
    videos = snapshot.dataset.videos.order_by("id")
    for video in videos.filter(pk=filters.video) if filters.video else videos:
        for batch in _batches(snapshot, filters, video):
            verdicts = _last_reviews(snapshot, [frame["id"] for frame in batch])
            for frame in batch:
                count, review = verdicts.get(frame["id"], (0, None))
                if filters.takes(review.verdict if review else Verdict.NONE):
                    yield _row(snapshot, video, frame, count, review)


def count_frames(snapshot: Snapshot, filters: ExportFilters) -> int:
    """Frames that `rows` looks at, for progress; sampled frames, not rows, so that it costs no scan."""
    videos = snapshot.dataset.videos.filter(pk=filters.video) if filters.video else snapshot.dataset.videos.all()
    return sum(videos.values_list("frame_count", flat=True))


def _batches(snapshot: Snapshot, filters: ExportFilters, video: Video) -> Iterator[list[dict[str, Any]]]:
    """Keyset batches by number; `loss`, `kl` and `ood` come from the snapshot's version."""
    frames = _scored(snapshot, filters, video)
    last = -1
    while batch := list(frames.filter(number__gt=last)[:BATCH]):
        yield batch
        last = batch[-1]["number"]


def _scored(snapshot: Snapshot, filters: ExportFilters, video: Video) -> QuerySet[Any, dict[str, Any]]:
    version = snapshot.version.pk if snapshot.version else 0
    frames = Frame.objects.filter(video=video, pk__lte=snapshot.last_frame)
    if filters.verdict not in ("", "unreviewed"):
        frames = frames.filter(review_version__gt=0)  # at least one review; `rows` looks which one stood at the mark
    likely = FrameProbability.objects.filter(
        frame=OuterRef("pk"), calibration__model_version=version, calibration__stands=True
    )
    scored = frames.annotate(
        score=FilteredRelation("scores", condition=Q(scores__model_version=version)),
        probability=Subquery(likely.values("value")[:1]),
    )
    if filters.side:
        side = "gt" if filters.side == "above" else "lte"
        scored = scored.filter(**{f"{_column(snapshot.flagged_by)}__{side}": snapshot.flag_threshold or 0.0})
    names = ("id", "number", "time_s", "probability", *map(_column, MEASURES))
    values: QuerySet[Any, dict[str, Any]] = scored.order_by("number").values(*names)
    return values


def _column(score: str) -> str:
    """Where `_scored` has it."""
    return score if score == Score.PROBABILITY else f"score__{score}"


def _last_reviews(snapshot: Snapshot, frame_ids: list[int]) -> dict[int, tuple[int, Review]]:
    """Frame id -> (applied reviews, the last of them), up to the snapshot's mark.

    By range of ids instead of a list: frames of one video lie together, and databases limit the length of a list.
    """
    reviews = Review.objects.applied().filter(dataset=snapshot.dataset, pk__lte=snapshot.last_review)
    reviews = reviews.filter(frame_id__gte=min(frame_ids), frame_id__lte=max(frame_ids))
    found: dict[int, tuple[int, Review]] = {}
    for review in reviews.select_related("user").order_by("frame_id", "id"):
        found[review.frame_id] = (found.get(review.frame_id, (0, review))[0] + 1, review)
    return found


def _row(snapshot: Snapshot, video: Video, frame: dict[str, Any], count: int, review: Review | None) -> Row:
    standing = review if review and review.verdict != Verdict.NONE else None
    verdict = standing.verdict if standing else Verdict.NONE
    return {
        "video": video.name,
        "video_id": video.pk,
        "video_uuid": str(video.uuid),
        "is_reference": video.is_reference,
        "frame_number": frame["number"],
        "time_s": frame["time_s"],
        "verdict": str(verdict) or "unreviewed",
        "decision": str(verdict) if verdict in (Verdict.IN, Verdict.OUT) else "",
        "reason": standing.reason if standing else "",
        "reviewed_by": standing.user.get_username() if standing and standing.user else "",
        "reviewed_at": standing.created_at.isoformat(timespec="seconds") if standing else None,
        "review_count": count,
        "is_correction": standing.is_correction if standing else None,
        "model_version": snapshot.version.number if snapshot.version else None,
        **{name: frame[_column(name)] for name in (*MEASURES, Score.PROBABILITY.value)},
        "threshold": snapshot.thresholds.get(Score.RECONSTRUCTION_LOSS),
        "ood_threshold": snapshot.thresholds.get(Score.OOD_SCORE),
        "probability_threshold": snapshot.thresholds.get(Score.PROBABILITY),
        "flagged_by": snapshot.flagged_by if snapshot.version else "",
        "is_outlier": snapshot.is_outlier(frame[_column(snapshot.flagged_by)]),
    }


def _video_id(dataset: Dataset, value: Any) -> int | None:
    if value in (None, ""):
        return None
    if not str(value).isdecimal() or not dataset.videos.filter(pk=int(value)).exists():
        raise Problem("There is no such video in this data set.")
    return int(value)
