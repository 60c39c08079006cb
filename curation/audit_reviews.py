"""What people said of an audit's frames: blind words only, the last of each frame that was not taken back.

A verdict given elsewhere doesn't count, not even a later one on the same frame: who gave it saw the score, and people
look again where the score is strange.
"""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db.models import QuerySet

from curation.models import AuditFrame, AuditSample, Review, Verdict

AHEAD = 12
BREAK_S = 120.0  # longer than that is a break, not a decision
USUAL_PACE_S = 4.0  # until there is a pace
FEWEST_PACES = 5


@dataclass(frozen=True, kw_only=True)
class Progress:
    """`judged` = IN or OUT; `left`: nobody said anything yet."""

    frames: int
    judged: int
    unsure: int

    @property
    def left(self) -> int:
        return self.frames - self.judged - self.unsure

    @property
    def share(self) -> float:
        return (self.frames - self.left) / self.frames if self.frames else 0.0


def words(sample: AuditSample) -> dict[int, tuple[str, str]]:
    """Frame -> verdict and reason, of the frames that have one."""
    rows = _standing(sample).order_by("id").values_list("frame_id", "verdict", "reason")
    return {frame: (verdict, reason) for frame, verdict, reason in rows}


def progress(sample: AuditSample) -> Progress:
    said = [verdict for verdict, _ in words(sample).values()]
    return Progress(
        frames=sample.frames.count(),
        judged=sum(verdict in (Verdict.IN, Verdict.OUT) for verdict in said),
        unsure=said.count(Verdict.UNSURE),
    )


def _standing(sample: AuditSample) -> QuerySet[Review]:
    """The audit's reviews that were not taken back."""
    log = Review.objects.applied().filter(source=Review.Source.AUDIT, frame__in=sample.frames.values("frame"))
    undone = Review.objects.applied().filter(undoes__source=Review.Source.AUDIT, dataset_id=sample.dataset_id)
    return log.filter(created_at__gte=sample.created_at).exclude(pk__in=undone.values("undoes"))


def following(sample: AuditSample, *, after: int = -1, count: int = AHEAD) -> list[dict[str, Any]]:
    """The next frames that nobody has judged blind, as the page needs them: nothing that a model or anybody said.
    `after`: the place of the last frame that was sent."""
    said = set(words(sample))
    rows = AuditFrame.objects.filter(sample=sample, place__gt=after).select_related("frame__video")
    found = (row for row in rows.order_by("place").iterator(chunk_size=200) if row.frame_id not in said)
    return [_item(row) for row, _ in zip(found, range(count), strict=False)]


def _item(row: AuditFrame) -> dict[str, Any]:
    frame = row.frame
    return {
        "place": row.place,
        "frame": frame.pk,
        "seen": frame.review_version,
        "time": round(frame.time_s, 3),
        "video": frame.video.name,
        "width": frame.video.width or 640,
        "height": frame.video.height or 360,
    }


def pace_s(sample: AuditSample) -> float:
    """Seconds that a blind verdict took, the median of the last two hundred."""
    log = _standing(sample).order_by("-id").values_list("user_id", "created_at")[:200]
    gaps = [
        (later - earlier).total_seconds()
        for person in {user for user, _ in log}
        for later, earlier in pairwise(_times(list(log), person))
    ]
    steps = [gap for gap in gaps if 0 < gap < BREAK_S]
    return statistics.median(steps) if len(steps) >= FEWEST_PACES else USUAL_PACE_S


def _times(log: list[tuple[int | None, dt.datetime]], person: int | None) -> list[dt.datetime]:
    return [at for user, at in log if user == person]
