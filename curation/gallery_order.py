"""The gallery's order: keyset pages by a score, or by recording before there is a model.

Never OFFSET: a page is found through its cursor, on an index that leads with the filters, so depth costs nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from curation.gallery_filters import GalleryFilters
from curation.models import Calibration, Dataset, Frame, FrameScore, ModelVersion, Score, Verdict, Video
from curation.models.frame import FrameQuerySet, FrameScoreQuerySet
from curation.problems import Problem
from curation.scores import NAMES, WORDS

JUDGED = (Verdict.IN, Verdict.OUT, Verdict.UNSURE)
BROKEN_CURSOR = "That link to a place in the gallery is broken. Start again from the top."
OTHER_VERSION = "Another model version is active now, so the order has changed. Start again from the top."
OTHER_SCORE = "The frames are sorted by another score now. Start again from the top."
NOTHING = "none"  # stands in a cursor for a score that the frame lacks

Position = tuple[float | None, int]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A frame as the gallery shows it; the scores are None as long as there is no model. `value` is the score that
    sorts, and `is_outlier` the side of its threshold: None where either is missing."""

    frame: Frame
    verdict: str
    score: FrameScore | None = None
    value: float | None = None
    is_outlier: bool | None = None


@dataclass(frozen=True, kw_only=True)
class GalleryPage:
    cards: list[Card]
    next_cursor: str | None
    version: ModelVersion | None
    score: Score | None  # that sorts, and whose threshold this is
    threshold: float | None
    calibration: Calibration | None  # behind the probabilities, when they sort
    is_from_top: bool = True
    starts_at: int | None = None


class Order(ABC):
    """An order of a dataset's frames, with the filters applied. A position needs no frame to stand at it."""

    version: ModelVersion | None = None
    score: Score | None = None
    threshold: float | None = None
    calibration: Calibration | None = None

    @abstractmethod
    def following(self, position: Position | None, count: int) -> list[Card]:
        """Up to `count` cards after the position; the first ones without it."""

    @abstractmethod
    def at(self, frame: Frame) -> list[Card]:
        """The frame's own card, or nothing when it doesn't pass the filters."""

    @abstractmethod
    def position(self, frame: Frame) -> Position | None:
        """Where the frame stands, whether or not it passes the filters; None when it was not scored."""

    @abstractmethod
    def count(self) -> int:
        """How many frames pass the filters."""

    @abstractmethod
    def flipped(self) -> Order:
        """The same frames from the other end."""

    @abstractmethod
    def place(self, card: Card) -> Position:
        """The position of a card of this order."""

    def page(self, cards: list[Card], size: int, *, is_from_top: bool) -> GalleryPage:
        """The first `size` cards; there is a next page when there are more."""
        shown = cards[:size]
        return GalleryPage(
            cards=shown,
            next_cursor=self._cursor(self.place(shown[-1])) if len(cards) > size else None,
            version=self.version,
            score=self.score,
            threshold=self.threshold,
            calibration=self.calibration,
            is_from_top=is_from_top,
        )

    def _cursor(self, position: Position) -> str:
        """Names version and score, since orders don't mix; floats keep every digit, so that no frame is lost or
        doubled."""
        value = NOTHING if position[0] is None else repr(position[0])
        return f"{self._made_for()}~{value}~{position[1]}"

    def read_cursor(self, cursor: str) -> Position:
        """Raises Problem for what no page gave out, and for a cursor of another version or score."""
        try:
            made_for, first, second = cursor.split("~")
            position = None if first == NOTHING else float(first), int(second)
        except ValueError:
            raise Problem(BROKEN_CURSOR) from None
        if not math.isfinite(position[0] or 0.0) or not 0 <= position[1] < 2**63:
            raise Problem(BROKEN_CURSOR)
        if made_for.split("-")[0] != self._made_for().split("-")[0]:
            raise Problem(OTHER_VERSION)
        if made_for != self._made_for():
            raise Problem(OTHER_SCORE)
        if position[0] is None and self.score != Score.PROBABILITY:
            raise Problem(BROKEN_CURSOR)
        return position

    def _made_for(self) -> str:
        number = self.version.number if self.version else 0
        return str(number) if self.score in (None, Score.RECONSTRUCTION_LOSS) else f"{number}-{NAMES[self.score]}"


class ByScore(Order):
    """Frames scored by one version, in the order of (score, frame_id); frames that lack the score come after."""

    def __init__(
        self,
        version: ModelVersion,
        filters: GalleryFilters,
        score: Score,
        calibration: Calibration | None = None,
        *,
        from_the_end: bool = False,
    ) -> None:
        self.version: ModelVersion = version
        self.calibration = calibration
        self.filters = filters
        self.score: Score = score
        self.threshold = version.threshold_of(score)
        self.from_the_end = from_the_end
        self.side = "gt" if filters.is_upward != from_the_end else "lt"
        self.is_partial = score == Score.PROBABILITY
        self.is_indexed = not filters.video or score == Score.RECONSTRUCTION_LOSS
        self.key, self.verdict_key = (score, "verdict") if self.is_indexed else ("measure", "said")
        if filters.side and self.threshold is None:
            raise Problem(f"Version {version.number} has no threshold of the {WORDS[score]} to be above or below.")

    def count(self) -> int:
        return self._on_side(self._scoped()).count()

    def flipped(self) -> ByScore:
        return ByScore(self.version, self.filters, self.score, self.calibration, from_the_end=not self.from_the_end)

    def following(self, position: Position | None, count: int) -> list[Card]:
        rows: list[FrameScore] = []
        for part in self._parts(position):
            rows += part.select_related("frame__video")[: count - len(rows)]
            if len(rows) == count:
                break
        return [self._card(row) for row in rows]

    def _parts(self, position: Position | None) -> list[FrameScoreQuerySet]:
        """What follows the position, in order: the frames that have the score and those that lack it, apart, because
        databases disagree on where NULL belongs."""
        if not self.is_partial:
            return [self._measured(position)]
        if self.filters.side:
            return [] if position and position[0] is None and not self.from_the_end else [self._measured(position)]
        halves = [self._measured, self._unmeasured]
        is_beyond = position is not None and position[0] is None
        if self.from_the_end:
            halves.reverse()
            is_beyond = position is not None and position[0] is not None
        here = halves[1] if is_beyond else halves[0]
        return [here(position)] if is_beyond else [here(position), halves[1](None)]

    def _scoped(self) -> FrameScoreQuerySet:
        """The rows of video and verdict. Only one score has an index by video: with another, what sorts is hidden from
        the database, which would otherwise walk everybody's frames in order until it has met enough of this video."""
        rows = FrameScore.objects.of_version(self.version)
        rows = rows if self.is_indexed else rows.apart_from_indexes(self.score)
        rows = rows.filter(video=self.filters.video) if self.filters.video else rows
        return rows.filter(**_verdict_is(self.filters.verdict, self.verdict_key))

    def _on_side(self, rows: FrameScoreQuerySet) -> FrameScoreQuerySet:
        if self.threshold is None or not self.filters.side:
            return rows
        return rows.filter(**{f"{self.key}__{'gt' if self.filters.side == 'above' else 'lte'}": self.threshold})

    def _measured(self, position: Position | None) -> FrameScoreQuerySet:
        rows = self._after(position)
        if self.is_partial and position is None and not self.filters.side:
            rows = rows.filter(**{f"{self.key}__isnull": False})
        return rows.in_order_of(self.key, is_upward=self.side == "gt")

    def _unmeasured(self, position: Position | None) -> FrameScoreQuerySet:
        rows = self._scoped().filter(**{f"{self.key}__isnull": True})
        if position is not None:
            rows = rows.filter(**{f"frame_id__{self.side}": position[1]})
        return rows.in_order_of(is_upward=self.side == "gt")

    def _after(self, position: Position | None) -> FrameScoreQuerySet:
        """Of two bounds on one end the database seeks to either and walks to the other: give it the tighter."""
        if position is None or position[0] is None:
            return self._on_side(self._scoped())
        beyond = self._beyond(position[0], position[1])
        if (self.filters.side, self.side) not in (("below", "lt"), ("above", "gt")):
            return self._on_side(self._scoped()).filter(*beyond)
        is_above = self.threshold is not None and position[0] > self.threshold
        is_tighter = is_above == (self.filters.side == "above")
        return self._scoped().filter(*beyond) if is_tighter else self._on_side(self._scoped())

    def _beyond(self, value: float, frame_id: int) -> tuple[Q, Q]:
        """The plain bound lets the database seek in the index; the other one breaks the ties."""
        ties = Q(**{self.key: value, f"frame_id__{self.side}": frame_id})
        return Q(**{f"{self.key}__{self.side}e": value}), Q(**{f"{self.key}__{self.side}": value}) | ties

    def at(self, frame: Frame) -> list[Card]:
        rows = self._on_side(self._scoped()).filter(frame=frame)
        return [self._card(score) for score in rows.select_related("frame__video")]

    def position(self, frame: Frame) -> Position | None:
        score = FrameScore.objects.of_version(self.version).filter(frame=frame).first()
        return (score.value(self.score), score.frame_id) if score else None

    def place(self, card: Card) -> Position:
        return card.value, card.frame.pk

    def _card(self, score: FrameScore) -> Card:
        value = score.value(self.score)
        return Card(
            frame=score.frame,
            verdict=score.verdict,
            score=score,
            value=value,
            is_outlier=None if value is None or self.threshold is None else value > self.threshold,
        )


class ByNumber(Order):
    """Every frame of the dataset by (video, number): the order before there is a model to rank them."""

    def __init__(self, dataset: Dataset, filters: GalleryFilters) -> None:
        self.dataset = dataset
        self.filters = filters
        self.side = "lt" if filters.is_upward else "gt"

    def count(self) -> int:
        return self.filtered().count()

    def flipped(self) -> ByNumber:
        return ByNumber(self.dataset, self.filters.flipped())

    def filtered(self) -> FrameQuerySet:
        videos = Video.objects.filter(dataset=self.dataset)
        if self.filters.video:
            videos = videos.filter(pk=self.filters.video)
        return Frame.objects.filter(video__in=videos.values("pk"), **_verdict_is(self.filters.verdict))

    def following(self, position: Position | None, count: int) -> list[Card]:
        rows = self.filtered().select_related("video")
        if position:
            video, number = position
            ties = Q(video_id=video, **{f"number__{self.side}": number})
            rows = rows.filter(Q(**{f"video_id__{self.side}e": video}), Q(**{f"video_id__{self.side}": video}) | ties)
        names = ("video_id", "number") if self.side == "gt" else ("-video_id", "-number")
        return [_unscored(frame) for frame in rows.order_by(*names)[:count]]

    def at(self, frame: Frame) -> list[Card]:
        return [_unscored(row) for row in self.filtered().filter(pk=frame.pk).select_related("video")]

    def position(self, frame: Frame) -> Position | None:
        return frame.video_id, frame.number

    def place(self, card: Card) -> Position:
        return card.frame.video_id, card.frame.number


def _unscored(frame: Frame) -> Card:
    return Card(frame=frame, verdict=frame.verdict)


def _verdict_is(wanted: str, key: str = "verdict") -> dict[str, Any]:
    if wanted == "reviewed":
        return {f"{key}__in": JUDGED}
    return {key: "" if wanted == "unreviewed" else wanted} if wanted else {}
