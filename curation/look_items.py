"""What the pages of second opinions and of conflicts need of a frame: itself, and some before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from curation.agreement import NOBODY
from curation.models import Frame, Review, SecondLook

BESIDE = 3
Places = dict[tuple[int, int], int]  # video, number -> frame


def blind(looks: Sequence[SecondLook]) -> list[dict[str, Any]]:
    """Neither verdict nor score, nor who gave the first word. One query."""
    beside = _beside(looks)
    return [_item(look, beside) for look in looks]


def with_words(looks: Sequence[SecondLook]) -> list[dict[str, Any]]:
    """Both words, and whose they are. One query."""
    beside = _beside(looks)
    return [
        _item(look, beside) | {"verdict": look.frame.verdict, "words": [_word(look.first), _word(look.second)]}
        for look in looks
    ]


def _beside(looks: Sequence[SecondLook]) -> Places:
    if not looks:
        return {}
    near = (Q(video=look.frame.video_id, number__range=_range(look)) for look in looks)
    rows = Frame.objects.filter(reduce(or_, near)).values_list("video_id", "number", "pk")
    return {(video, number): pk for video, number, pk in rows}


def _range(look: SecondLook) -> tuple[int, int]:
    return max(0, look.frame.number - BESIDE), look.frame.number + BESIDE


def _item(look: SecondLook, beside: Places) -> dict[str, Any]:
    frame, (first, last) = look.frame, _range(look)
    strip = [beside[frame.video_id, n] for n in range(first, last + 1) if (frame.video_id, n) in beside]
    return {
        "frame": frame.pk,
        "version": frame.review_version,
        "verdict": "",
        "video": frame.video.name,
        "time": frame.time_s,
        "strip": strip,
    }


def _word(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {"who": NOBODY, "verdict": "", "reason": "", "at": None}
    who = review.user.get_username() if review.user else NOBODY
    return {"who": who, "verdict": review.verdict, "reason": review.reason, "at": review.created_at.isoformat()}
