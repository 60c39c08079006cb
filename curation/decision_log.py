"""A person's last decisions in a data set, as the ribbon under the review pages shows them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery

from curation.models import Dataset, Decision, Frame

SHOWN = 12


def recent(dataset: Dataset, user: User, *, count: int = SHOWN) -> list[dict[str, Any]]:
    """The last decisions that were not taken back, oldest first: what each was on, and where. One query."""
    made = Decision.objects.filter(dataset=dataset, user=user, undone_by=None, applied__gt=0)
    begins = Frame.objects.filter(video=OuterRef("video"), number=OuterRef("first")).values("time_s")
    rows = made.exclude(kind=Decision.Kind.UNDO).select_related("video").annotate(start_s=Subquery(begins))
    return [_entry(row, row.start_s) for row in reversed(rows.order_by("-id")[:count])]


def _entry(row: Decision, start_s: float | None) -> dict[str, Any]:
    return {
        "uuid": str(row.uuid),
        "kind": row.kind,
        "verdict": row.verdict,
        "reason": row.reason,
        "video": row.video_id,
        "first": row.first,
        "last": row.last,
        "name": row.video.name if row.video else "",
        "start": start_s,
        "frames": row.applied,
    }
