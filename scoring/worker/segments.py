"""Finding the segments of a data set: every finished video whose segments are by another rule than the one of now."""

from __future__ import annotations

from curation import segments
from curation.leases import Lease
from curation.models import Dataset, Video


def run(lease: Lease, dataset: Dataset) -> None:
    """Find the segments video by video, each in a transaction of its own; one that is done is not done again, so a
    killed run goes on where it stopped."""
    rule = segments.rule_of(Dataset.objects.select_related("active_version").get(pk=dataset.pk))
    if rule is None:
        return
    todo = list(segments.stale_videos(dataset, rule).order_by("pk").values_list("pk", flat=True))
    found = 0
    for done, pk in enumerate(todo):
        lease.progress(done / len(todo), f"{done:,} of {len(todo):,} videos")
        video = Video.objects.filter(pk=pk).first()
        if video is not None:
            with lease.transaction():
                found += segments.rebuild(video=video)
    if todo:
        lease.log(f"{found:,} segments found in {len(todo):,} videos.")
