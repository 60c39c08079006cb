"""The review versions of a stretch of frames, as runs: what a page has seen of them, and what they are now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from django.db.models import Q

from curation.models import Frame, Video

Runs = Sequence[tuple[int, int]]  # (version, how many frames in a row have it)


def versions(video: Video | None, first: int | None, last: int | None) -> Runs:
    """The review versions of frames `first` to `last` of a video now; none without a range."""
    if video is None or first is None or last is None:
        return ()
    within = Q(video=video, number__range=(first, last))
    found = Frame.objects.filter(within).order_by("number").values_list("review_version", flat=True)
    return runs(list(found))


def runs(numbers: Sequence[int]) -> Runs:
    """(number, how often in a row)."""
    return [(number, len(list(group))) for number, group in groupby(numbers)]
