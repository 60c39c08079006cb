"""Learning from the verdicts: how it stands, and asking for it by hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from curation import calibrations
from curation.models import Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def calibrate(request: HttpRequest, slug: str) -> HttpResponse:
    """How the probabilities stand, for the models page to ask again; a POST fits them to all verdicts now."""
    dataset = dataset_for(request, slug, Role.CURATOR if request.method == "POST" else Role.VIEWER)
    if request.method != "POST":
        content = {"dataset": dataset, "calibration": calibrations.status(dataset)}
        return render(request, "fragments/calibration.html", content)
    try:
        calibrations.request(dataset=dataset, by=person(request).get_username())
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("models", slug)
