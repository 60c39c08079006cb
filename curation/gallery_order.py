"""What every order of the gallery has in common: cards, pages, positions, and cursors that name a position.

Never OFFSET: a page is found through its cursor. The orders are in curation/gallery_by_score.py and gallery_lists.py.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from curation.models import Calibration, Frame, FrameScore, ModelVersion, Score, Verdict
from curation.problems import Problem
from curation.scores import NAMES

JUDGED = (Verdict.IN, Verdict.OUT, Verdict.UNSURE)
BROKEN_CURSOR = "That link to a place in the gallery is broken. Start again from the top."
OTHER_VERSION = "Another model version is active now, so the order has changed. Start again from the top."
OTHER_SCORE = "The frames are sorted by another score now. Start again from the top."
NOTHING = "none"  # stands in a cursor for a score that the frame lacks

Position = tuple[float | None, int]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A frame as the gallery shows it; the scores are None as long as there is no model. `value` is the score that
    sorts, and `is_outlier` the side of its threshold: None where either is missing. `copies`: how many near copies
    right after it in the video are folded into it; `folded`: these, once they were looked up."""

    frame: Frame
    verdict: str
    score: FrameScore | None = None
    value: float | None = None
    is_outlier: bool | None = None
    copies: int = 0
    folded: tuple[Frame, ...] = ()

    @property
    def stands_for(self) -> int:
        """Frames that it stands for."""
        return 1 + len(self.folded)

    @property
    def folded_wire(self) -> str:
        """The folded frames for the browser, as JSON: [[id, review version, verdict, reason], ...]."""
        return json.dumps([[row.pk, row.review_version, row.verdict, row.reason] for row in self.folded])


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
    def passing(self, most: int) -> list[tuple[int, int]]:
        """(id, review version) of up to `most` frames that pass the filters, or are folded into one that does."""

    def start(self) -> Position | None:
        """Where the order was asked to open; None for its top."""
        return None

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
            next_cursor=self.cursor(self.place(shown[-1])) if len(cards) > size else None,
            version=self.version,
            score=self.score,
            threshold=self.threshold,
            calibration=self.calibration,
            is_from_top=is_from_top,
        )

    def cursor(self, position: Position) -> str:
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


def verdict_is(wanted: str, key: str = "verdict") -> dict[str, Any]:
    """Conditions on a verdict column for what the address asks for."""
    if wanted == "reviewed":
        return {f"{key}__in": JUDGED}
    return {key: "" if wanted == "unreviewed" else wanted} if wanted else {}
