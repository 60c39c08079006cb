"""Packs with their frames, to be worked on in threads (scoring/threads.py) or where they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from curation.models import FrameScore, ModelVersion, Pack

PACKS_AT_ONCE = 64

Rows = list[tuple[int, float]]  # frame id, outlier score


def with_rows(version: ModelVersion, packs: Iterable[Pack]) -> Iterator[tuple[Pack, Rows]]:
    """Each pack with its frames in their order."""
    left = iter(packs)
    while few := list(islice(left, PACKS_AT_ONCE)):
        rows = _rows(version, few)
        yield from ((pack, rows[pack.pk]) for pack in few)


def _rows(version: ModelVersion, packs: Sequence[Pack]) -> dict[int, Rows]:
    # Of a frame there are few scores, of a version a million: SQLite, asked for both, reads all of the version's.
    found = FrameScore.objects.filter(frame__pack__in=packs).order_by("frame__number")
    columns = ("model_version_id", "frame__pack_id", "frame_id", "ood_score")
    rows: dict[int, Rows] = defaultdict(list)
    for version_id, pack_id, frame_id, score in found.values_list(*columns):
        if version_id == version.pk:
            rows[pack_id].append((frame_id, score))
    return rows
