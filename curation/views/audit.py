"""Blind review of an audit's frames: the page, the frames that follow, and its line of progress."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from curation import audit_reviews, audits
from curation.models import AuditSample, Dataset, Role
from curation.permissions import dataset_for
from curation.views.params import whole
from curation.views.requests import person


@login_required
@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """`part=items` = the frames after the place `after`, as JSON; `part=state` = the line of progress alone."""
    dataset, part = dataset_for(request, slug), request.GET.get("part")
    sample = audits.serving(dataset)
    if part == "items":
        person_id, after = person(request).pk, whole(request, "after")
        found = audit_reviews.following(sample, person=person_id, after=after) if sample else []
        return JsonResponse({"items": found})
    if part == "state":
        return render(request, "fragments/audit_state.html", _state(dataset, sample))
    return render(request, "audit.html", _page(dataset, sample, person(request)))


def _page(dataset: Dataset, sample: AuditSample | None, user: User) -> dict[str, Any]:
    return _state(dataset, sample) | {
        "tab": "review",
        "items": audit_reviews.following(sample, person=user.pk) if sample else [],
        "can_review": dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank,
    }


def _state(dataset: Dataset, sample: AuditSample | None) -> dict[str, Any]:
    progress = audit_reviews.progress(sample) if sample else None
    return {"dataset": dataset, "sample": sample, "progress": progress}
