"""Second opinions, given blind, and the frames on which two people differ: each a queue with a page of its own."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from curation import agreement, look_items, second_looks
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.second_looks import Given, Opinion
from curation.views.params import sent_whole
from curation.views.requests import person

AHEAD = 12
NOT_JSON = (
    'Send {"reviews": [{"frame", "verdict", "uuid", "reason"}, ...]} as JSON; one that is taken back by "undoes".'
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def second(request: HttpRequest, slug: str) -> HttpResponse:
    """Frames that wait for this person's word; `part=items` = more of them, as JSON; `but` = those that the page has. A
    POST gives opinions, in the form of reviews."""
    dataset = dataset_for(request, slug, Role.CURATOR if request.method == "POST" else Role.VIEWER)
    user = person(request)
    if request.method == "POST":
        return _give(request, dataset, user)
    looks = list(second_looks.waiting_for(dataset, user).exclude(frame__in=_known(request))[:AHEAD])
    if request.GET.get("part") == "items":
        return JsonResponse({"items": look_items.blind(looks)})
    return render(request, "second_look.html", _content(dataset, user) | {"payload": look_items.blind(looks)})


@login_required
@require_safe
def conflicts(request: HttpRequest, slug: str) -> HttpResponse:
    """Frames on which two people differ, with both words, and how far people agree; the parameters as above."""
    dataset = dataset_for(request, slug)
    looks = list(second_looks.differing(dataset).exclude(frame__in=_known(request))[:AHEAD])
    if request.GET.get("part") == "items":
        return JsonResponse({"items": look_items.with_words(looks)})
    content = _content(dataset, person(request)) | {"payload": look_items.with_words(looks)}
    return render(request, "conflicts.html", content | {"agreement": agreement.of(dataset)})


def _known(request: HttpRequest) -> list[int]:
    words = request.GET.get("but", "")[:4000].split(",")
    return [int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 18]


def _content(dataset: Dataset, user: User) -> dict[str, Any]:
    can_review = dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank
    return {"dataset": dataset, "tab": "review", "looks": second_looks.counts(dataset, user), "can_review": can_review}


def _give(request: HttpRequest, dataset: Dataset, user: User) -> HttpResponse:
    try:
        given = second_looks.give(dataset=dataset, user=user, opinions=_parse(request.body, user))
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    return JsonResponse({"outcomes": [_wire(each) for each in given]})


def _parse(body: bytes, user: User) -> list[Opinion]:
    try:
        sent = json.loads(body)
        rows = sent["reviews"]
        if sent.get("user") not in (None, user.pk):
            raise Problem(f"You are signed in as {user} now; these verdicts are somebody else's.", status=403)
        if not rows or not isinstance(rows, list):
            raise Problem("There is no review in this request.")
        return [_opinion(row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Problem(NOT_JSON) from None


def _opinion(row: dict[str, Any]) -> Opinion:
    undoes = row.get("undoes")
    return Opinion(
        frame_id=sent_whole(row["frame"], bits=63),
        verdict=str(row.get("verdict") or ""),
        client_uuid=UUID(row["uuid"]),
        reason=str(row.get("reason") or ""),
        undoes=UUID(undoes) if undoes else None,
    )


def _wire(given: Given) -> dict[str, Any]:
    """Says nothing of the frame's own verdict: whoever sends an opinion again must not learn it."""
    opinion = given.opinion
    return {
        "frame": opinion.frame_id,
        "uuid": str(opinion.client_uuid),
        "status": given.status,
        "verdict": "" if opinion.undoes else opinion.verdict,
        "reason": "" if opinion.undoes else opinion.reason,
        "version": given.version,
        "by": "",
        "at": None,
        "message": given.message,
    }
