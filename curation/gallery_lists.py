"""Orders without a score: by recording, before there is a model to rank frames, and the order of a frozen list."""

from __future__ import annotations

import zlib
from uuid import UUID

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from curation.gallery_filters import GalleryFilters
from curation.gallery_order import Card, Order, Position, verdict_is
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Score, Selection, Video
from curation.models.frame import FrameQuerySet
from curation.problems import Problem

GONE = "That list of frames is gone. Make it again."
CHUNK = 5000  # ids per look where frames of the list were deleted since


class ByNumber(Order):
    """Every frame of the dataset by (video, number): the order before there is a model to rank them."""

    def __init__(self, dataset: Dataset, filters: GalleryFilters) -> None:
        self.dataset = dataset
        self.filters = filters
        self.side = "lt" if filters.is_upward else "gt"

    def count(self) -> int:
        return self.filtered().count()

    def passing(self, most: int) -> list[tuple[int, int]]:
        return list(self.filtered().order_by("video_id", "number").values_list("pk", "review_version")[:most])

    def flipped(self) -> ByNumber:
        return ByNumber(self.dataset, self.filters.flipped())

    def filtered(self) -> FrameQuerySet:
        videos = Video.objects.filter(dataset=self.dataset)
        if self.filters.video:
            videos = videos.filter(pk=self.filters.video)
        return Frame.objects.filter(video__in=videos.values("pk"), **verdict_is(self.filters.verdict))

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


class BySelection(Order):
    """The frames of a frozen list in its own order; those that were deleted since are left out. A position is a place
    in the list."""

    def __init__(self, selection: Selection, version: ModelVersion | None, score: Score | None) -> None:
        self.selection = selection
        self.version = version
        self.score = score
        self.threshold = version.threshold_of(score) if version and score else None
        self.ids = frozen_ids(selection)
        self.is_backward = False

    def count(self) -> int:
        return len(self.ids)

    def passing(self, most: int) -> list[tuple[int, int]]:
        versions: dict[int, int] = {}
        for start in range(0, min(most, len(self.ids)), CHUNK):
            part = self.ids[start : start + CHUNK].tolist()
            versions |= Frame.objects.filter(pk__in=part).values_list("pk", "review_version")
        return [(pk, versions[pk]) for pk in self.ids[:most].tolist() if pk in versions]

    def flipped(self) -> BySelection:
        other = BySelection(self.selection, self.version, self.score)
        other.is_backward = not self.is_backward
        return other

    def following(self, position: Position | None, count: int) -> list[Card]:
        ids = self._rest(position)
        cards = self._cards(ids[:count])
        for start in range(count, len(ids), CHUNK):
            if len(cards) >= count:
                break
            cards += self._cards(ids[start : start + CHUNK])
        return cards[:count]

    def _rest(self, position: Position | None) -> NDArray[np.int64]:
        if self.is_backward:
            return self.ids[: None if position is None else position[1]][::-1]
        return self.ids[0 if position is None else position[1] + 1 :]

    def _cards(self, ids: NDArray[np.int64]) -> list[Card]:
        frames = Frame.objects.select_related("video").in_bulk(ids.tolist())
        scores: dict[int, FrameScore] = {}
        if self.version is not None:
            rows = FrameScore.objects.of_version(self.version).with_probability().filter(frame__in=list(frames))
            scores = {row.frame_id: row for row in rows}
        return [self._card(frames[pk], scores.get(pk)) for pk in ids.tolist() if pk in frames]

    def _card(self, frame: Frame, score: FrameScore | None) -> Card:
        value = score.value(self.score) if score and self.score else None
        return Card(
            frame=frame,
            verdict=frame.verdict,
            score=score,
            value=value,
            is_outlier=None if value is None or self.threshold is None else value > self.threshold,
        )

    def at(self, frame: Frame) -> list[Card]:
        return self._cards(self.ids[self.ids == frame.pk])

    def position(self, frame: Frame) -> Position | None:
        found = np.flatnonzero(self.ids == frame.pk)
        return (0.0, int(found[0])) if len(found) else None

    def place(self, card: Card) -> Position:
        return self.position(card.frame) or (0.0, len(self.ids))

    def _made_for(self) -> str:
        return f"list{self.selection.pk}"


def selection_of(dataset: Dataset, uuid: UUID) -> Selection:
    """The frozen list of this uuid. Raises Problem when the data set has none like it."""
    found = Selection.objects.filter(dataset=dataset, uuid=uuid).first()
    if found is None:
        raise Problem(GONE, status=404)
    return found


def frozen_ids(selection: Selection) -> NDArray[np.int64]:
    """Ids (N,) of the frames of a list, in its order."""
    data = zlib.decompress(bytes(selection.frames))
    return np.frombuffer(data, dtype="<i8", count=selection.count)
