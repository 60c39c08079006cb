"""Learning from the reviews, asked for by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from curation import calibrations
from curation.models import Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person


@login_required
@require_POST
def calibrate(request: HttpRequest, slug: str) -> HttpResponse:
    """Fit the probabilities to all verdicts now, instead of after the next ten."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    try:
        calibrations.request(dataset=dataset, by=person(request).get_username())
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("models", slug)
