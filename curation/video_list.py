"""The list of a data set's videos: filters, a keyset page, and per video what its row shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from curation import videos
from curation.models import Dataset, Frame, Video
from curation.problems import Problem

PAGE_SIZE = 60
WORKING = (Video.State.UPLOADED, Video.State.EXTRACTING, Video.State.SCORING)
SHOWN: dict[str, tuple[str, Q]] = {
    "": ("All", Q()),
    "reference": ("Reference", Q(is_reference=True)),
    "unsorted": ("Unsorted", Q(is_reference=False)),
    "working": ("In progress", Q(state__in=WORKING)),
    "failed": ("Failed", Q(state=Video.State.FAILED)),
}


@dataclass(frozen=True)
class Row:
    """A video as the list shows it. `progress` is None once it is settled, `cover` while it has no frames."""

    video: Video
    progress: videos.VideoProgress | None
    cover: Frame | None


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    count: int


@dataclass(frozen=True)
class VideoList:
    rows: list[Row]
    choices: list[Choice]
    show: str
    total: int
    next_before: int | None  # primary key that the next page starts below
    is_live: bool  # something is in progress, so the page should look again


def build(dataset: Dataset, *, show: str = "", before: str = "") -> VideoList:
    """One page of videos, newest first. Raises Problem for a filter or cursor that doesn't exist."""
    if show not in SHOWN:
        raise Problem(f"The list of videos can show {', '.join(name for name in SHOWN if name)}; not {show[:20]!r}.")
    chosen = dataset.videos.filter(SHOWN[show][1])
    if before:
        chosen = chosen.filter(pk__lt=_cursor(before))
    page = list(chosen.order_by("-pk")[: PAGE_SIZE + 1])
    choices = _choices(dataset)
    counts = {choice.value: choice.count for choice in choices}
    return VideoList(
        rows=rows_of(page[:PAGE_SIZE]),
        choices=choices,
        show=show,
        total=counts[""],
        next_before=page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        is_live=counts["working"] > 0,
    )


def rows_of(page: list[Video]) -> list[Row]:
    covers = _covers(page)
    return [
        Row(video, videos.progress(video) if video.state in WORKING else None, covers.get(video.pk)) for video in page
    ]


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Problem("That isn't a place in the list of videos.")
    return int(text)


def _choices(dataset: Dataset) -> list[Choice]:
    """The filters with their counts, in one query."""
    wanted = {f"n_{value}": Count("pk", filter=test) if test else Count("pk") for value, (_, test) in SHOWN.items()}
    counts = dataset.videos.order_by().aggregate(**wanted)
    return [Choice(value, label, counts[f"n_{value}"]) for value, (label, _) in SHOWN.items()]


def _covers(page: list[Video]) -> dict[int, Frame]:
    """A frame a third into each video (first frames are often black); the first one while frames still arrive."""
    settled = {video.pk for video in page if video.state not in WORKING}
    frames: QuerySet[Frame] = Frame.objects.filter(video__in=[video.pk for video in page])
    found = frames.filter(Q(number=0) | Q(number=F("video__frame_count") / 3)).order_by("number")
    covers: dict[int, Frame] = {}
    for frame in found.only("pk", "video_id", "number"):
        if frame.number == 0 or frame.video_id in settled:
            covers[frame.video_id] = frame
    return covers
