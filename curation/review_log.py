"""Replaying the review log: the present verdicts must be exactly what the log adds up to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from django.db.models import F

from curation import second_looks
from curation.models import Dataset, Frame, FrameProbability, FrameScore, Review, Verdict

SHOWN = 20


@dataclass(kw_only=True)
class Replay:
    """What a replay found: how much it read, and a sentence per disagreement (the first 20, and their number)."""

    reviews: int = 0
    frames: int = 0
    conflicts: int = 0
    opinions: int = 0
    wrong: int = 0
    sentences: list[str] = field(default_factory=list)

    def blame(self, sentence: str) -> None:
        self.wrong += 1
        if len(self.sentences) < SHOWN:
            self.sentences.append(sentence)


def replay(dataset: Dataset) -> Replay:
    """Replay the dataset's log frame by frame and compare with the tables; memory stays flat however long it is."""
    found = Replay()
    rows = Review.objects.filter(dataset=dataset).select_related("frame", "undoes").order_by("frame_id", "id")
    for frame_id, log in groupby(rows.iterator(chunk_size=2000), key=lambda review: review.frame_id):
        found.frames += 1
        _replay_frame(frame_id, log, found)
    _look_for_unlogged(dataset, found)
    _look_for_stale_copies(dataset, found)
    for sentence in second_looks.broken(dataset):
        found.blame(sentence)
    return found


def _replay_frame(frame_id: int, log: Iterator[Review], found: Replay) -> None:
    said, version, frame = ("", ""), 0, None
    for review in log:
        found.reviews += 1
        frame = review.frame
        if review.is_conflict:
            found.conflicts += 1
            continue
        if review.is_opinion:  # it changes nothing
            found.opinions += 1
            _check_row(review, found)
            continue
        if review.seen_version != version or (review.previous_verdict, review.previous_reason) != said:
            found.blame(f"Review {review.pk} of frame {frame_id} does not follow the one before it.")
        _check_row(review, found)
        said, version = (review.verdict, review.reason), version + 1
    if frame is not None and (frame.verdict, frame.reason, frame.review_version) != (*said, version):
        found.blame(
            f"Frame {frame_id} is {_word(frame.verdict, frame.reason)} at version {frame.review_version}; "
            f"its log says {_word(*said)} at version {version}."
        )


def _check_row(review: Review, found: Replay) -> None:
    undone = review.undoes
    if undone is not None and undone.is_opinion != review.is_opinion:
        found.blame(f"Review {review.pk} of frame {review.frame_id} undoes what it can't undo.")
    if undone is not None and review.is_opinion:
        return
    if undone is not None and (undone.previous_verdict, undone.previous_reason) != (review.verdict, review.reason):
        found.blame(f"Review {review.pk} of frame {review.frame_id} does not restore what it undoes.")
    if review.reason and review.verdict != Verdict.OUT:
        found.blame(f"Review {review.pk} of frame {review.frame_id} has a reason, but is not OUT.")


def _look_for_unlogged(dataset: Dataset, found: Replay) -> None:
    frames = Frame.objects.filter(video__dataset=dataset, reviews=None)
    for frame in (frames.reviewed() | frames.filter(review_version__gt=0)).distinct().iterator():
        found.blame(f"Frame {frame.pk} is {_word(frame.verdict)}, but nobody said so in the log.")


def _look_for_stale_copies(dataset: Dataset, found: Replay) -> None:
    scores = FrameScore.objects.filter(video__dataset=dataset).exclude(verdict=F("frame__verdict"))
    for score in scores.select_related("frame", "model_version").iterator():
        found.blame(
            f"Frame {score.frame_id} is {_word(score.frame.verdict)}, "
            f"but {_word(score.verdict)} beside its score by {score.model_version}."
        )
    likely = FrameProbability.objects.filter(frame__video__dataset=dataset).exclude(verdict=F("frame__verdict"))
    for row in likely.select_related("frame").iterator():
        found.blame(
            f"Frame {row.frame_id} is {_word(row.frame.verdict)}, but {_word(row.verdict)} beside its probability."
        )


def _word(verdict: str, reason: str = "") -> str:
    return Verdict(verdict).label.lower() + (f" ({reason})" if reason else "")
