"""POST /d/<slug>/reviews/: decisions as JSON, each with its client's id; the answer tells what became of each."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from curation import reviews
from curation.models import Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.reviews import Outcome, ReviewRequest
from curation.views.params import sent_whole
from curation.views.requests import person

NOT_JSON = 'Send {"reviews": [{"frame", "verdict", "uuid", "seen", "source", "reason"}, ...]} as JSON.'


@login_required
@require_POST
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """Status 200; 409 for a single stale review; 404 for a single frame that isn't here; 400 with a sentence."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    user = person(request)
    try:
        asked = _parse(request.body, user)
        outcomes = reviews.record(dataset=dataset, user=user, requests=asked)
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    return JsonResponse({"outcomes": [_wire(outcome) for outcome in outcomes]}, status=_status(outcomes))


def _parse(body: bytes, user: User) -> list[ReviewRequest]:
    try:
        sent = json.loads(body)
        rows = sent["reviews"]
        if sent.get("user") not in (None, user.pk):
            raise Problem(f"You are signed in as {user} now; these verdicts are somebody else's.", status=403)
        if not rows or not isinstance(rows, list):
            raise Problem("There is no review in this request.")
        return [_request(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Problem(NOT_JSON) from None


def _request(row: dict[str, Any]) -> ReviewRequest:
    undoes = row.get("undoes")
    return ReviewRequest(
        frame_id=sent_whole(row["frame"], bits=63),
        verdict=str(row.get("verdict", "")),
        client_uuid=UUID(row["uuid"]),
        seen_version=sent_whole(row["seen"], bits=31),
        source=str(row.get("source", "api")),
        undoes=UUID(undoes) if undoes else None,
        reason=str(row.get("reason") or ""),
    )


def _wire(outcome: Outcome) -> dict[str, Any]:
    return {
        "frame": outcome.frame_id,
        "uuid": str(outcome.client_uuid),
        "status": outcome.status,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "version": outcome.review_version,
        "by": outcome.by,
        "at": outcome.at.isoformat() if outcome.at else None,
        "message": outcome.message,
    }


def _status(outcomes: list[Outcome]) -> int:
    alone = outcomes[0].status if len(outcomes) == 1 else ""
    return {"conflict": 409, "missing": 404}.get(alone, 200)
