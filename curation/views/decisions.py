"""POST /d/<slug>/decisions/ and /selections/: one word on many frames at once, and the frozen lists that it is on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from curation import decisions, selections
from curation.decisions import DecisionOutcome, DecisionRequest
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.params import sent_whole
from curation.views.requests import person

AT_ONCE = 50
NOT_JSON = (
    'Send {"decisions": [{"uuid", "kind": "segment", "video", "first", "last", "verdict", "seen"}, ...]} as JSON; '
    "of the kind selection with its id, of the kind undo with the id that it undoes."
)


@login_required
@require_POST
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """Status 200; 409 for a single decision that nothing came of because others were faster; 400 with a sentence. Of
    several, each stands for itself: one that can't be made is answered "missing", with a sentence."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    user = person(request)
    try:
        outcomes = [_decided(dataset, user, each) for each in _parse(request.body, user)]
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    is_lost = len(outcomes) == 1 and outcomes[0].status == "conflict"
    return JsonResponse({"outcomes": [_wire(outcome) for outcome in outcomes]}, status=409 if is_lost else 200)


@login_required
@require_POST
def select(request: HttpRequest, slug: str) -> HttpResponse:
    """Freezes what a gallery's query string shows now: {"uuid", "count"}."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    try:
        query = _query(request.body)
        selection = selections.freeze(dataset=dataset, user=person(request), query=query)
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    return JsonResponse({"uuid": str(selection.uuid), "count": selection.count})


def _query(body: bytes) -> str:
    try:
        return str(json.loads(body)["query"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem('Send {"query": "the query string of a gallery\'s address"} as JSON.') from None


def _decided(dataset: Dataset, user: User, request: DecisionRequest) -> DecisionOutcome:
    try:
        return decisions.decide(dataset=dataset, user=user, request=request)
    except Problem as problem:
        return DecisionOutcome(uuid=request.uuid, status="missing", message=str(problem))


def _parse(body: bytes, user: User) -> list[DecisionRequest]:
    try:
        sent = json.loads(body)
        rows = sent["decisions"]
        if sent.get("user") not in (None, user.pk):
            raise Problem(f"You are signed in as {user} now; these verdicts are somebody else's.", status=403)
        if not rows or not isinstance(rows, list):
            raise Problem("There is no decision in this request.")
        if len(rows) > AT_ONCE:
            raise Problem(f"At most {AT_ONCE} decisions at a time; these are {len(rows)}.")
        return [_request(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Problem(NOT_JSON) from None


def _request(row: dict[str, Any]) -> DecisionRequest:
    selection, undoes = row.get("selection"), row.get("undoes")
    return DecisionRequest(
        uuid=UUID(row["uuid"]),
        kind=str(row["kind"]),
        verdict=str(row.get("verdict") or ""),
        reason=str(row.get("reason") or ""),
        video=sent_whole(row.get("video") or 0, bits=63),
        first=sent_whole(row.get("first") or 0, bits=31),
        last=sent_whole(row.get("last") or 0, bits=31),
        seen=[(sent_whole(version, bits=31), sent_whole(count, bits=31)) for version, count in row.get("seen") or ()],
        selection=UUID(selection) if selection else None,
        undoes=UUID(undoes) if undoes else None,
    )


def _wire(outcome: DecisionOutcome) -> dict[str, Any]:
    return {
        "uuid": str(outcome.uuid),
        "status": outcome.status,
        "applied": outcome.applied,
        "kept": outcome.kept,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "message": outcome.message,
        "by": outcome.by,
        "versions": outcome.versions,
        "segment": outcome.segment,
    }
