"""Honest rates: the page, and what admins do to the audit that they come from."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from curation import audits, rates_page
from curation.audit_form import TargetsForm
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.rates_page import Asked
from curation.views.errors import error
from curation.views.params import number, whole
from curation.views.requests import person, wants_fragment


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """The rates of `version` by the score `by` at `threshold`. A POST draws an audit, adds to it, or ends it. For htmx,
    `part=advice` is the one sentence for the review page."""
    dataset = dataset_for(request, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    if request.method == "POST":
        return _act(request, dataset)
    if request.GET.get("part") == "advice" and wants_fragment(request):
        return render(request, "fragments/stop_advice.html", {"dataset": dataset, "advice": rates_page.advice(dataset)})
    try:
        return render(request, "rates.html", _page(request, dataset))
    except Problem as problem:
        return error(request, problem.status, str(problem))


def _page(request: HttpRequest, dataset: Dataset) -> dict[str, Any]:
    sample = audits.serving(dataset)
    content: dict[str, Any] = {"dataset": dataset, "tab": "models", "sample": sample}
    content["form"] = TargetsForm(instance=dataset)
    if sample is None:
        found = audits.candidates(dataset)
        return content | {"candidates": len(found), "frames": sum(found.values())}
    asked = Asked(
        version=whole(request, "version"), by=request.GET.get("by", ""), threshold=number(request, "threshold")
    )
    return content | {"look": rates_page.look(dataset, sample, asked), "draw": audits.describe(sample)}


def _act(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    try:
        messages.success(request, _done(request, dataset))
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("rates", dataset.slug)


def _done(request: HttpRequest, dataset: Dataset) -> str:
    """Carries out what was pressed; the sentence says what came of it."""
    if request.POST.get("action") == "targets":
        return _set_targets(request, dataset)
    action, frames = request.POST.get("action", ""), _sent(request, "frames")
    if action == "draw":
        made = audits.draw(dataset=dataset, by=person(request), frames=frames, share=_sent(request, "share") / 100)
        drawn, videos = made.frames.count(), made.videos.count()
        return (
            f"{drawn} frames of {videos} video{'' if videos == 1 else 's'} are drawn. Judge them under Review, Audit."
        )
    sample = audits.serving(dataset)
    if sample is None:
        raise Problem("No audit serves. Draw one first.", status=409)
    if action == "top-up":
        more = audits.top_up(sample=sample, frames=frames)
        return f"{more} more frames are drawn." if more else "Every frame of these videos is drawn already."
    if action == "end":
        audits.retire(sample=sample)
        return "The audit has ended. Its videos may be trained on again."
    raise Problem("An audit can be drawn, added to, or ended.")


def _set_targets(request: HttpRequest, dataset: Dataset) -> str:
    form = TargetsForm(request.POST, instance=dataset)
    if not form.is_valid():
        raise Problem(form.first_error)
    form.save_targets()
    return "Targets saved."


def _sent(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
