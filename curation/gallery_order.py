"""The gallery's order: keyset pages by reconstruction loss, or by recording before there is a model.

Never OFFSET: a page is found through its cursor, on an index that leads with the filters, so depth costs nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import QueryDict

from curation.models import Dataset, Frame, FrameScore, ModelVersion, Verdict, Video
from curation.models.frame import FrameQuerySet, FrameScoreQuerySet
from curation.problems import Problem

VERDICTS = ("", Verdict.IN.value, Verdict.OUT.value, Verdict.UNSURE.value, "unreviewed", "reviewed")
SIDES = ("", "above", "below")
SORTS = ("loss", "loss_asc")
JUDGED = (Verdict.IN, Verdict.OUT, Verdict.UNSURE)
BROKEN_CURSOR = "That link to a place in the gallery is broken. Start again from the top."
OTHER_VERSION = "Another model version is active now, so the order has changed. Start again from the top."

Position = tuple[float, int]


@dataclass(frozen=True, kw_only=True)
class GalleryFilters:
    """What a gallery URL asks for. `side` is the side of the active version's threshold; above = outlying."""

    video: int | None = None
    verdict: str = ""
    side: str = ""
    sort: str = "loss"

    @classmethod
    def from_query(cls, query: QueryDict) -> GalleryFilters:
        """Raises Problem for a value that is none of those on offer; names it doesn't know are left alone."""
        video = query.get("video", "")
        if video and not (video.isascii() and video.isdigit() and len(video) < 19):
            raise Problem("That isn't the number of a video.")
        return cls(
            video=int(video) if video else None,
            verdict=_one_of(query.get("verdict", ""), VERDICTS, "verdict"),
            side=_one_of(query.get("side", ""), SIDES, "side"),
            sort=_one_of(query.get("sort", "") or "loss", SORTS, "sort"),
        )

    def query(self) -> str:
        """URL-encoded, without what is the default; the cursor is no part of it."""
        asked = {"video": self.video, "verdict": self.verdict, "side": self.side}
        pairs = {name: value for name, value in asked.items() if value}
        return urlencode(pairs | ({"sort": self.sort} if self.sort != "loss" else {}))

    @property
    def is_narrowed(self) -> bool:
        return bool(self.video or self.verdict or self.side)

    def flipped(self) -> GalleryFilters:
        return replace(self, sort="loss_asc" if self.sort == "loss" else "loss")


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise Problem(f"The {name} filter knows {', '.join(v for v in allowed if v)}; not {value[:20]!r}.")
    return value


@dataclass(frozen=True, kw_only=True)
class Card:
    """A frame as the gallery shows it; the scores are None as long as there is no model."""

    frame: Frame
    verdict: str
    reconstruction_loss: float | None = None
    kl: float | None = None
    ood_score: float | None = None
    is_outlier: bool | None = None


@dataclass(frozen=True, kw_only=True)
class GalleryPage:
    cards: list[Card]
    next_cursor: str | None
    version: ModelVersion | None
    threshold: float | None
    is_from_top: bool = True
    starts_at: int | None = None


class Order(ABC):
    """An order of a dataset's frames, with the filters applied. A position needs no frame to stand at it."""

    version: ModelVersion | None = None

    @abstractmethod
    def following(self, position: Position | None, count: int) -> list[Card]:
        """Up to `count` cards after the position; the first ones without it."""

    @abstractmethod
    def at(self, frame: Frame) -> list[Card]:
        """The frame's own card, or nothing when it doesn't pass the filters."""

    @abstractmethod
    def position(self, frame: Frame) -> Position | None:
        """Where the frame stands, whether or not it passes the filters; None when it has no score."""

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
            threshold=self.version.threshold if self.version else None,
            is_from_top=is_from_top,
        )

    def _cursor(self, position: Position) -> str:
        """Names the version, since orders don't mix; floats keep every digit, so that no frame is lost or doubled."""
        return f"{self._version_number()}~{position[0]!r}~{position[1]}"

    def read_cursor(self, cursor: str) -> Position:
        """Raises Problem for what no page gave out, and for a cursor of another version."""
        try:
            made_for, first, second = cursor.split("~")
            position = float(first), int(second)
        except ValueError:
            raise Problem(BROKEN_CURSOR) from None
        if not math.isfinite(position[0]) or not 0 <= position[1] < 2**63:
            raise Problem(BROKEN_CURSOR)
        if made_for != str(self._version_number()):
            raise Problem(OTHER_VERSION)
        return position

    def _version_number(self) -> int:
        return self.version.number if self.version else 0


class ByLoss(Order):
    """Frames scored by one version, in the order of (reconstruction_loss, frame_id)."""

    def __init__(self, version: ModelVersion, filters: GalleryFilters) -> None:
        self.version: ModelVersion = version
        self.filters = filters
        self.side = "lt" if filters.sort == "loss" else "gt"

    def count(self) -> int:
        return self.filtered().count()

    def flipped(self) -> ByLoss:
        return ByLoss(self.version, self.filters.flipped())

    def filtered(self) -> FrameScoreQuerySet:
        return self._scoped().filter(self._on_side())

    def _scoped(self) -> FrameScoreQuerySet:
        rows = FrameScore.objects.of_version(self.version).filter(**_verdict_is(self.filters.verdict))
        return rows.filter(video=self.filters.video) if self.filters.video else rows

    def _on_side(self) -> Q:
        threshold = self.version.threshold
        sides = {"above": Q(reconstruction_loss__gt=threshold), "below": Q(reconstruction_loss__lte=threshold)}
        return sides.get(self.filters.side, Q())

    def following(self, position: Position | None, count: int) -> list[Card]:
        rows = self._after(position).select_related("frame__video")
        rows = rows.worst_first() if self.side == "lt" else rows.order_by("reconstruction_loss", "frame_id")
        return [self._card(score) for score in rows[:count]]

    def _after(self, position: Position | None) -> FrameScoreQuerySet:
        """Of two bounds on one end the database seeks to either and walks to the other: give it the tighter."""
        if position is None:
            return self.filtered()
        if (self.filters.side, self.side) not in (("below", "lt"), ("above", "gt")):
            return self.filtered().filter(*self._beyond(position))
        is_above = position[0] > self.version.threshold
        is_tighter = is_above == (self.filters.side == "above")
        return self._scoped().filter(*self._beyond(position)) if is_tighter else self.filtered()

    def _beyond(self, position: Position) -> tuple[Q, Q]:
        """The plain bound lets the database seek in the index; the other one breaks the ties."""
        loss, frame_id = position
        ties = Q(reconstruction_loss=loss, **{f"frame_id__{self.side}": frame_id})
        return Q(**{f"reconstruction_loss__{self.side}e": loss}), Q(
            **{f"reconstruction_loss__{self.side}": loss}
        ) | ties

    def at(self, frame: Frame) -> list[Card]:
        return [self._card(score) for score in self.filtered().filter(frame=frame).select_related("frame__video")]

    def position(self, frame: Frame) -> Position | None:
        score = FrameScore.objects.of_version(self.version).filter(frame=frame).first()
        return (score.reconstruction_loss, score.frame_id) if score else None

    def place(self, card: Card) -> Position:
        return card.reconstruction_loss or 0.0, card.frame.pk

    def _card(self, score: FrameScore) -> Card:
        return Card(
            frame=score.frame,
            verdict=score.verdict,
            reconstruction_loss=score.reconstruction_loss,
            kl=score.kl,
            ood_score=score.ood_score,
            is_outlier=score.reconstruction_loss > self.version.threshold,
        )


class ByNumber(Order):
    """Every frame of the dataset by (video, number): the order before there is a model to rank them."""

    def __init__(self, dataset: Dataset, filters: GalleryFilters) -> None:
        self.dataset = dataset
        self.filters = filters
        self.side = "gt" if filters.sort == "loss" else "lt"

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


def _verdict_is(wanted: str) -> dict[str, Any]:
    if wanted == "reviewed":
        return {"verdict__in": JUDGED}
    return {"verdict": "" if wanted == "unreviewed" else wanted} if wanted else {}
