"""Models of a dataset: what the next run would learn from, the versions, one against another, activation."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from curation import audit_comparison, calibrations, comparison, reason_results, scores, threshold_page, versions
from curation.models import Dataset, ModelVersion, Role, Score, TrainingRun
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.progress import run_progress, version_progress, version_row
from curation.train_form import TrainForm, train_panel
from curation.views.errors import error
from curation.views.params import whole
from curation.views.requests import person, wants_fragment

RUNS_SHOWN = 20


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """The models page; its list alone for htmx. A POST moves the threshold of the dataset's versions."""
    dataset = dataset_for(request, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    if request.method == "POST":
        return _set_target(request, dataset)
    if wants_fragment(request):
        return render(request, "fragments/model_lists.html", {"dataset": dataset, **_lists(dataset)})
    try:
        return _page(request, dataset, TrainForm(dataset=dataset), by=request.GET.get("by", ""))
    except Problem as problem:
        return error(request, problem.status, str(problem))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def threshold(request: HttpRequest, slug: str) -> HttpResponse:
    """One score of the active version (`?by=`), for htmx; a POST makes it the one that sorts and flags."""
    dataset = dataset_for(request, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    if request.method == "POST":
        return _set_flag_by(request, dataset)
    if dataset.active_version is None:
        raise Http404
    try:
        look = threshold_page.look(dataset, dataset.active_version, request.GET.get("by", ""))
    except Problem as problem:
        return error(request, problem.status, str(problem))
    response = render(request, "fragments/model_active.html", {"dataset": dataset, "look": look})
    response["HX-Replace-Url"] = f"{reverse('models', args=[slug])}?by={look.name}"
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def train(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel for another version to go on from, for htmx; a POST asks for the run."""
    dataset = dataset_for(request, slug, Role.ADMIN)
    if request.method != "POST":
        asked = whole(request, "start_from")
        version = dataset.model_versions.usable().filter(pk=asked).first() if asked else None
        form = TrainForm(request.GET, dataset=dataset, version=version)
        return render(request, "fragments/model_train.html", {**train_panel(dataset, form), "is_open": True})
    form = TrainForm(request.POST, dataset=dataset)
    if not form.is_valid():
        return _page(request, dataset, form, refusal=form.first_error, status=400)
    try:
        run = form.request(person(request))
    except Problem as problem:
        return _page(request, dataset, form, refusal=str(problem), status=problem.status)
    return redirect("run", slug, run.pk)


@login_required
@require_safe
def detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version, measured against another (`?with=`; the active one, or the one active before it)."""
    dataset = dataset_for(request, slug)
    version = get_object_or_404(dataset.model_versions.select_related("training_run"), number=number)
    if request.GET.get("data") == "histogram":
        return _histogram(request, version)
    base = _base(dataset, version, request.GET.get("with", ""))
    try:
        compared = _compared(dataset, base, version, request.GET.get("by", "")) if base else {}
    except Problem as problem:
        return error(request, problem.status, str(problem))
    content = {
        "dataset": dataset,
        "tab": "models",
        "version": version,
        "base": base,
        "others": dataset.model_versions.usable().exclude(pk=version.pk),
        "row": version_row(dataset, version),
        "activations": dataset.activations.select_related("model_version", "user")[:RUNS_SHOWN],
        "progress": version_progress(version),
        **compared,
        **_on_the_audit(dataset, base, version),
        "reason_tables": reason_results.tables(version, dataset),
    }
    return render(request, "model.html", content)


@login_required
@require_POST
def activate(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    dataset = dataset_for(request, slug, Role.ADMIN)
    version = get_object_or_404(dataset.model_versions, number=number)
    try:
        is_active = versions.activate(version=version, by=person(request))
    except Problem as problem:
        messages.error(request, str(problem))
        return redirect("model", slug, number)
    if is_active:
        messages.success(request, f"Version {number} is active now.")
    else:
        messages.info(request, f"Version {number} scores the newer videos first, then it becomes active.")
    return redirect("models", slug)


def _page(
    request: HttpRequest, dataset: Dataset, form: TrainForm, *, by: str = "", refusal: str = "", status: int = 200
) -> HttpResponse:
    content = {
        "tab": "models",
        "refusal": refusal,
        "calibration": calibrations.status(dataset),
        "look": threshold_page.look(dataset, dataset.active_version, by) if dataset.active_version else None,
        **train_panel(dataset, form),
        **_lists(dataset),
    }
    return render(request, "models.html", content, status=status)


def _lists(dataset: Dataset) -> dict[str, Any]:
    """Versions and runs with what is under way in them; `is_moving` keeps the page asking."""
    rows = [version_row(dataset, version) for version in dataset.model_versions.select_related("training_run", "gate")]
    runs = list(dataset.training_runs.select_related("version", "requested_by")[:RUNS_SHOWN])
    open_run = next((run for run in runs if run.state in TrainingRun.OPEN_STATES), None)
    return {
        "rows": rows,
        "runs": runs,
        "open_run": open_run,
        "open_progress": run_progress(open_run) if open_run else None,
        "is_moving": bool(open_run) or any(row.progress and row.progress.is_moving for row in rows),
    }


def _set_target(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    try:
        percent = float(request.POST.get("target_tpr", ""))
    except ValueError:
        percent = -1.0
    try:
        versions.set_target_tpr(dataset=dataset, target_tpr=percent / 100, by=person(request))
        messages.success(request, f"The thresholds now accept {percent:g} % of held-out frames.")
    except Problem as problem:
        messages.error(request, str(problem))
    by = request.GET.get("by", "")
    return redirect(reverse("models", args=[dataset.slug]) + (f"?by={by}" if by in scores.BY_NAME else ""))


def _set_flag_by(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    score = request.POST.get("flag_by", "")
    try:
        versions.set_flag_by(dataset=dataset, score=score, by=person(request))
        messages.success(request, f"Frames are flagged and sorted by {scores.WORDS[Score(score)]} now.")
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("models", dataset.slug)


def _base(dataset: Dataset, version: ModelVersion, asked: str) -> ModelVersion | None:
    if asked:
        number = int(asked) if asked.isdecimal() and len(asked) < 10 else -1
        return get_object_or_404(dataset.model_versions, number=number)
    if dataset.active_version_id != version.pk:
        return dataset.active_version
    before = dataset.activations.exclude(model_version=version).select_related("model_version").first()
    return before.model_version if before else None


def _compared(dataset: Dataset, base: ModelVersion, version: ModelVersion, by: str) -> dict[str, Any]:
    """The comparison by the score asked for, or by the one that flags. Raises Problem for a name that no score has."""
    choices = comparison.choices(base, version)
    asked = threshold_page.asked_score(by)
    usable = [choice.score for choice in choices if not choice.refusal]
    score = asked if asked in usable else comparison.default_score(dataset, choices)
    refusal = next((choice.refusal for choice in choices if choice.score == asked and choice.refusal), "")
    return {"comparison": versions.compare(base, version, score), "score_choices": choices, "refusal": refusal}


def _on_the_audit(dataset: Dataset, base: ModelVersion | None, version: ModelVersion) -> dict[str, Any]:
    score = audit_comparison.score_of(dataset, base, version) if base else None
    found = audit_comparison.look(dataset, base, version, score) if base and score else None
    return {"decision": audit_comparison.decision(version), "audit": found}


def _histogram(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    try:
        score = threshold_page.asked_score(request.GET.get("by", "")) or Score.RECONSTRUCTION_LOSS
    except Problem as problem:
        return error(request, problem.status, str(problem))
    return JsonResponse(threshold_page.histogram(version, score))
