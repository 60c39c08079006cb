"""Near copies: frames right after one, of the same video, that nearly repeat it. A word on it is a word on them."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from django.db.models import Q

from curation.models import Frame, Verdict

AT_ONCE = 100  # heads per query: each is a condition of its own

Head = tuple[int, int, int]  # video, number, copies


def behind(heads: Sequence[Head]) -> dict[tuple[int, int], list[Frame]]:
    """(video, number) of each head -> its copies, in the order of the recording."""
    found: dict[tuple[int, int], list[Frame]] = defaultdict(list)
    wanted = [head for head in heads if head[2]]
    for start in range(0, len(wanted), AT_ONCE):
        for row in _of(wanted[start : start + AT_ONCE]):
            if row.copy_of is not None:
                found[row.video_id, row.copy_of].append(row)
    return found


def _of(heads: Sequence[Head]) -> list[Frame]:
    """By number, which has an index; who repeats whom has none."""
    spans = (Q(video=video, number__range=(number + 1, number + copies)) for video, number, copies in heads)
    return list(Frame.objects.filter(reduce(operator.or_, spans)).order_by("video_id", "number"))


def follows(copy: Frame, verdict: str) -> bool:
    """Whether a word on the head, which carries `verdict`, is on this copy too: not where somebody judged it apart."""
    return copy.verdict in (Verdict.NONE, verdict)
