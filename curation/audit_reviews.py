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

from curation import storage
from curation.models import AuditFrame, AuditSample, Review, Verdict

AHEAD = 12
WATCH_S = 6 * 3600
GOLDEN = 0.618033988749895  # fractions of its multiples lie far apart
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
    log = Review.objects.applied().filter(frame__in=sample.frames.values("frame"), created_at__gte=sample.created_at)
    undone = log.filter(undoes__source=Review.Source.AUDIT)
    return log.filter(source=Review.Source.AUDIT).exclude(pk__in=undone.values("undoes"))


def following(
    sample: AuditSample, *, person: int = 0, after: int | None = None, count: int = AHEAD
) -> list[dict[str, Any]]:
    """The next frames that nobody has judged blind, as the page needs them: nothing that a model or anybody said.
    `after`: the place of the last frame that was sent. Each `person` begins elsewhere and goes round, so that two at
    work don't judge the same frames; any stretch of the order is balanced."""
    said, total = set(words(sample)), sample.frames.count()
    start = int(total * (person * GOLDEN % 1))
    places = dict(sample.frames.values_list("place", "frame_id"))
    turned = sorted((place - start) % max(total, 1) for place, frame in places.items() if frame not in said)
    seen = -1 if after is None else (after - start) % max(total, 1)
    wanted = [(turn + start) % total for turn in turned if turn > seen][:count]
    found = AuditFrame.objects.filter(sample=sample, place__in=wanted).select_related("frame__video")
    rows = {row.place: row for row in found}
    return [_item(rows[place]) for place in wanted]


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
        "url": storage.presign_get(frame.video.key, content_type=frame.video.content_type, expires_s=WATCH_S),
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
