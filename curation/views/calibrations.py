"""Learning from the verdicts: how it stands, and asking for it by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from curation import calibrations, live_chart, refits, versions
from curation.models import Dataset, Role, Score
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.refits import LiveFit
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


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def live(request: HttpRequest, slug: str) -> HttpResponse:
    """The refit to the verdicts of now, for the pages on which people give them; a POST flags frames by it."""
    dataset = dataset_for(request, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    if request.method != "POST":
        return render(request, "fragments/live_fit.html", _live(dataset))
    try:
        versions.set_flag_by(dataset=dataset, score=Score.PROBABILITY, by=person(request))
        calibrations.request(dataset=dataset, by=person(request).get_username())
        messages.success(
            request, "Frames are flagged by probability of OUT now; its numbers are being brought up to date."
        )
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("models", slug)


def _live(dataset: Dataset) -> dict[str, Any]:
    found = refits.live(dataset)
    content: dict[str, Any] = {"dataset": dataset, "fit": None, "is_learning": calibrations.is_learning(dataset)}
    if isinstance(found, LiveFit):
        return content | {"fit": found, "chart": live_chart.chart(found)}
    return content | {"refusal": found.reason if found else calibrations.status(dataset).sentence}
