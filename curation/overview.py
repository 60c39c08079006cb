"""The home page's cards: every data set with its counts, in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, Sum

from curation import tallies
from curation.models import Dataset, Frame, Video
from curation.video_list import WORKING

COVERS = 4


@dataclass(frozen=True)
class Card:
    dataset: Dataset
    videos: int
    working: int
    frames: int
    reviewed: int
    covers: list[int]  # frame ids

    @property
    def reviewed_share(self) -> float:
        return self.reviewed / self.frames if self.frames else 0.0


def cards(datasets: list[Dataset]) -> list[Card]:
    ids = [dataset.pk for dataset in datasets]
    counts = {row["dataset"]: row for row in _video_counts(ids)}
    reviewed = {pk: sum(judged) for pk, (_, *judged) in tallies.reviewed(ids).items()}
    covers = _covers(ids)
    return [
        Card(
            dataset=dataset,
            videos=counts.get(dataset.pk, {}).get("videos", 0),
            working=counts.get(dataset.pk, {}).get("working", 0),
            frames=counts.get(dataset.pk, {}).get("sampled") or 0,
            reviewed=reviewed.get(dataset.pk, 0),
            covers=covers.get(dataset.pk, []),
        )
        for dataset in datasets
    ]


def _video_counts(ids: list[int]) -> list[Any]:
    """Per data set: its id under "dataset", and videos, sampled (frames) and working."""
    found = Video.objects.filter(dataset__in=ids).order_by().values("dataset")
    working = Count("pk", filter=Q(state__in=WORKING))
    return list(found.annotate(videos=Count("pk"), sampled=Sum("frame_count"), working=working))


def _covers(ids: list[int]) -> dict[int, list[int]]:
    """Up to four frames per data set, one of each of its newest videos, a third into it."""
    newest = Video.objects.filter(dataset__in=ids, frame_count__gt=0).order_by("-pk").values_list("pk", "dataset")
    picked: dict[int, list[int]] = {}
    for video, dataset in newest[: COVERS * len(ids) * 4]:
        if len(picked.setdefault(dataset, [])) < COVERS:
            picked[dataset].append(video)
    videos = [video for chosen in picked.values() for video in chosen]
    frames = dict(
        Frame.objects.filter(video__in=videos, number=F("video__frame_count") / 3).values_list("video_id", "pk")
    )
    return {dataset: [frames[video] for video in chosen if video in frames] for dataset, chosen in picked.items()}
