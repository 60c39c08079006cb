"""Which words are in force: an undo takes back the last one, or one whose followers were all taken back before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from curation.models import Review

Word = tuple[int, int, int]  # id of a review, its frame, the review version that it was said on

CHUNK = 500


def in_force(words: Sequence[Word]) -> set[int]:
    """Ids of those reviews whose frame carries what they said, because every later one was taken back."""
    later: dict[int, list[tuple[int, int, int | None]]] = defaultdict(list)
    frames = sorted({frame for _, frame, _ in words})
    for start in range(0, len(frames), CHUNK):
        rows = Review.objects.applied().filter(frame__in=frames[start : start + CHUNK]).order_by("frame", "id")
        for pk, frame, seen, undoes in rows.values_list("pk", "frame_id", "seen_version", "undoes_id"):
            later[frame].append((pk, seen, undoes))
    return {pk for pk, frame, seen in words if _is_level([(p, u) for p, s, u in later[frame] if s > seen])}


def _is_level(rows: list[tuple[int, int | None]]) -> bool:
    """Whether each of these reviews, (id, the one that it undoes), is an undo or undone by the next undo."""
    open_: list[int] = []
    for pk, undoes in rows:
        if undoes is None:
            open_.append(pk)
        elif not open_ or open_.pop() != undoes:
            return False
    return not open_
