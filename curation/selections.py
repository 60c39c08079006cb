"""Selections: the frames that pass some filters at one moment, frozen, so that one word can be on all of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from django.http import QueryDict

from curation import gallery
from curation.gallery_filters import GalleryFilters
from curation.models import Dataset, Selection
from curation.problems import Problem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST = 100_000


def freeze(*, dataset: Dataset, user: User | None, query: str) -> Selection:
    """The frames that a gallery's address shows, in its order. Raises Problem for a broken address, for none and for
    more than 100 000."""
    filters = GalleryFilters.from_query(QueryDict(query), dataset)
    found = gallery.passing(dataset, filters, MOST + 1)
    if len(found) > MOST:
        raise Problem(f"More than {MOST:,} frames pass these filters. Narrow them, or decide part by part.")
    if not found:
        raise Problem("No frame passes these filters.")
    return keep(dataset=dataset, user=user, frames=found, query=filters.query())


def keep(*, dataset: Dataset, user: User | None, frames: Sequence[tuple[int, int]], query: str = "") -> Selection:
    """A list of frames, (id, review version), in the order given."""
    ids, versions = np.array(frames, dtype=np.int64).reshape(-1, 2).T
    data = zlib.compress(ids.astype("<i8").tobytes() + versions.astype("<i4").tobytes(), 1)
    return Selection.objects.create(dataset=dataset, user=user, query=query, count=len(ids), frames=data)


def frames_of(selection: Selection) -> Iterator[tuple[int, int]]:
    """(id, review version that was seen) of each frame of the list."""
    data = zlib.decompress(bytes(selection.frames))
    ids = np.frombuffer(data, "<i8", selection.count)
    versions = np.frombuffer(data, "<i4", selection.count, 8 * selection.count)
    return zip(ids.tolist(), versions.tolist(), strict=True)
