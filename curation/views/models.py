"""Models of a dataset: what the next run would learn from, the versions, one against another, activation."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from curation import calibrations, gallery, training, versions
from curation.models import Dataset, ModelVersion, Role, TrainingRun
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.progress import VersionRow, run_progress, version_progress
from curation.train_form import TrainForm, default_start, starts
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
    if wants_fragment(request) and "start_from" in request.GET:
        return render(request, "fragments/model_train.html", _train_panel(dataset, _form_from(request, dataset)))
    if wants_fragment(request):
        return render(request, "fragments/model_lists.html", {"dataset": dataset, **_lists(dataset)})
    return _page(request, dataset, TrainForm(dataset=dataset))


@login_required
@require_POST
def train(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(request, slug, Role.ADMIN)
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
        return JsonResponse(_histogram(version))
    others = dataset.model_versions.usable().exclude(pk=version.pk)
    base = _base(dataset, version, request.GET.get("with", ""))
    content = {
        "dataset": dataset,
        "tab": "models",
        "version": version,
        "base": base,
        "others": others,
        "comparison": versions.compare(base, version) if base else None,
        "above": versions.frames_above(version),
        "activations": dataset.activations.select_related("model_version", "user")[:RUNS_SHOWN],
        "progress": version_progress(version),
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
    request: HttpRequest, dataset: Dataset, form: TrainForm, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    content = {
        "tab": "models",
        "refusal": refusal,
        "calibration": calibrations.status(dataset),
        "active_above": versions.frames_above(dataset.active_version) if dataset.active_version else 0,
        **_train_panel(dataset, form),
        **_lists(dataset),
    }
    return render(request, "models.html", content, status=status)


def _train_panel(dataset: Dataset, form: TrainForm) -> dict[str, Any]:
    """What a run would learn from, for each way to begin one."""
    preview = training.preview(dataset)
    choices = starts(form, everything=bool(preview.problem))
    return {
        "dataset": dataset,
        "form": form,
        "starts": choices,
        "start": form["start"].value() or default_start(choices),
        "preview": preview,
        "everything": training.preview(dataset, everything=True) if preview.problem else None,
        "active": dataset.active_version,
        "open_run": dataset.training_runs.filter(state__in=TrainingRun.OPEN_STATES).first(),
        "admins": dataset.memberships.filter(role=Role.ADMIN).select_related("user"),
    }


def _form_from(request: HttpRequest, dataset: Dataset) -> TrainForm:
    """The form as it stands in the page, for another version to go on from."""
    asked = whole(request, "start_from")
    version = dataset.model_versions.usable().filter(pk=asked).first() if asked else None
    return TrainForm(request.GET, dataset=dataset, version=version)


def _lists(dataset: Dataset) -> dict[str, Any]:
    """Versions and runs with what is under way in them; `is_moving` keeps the page asking."""
    rows = [
        VersionRow(version, versions.frames_above(version), version_progress(version))
        for version in dataset.model_versions.select_related("training_run")
    ]
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
        messages.success(request, f"The threshold now accepts {percent:g} % of held-out frames.")
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


def _histogram(version: ModelVersion) -> dict[str, Any]:
    drawn = gallery.histogram(version)
    return {**drawn, "quantiles": version.heldout_quantiles, "target_tpr": version.target_tpr, "number": version.number}
