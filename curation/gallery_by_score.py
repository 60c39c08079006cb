"""The gallery's order by a score: keyset pages on an index that leads with the filters, so depth costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from django.db.models import Q, QuerySet

from curation import copies, tallies
from curation.gallery_filters import GalleryFilters
from curation.gallery_order import JUDGED, Card, Order, Position, verdict_is
from curation.models import Calibration, Frame, FrameProbability, FrameScore, ModelVersion, Score
from curation.models.frame import FrameProbabilityQuerySet, FrameScoreQuerySet
from curation.problems import Problem
from curation.score_bins import Bound
from curation.scores import WORDS

FIRST_ID, LAST_ID = 0, 2**63 - 1  # no frame has these

Rows = FrameScoreQuerySet | FrameProbabilityQuerySet  # each with frame, verdict, is_copy and a number
Parts = list[Callable[[], list[Rows]]]


class ByScore(Order):
    """Frames scored by one version, in the order of (score, frame_id); frames that lack the score come after.

    Probabilities have rows and indexes of their own, by fit; of one video, and where they lack, the scores are read.
    """

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
        self.by_fit = self.is_partial and self.is_indexed
        self.key, self.verdict_key = ("value" if self.by_fit else score, "verdict")
        if not self.is_indexed:
            self.key, self.verdict_key = "measure", "said"
        if filters.side and self.threshold is None:
            raise Problem(f"Version {version.number} has no threshold of the {WORDS[score]} to be above or below.")
        self.lower, self.upper = _bounds(filters, self.threshold)

    @property
    def is_bounded(self) -> bool:
        """Frames without the score are on no side of anything."""
        return self.lower is not None or self.upper is not None

    @cached_property
    def is_complete(self) -> bool:
        """Whether every frame has the score."""
        return not self.is_partial or not tallies.lacking(tallies.of_version(self.version))

    def count(self) -> int:
        """Folded copies are counted: they pass the filters. Of one video, its rows are counted; else the tallies."""
        if self.filters.video:
            return sum(rows.count() for rows in self._matching())
        return tallies.count(self.version, self.score, self.filters.verdict, low=self.lower, high=self.upper)

    def passing(self, most: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for rows in self._matching():
            found += self._passing(rows, most - len(found))
        return found

    def _passing(self, rows: Rows, most: int) -> list[tuple[int, int]]:
        if not self.filters.folds_copies:
            return list(rows.values_list("frame_id", "frame__review_version")[:most])
        names = ("frame_id", "frame__review_version", "verdict", "frame__video_id", "frame__number", "frame__copies")
        return _with_copies(list(rows.filter(is_copy=False).values_list(*names)[:most]))[:most]

    def _matching(self) -> list[Rows]:
        """All that pass the filters, in order, folded copies too."""
        is_upward = self.side == "gt"
        rows = self._in_range(self._sorted(self.filters.verdict), None)
        found: list[Rows] = [rows.in_order_of(self.key, is_upward=is_upward)]
        if self.by_fit and not self.is_bounded and not self.is_complete:
            lacking = self._scoped(self.filters.verdict).without_probability()
            found.append(lacking.in_order_of(is_upward=is_upward))
        return found

    def flipped(self) -> ByScore:
        return ByScore(self.version, self.filters, self.score, self.calibration, from_the_end=not self.from_the_end)

    def start(self) -> Position | None:
        """Just before the score that the address opens at, so that frames with exactly this score follow."""
        if self.filters.start is None:
            return None
        return self.filters.start, FIRST_ID if self.side == "gt" else LAST_ID

    def following(self, position: Position | None, count: int) -> list[Card]:
        rows: list[FrameScore] = []
        for part in self._parts(position):
            rows += self._first(part(), count - len(rows))
            if len(rows) == count:
                break
        return [self._card(row) for row in rows]

    def _first(self, streams: list[Rows], count: int) -> list[FrameScore]:
        """The first rows of several streams in one order. Of each stream only the places are read, as many as are
        wanted; the rows only of those that come first among all."""
        if len(streams) == 1 and isinstance(streams[0], FrameScoreQuerySet):
            return list(streams[0].with_probability().select_related("frame__video")[:count])
        if len(streams) == 1 and isinstance(streams[0], FrameProbabilityQuerySet):
            return [row.beside_score(self.version) for row in streams[0].with_scores(self.version)[:count]]
        places = [place for stream in streams for place in self._places(stream)[:count]]
        places.sort(key=lambda place: (place[0] or 0.0, place[1]), reverse=self.side == "lt")
        return self._rows([frame_id for _, frame_id in places[:count]])

    def _places(self, stream: Rows) -> QuerySet[Any, Any]:
        key = "value" if isinstance(stream, FrameProbabilityQuerySet) else self.score
        return stream.values_list(key, "frame_id")

    def _rows(self, frames: list[int]) -> list[FrameScore]:
        """In the order given; those without scores are left out."""
        rows = FrameScore.objects.of_version(self.version).with_probability().filter(frame__in=frames)
        by_frame = {row.frame_id: row for row in rows.select_related("frame__video")}
        return [by_frame[frame_id] for frame_id in frames if frame_id in by_frame]

    def _parts(self, position: Position | None) -> Parts:
        """What follows the position, in order: the frames that have the score and those that lack it, apart, because
        databases disagree on where NULL belongs."""
        if not self.is_partial:
            return [partial(self._measured, position)]
        if self.is_bounded:
            is_over = position is not None and position[0] is None and not self.from_the_end
            return [] if is_over else [partial(self._measured, position)]
        halves = [self._measured, self._unmeasured]
        is_beyond = position is not None and position[0] is None
        if self.from_the_end:
            halves.reverse()
            is_beyond = position is not None and position[0] is not None
        here = partial(halves[1] if is_beyond else halves[0], position)
        return [here] if is_beyond else [here, partial(halves[1], None)]

    def _verdicts(self) -> tuple[str, ...]:
        """One stream per verdict: an index that leads with the verdict is in order only under one of them."""
        is_split = self.filters.verdict == "reviewed" and not self.filters.video
        return JUDGED if is_split else (self.filters.verdict,)

    def _folded(self, rows: Rows) -> Rows:
        return rows.filter(is_copy=False) if self.filters.folds_copies else rows

    def _sorted(self, verdict: str) -> Rows:
        """The rows that the order is read from."""
        if self.by_fit:
            return FrameProbability.objects.of_version(self.version).filter(**verdict_is(verdict))
        return self._scoped(verdict)

    def _scoped(self, verdict: str) -> FrameScoreQuerySet:
        """The rows of video and verdict. Only one score has an index by video: with another, what sorts is hidden from
        the database, which would otherwise walk everybody's frames in order until it has met enough of this video."""
        rows = FrameScore.objects.of_version(self.version)
        rows = rows.with_probability() if self.is_partial else rows
        rows = rows if self.is_indexed else rows.apart_from_indexes(self.score)
        rows = rows.filter(video=self.filters.video) if self.filters.video else rows
        return rows.filter(**verdict_is(verdict, self.verdict_key))

    def _measured(self, position: Position | None) -> list[Rows]:
        is_open = self.is_partial and not self.is_bounded and position is None
        having = {f"{self.key}__isnull": False} if is_open else {}
        return [
            self._in_range(self._folded(self._sorted(verdict)), position)
            .filter(**having)
            .in_order_of(self.key, is_upward=self.side == "gt")
            for verdict in self._verdicts()
        ]

    def _unmeasured(self, position: Position | None) -> list[Rows]:
        if self.is_complete:
            return []
        after = {f"frame_id__{self.side}": position[1]} if position is not None else {}
        return [
            self._folded(self._scoped(verdict).without_probability().filter(**after)).in_order_of(
                is_upward=self.side == "gt"
            )
            for verdict in self._verdicts()
        ]

    def _in_range(self, rows: Rows, position: Position | None) -> Rows:
        """Of two bounds on one end the database seeks to either and walks to the other: give it the tighter."""
        lower, upper = self.lower, self.upper
        beyond: tuple[Q, ...] = ()
        if position is not None and position[0] is not None and self._is_inside(position[0]):
            beyond = self._beyond(position[0], position[1])
            lower, upper = (lower, None) if self.side == "lt" else (None, upper)
        ends: dict[str, Any] = {}
        if lower is not None:
            ends[f"{self.key}__{'gt' if lower.is_strict else 'gte'}"] = lower.value
        if upper is not None:
            ends[f"{self.key}__lte"] = upper.value
        return rows.filter(*beyond, **ends)

    def _is_inside(self, value: float) -> bool:
        """Whether a position is further on than the bound that the order begins at."""
        if self.side == "lt":
            return self.upper is None or value <= self.upper.value
        return self.lower is None or Bound(value) >= self.lower

    def _beyond(self, value: float, frame_id: int) -> tuple[Q, Q]:
        """The plain bound lets the database seek in the index; the other one breaks the ties."""
        ties = Q(**{self.key: value, f"frame_id__{self.side}": frame_id})
        return Q(**{f"{self.key}__{self.side}e": value}), Q(**{f"{self.key}__{self.side}": value}) | ties

    def at(self, frame: Frame) -> list[Card]:
        passes = any(rows.filter(frame=frame).exists() for rows in self._matching())
        return [self._card(score) for score in self._rows([frame.pk])] if passes else []

    def cards_of(self, frames: list[Frame]) -> list[Card]:
        """Their cards in the order given, whether or not they pass the filters; those without scores are left out."""
        return [self._card(row) for row in self._rows([frame.pk for frame in frames])]

    def position(self, frame: Frame) -> Position | None:
        score = FrameScore.objects.of_version(self.version).with_probability().filter(frame=frame).first()
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
            copies=score.frame.copies if self.filters.folds_copies else 0,
        )


def _with_copies(heads: list[tuple[int, int, str, int, int, int]]) -> list[tuple[int, int]]:
    """(id, review version) of the heads (id, review version, verdict, video, number, copies), each with its copies."""
    found: list[tuple[int, int]] = []
    behind = copies.behind([head[3:] for head in heads])
    for pk, version, verdict, video, number, _ in heads:
        rows = behind.get((video, number), ())
        found += [(pk, version), *((row.pk, row.review_version) for row in rows if copies.follows(row, verdict))]
    return found


def _bounds(filters: GalleryFilters, threshold: float | None) -> tuple[Bound | None, Bound | None]:
    """The tighter of the range asked for and the side of the threshold, at either end."""
    lows = [Bound(filters.low)] if filters.low is not None else []
    highs = [Bound(filters.high)] if filters.high is not None else []
    if threshold is not None and filters.side == "above":
        lows.append(Bound(threshold, is_strict=True))
    if threshold is not None and filters.side == "below":
        highs.append(Bound(threshold))
    return max(lows, default=None), min(highs, default=None)
