"""A training run: live while it lasts, and the record of it afterwards."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from curation import reason_results, run_control, storage
from curation.models import Role, TrainingRun
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.progress import run_lines, run_progress
from curation.views.requests import person, wants_fragment

LINES_SHOWN = 200


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The run's page; its live part alone for htmx. A POST cancels the run or tries it again."""
    dataset = dataset_for(request, slug, Role.ADMIN if request.method == "POST" else Role.VIEWER)
    run = _run(dataset.training_runs.all(), pk)
    if request.method == "POST":
        return _steer(request, run)
    progress = run_progress(run)
    content = {
        "dataset": dataset,
        "tab": "models",
        "run": run,
        "progress": progress,
        "lines": run_lines(run, LINES_SHOWN),
        "is_open": run.state in TrainingRun.OPEN_STATES,
        "reason_tables": reason_results.tables(run.version, dataset) if run.version else [],
    }
    return render(request, "fragments/run_live.html" if wants_fragment(request) else "run.html", content)


@login_required
@require_safe
def metrics(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Every epoch so far as columns, for the charts: losses are means per frame, KL in nats."""
    run = _run(dataset_for(request, slug).training_runs.all(), pk)
    names = (
        "epoch",
        "train_reconstruction_loss",
        "heldout_reconstruction_loss",
        "train_kl",
        "heldout_kl",
        "frames_per_second",
        "elapsed_s",
    )
    rows = list(run.epochs.values_list(*names))
    columns: dict[str, Any] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    best_epoch = None if run.out_frames else run.best_epoch  # a retraining keeps its last epoch, not its best
    return JsonResponse({**columns, "best_epoch": best_epoch, "is_open": run.state in TrainingRun.OPEN_STATES})


@login_required
@require_safe
def samples(request: HttpRequest, slug: str, pk: int, epoch: int) -> HttpResponse:
    """The contact sheet of one epoch: held-out frames above their reconstructions. It never changes once written."""
    run = _run(dataset_for(request, slug).training_runs.all(), pk)
    try:
        picture = storage.read(run.key(f"samples-{epoch}.png"))
    except storage.MissingObject:
        raise Http404 from None
    except storage.StoreUnavailable:
        return HttpResponse("The object store does not answer.", status=503, content_type="text/plain")
    response = HttpResponse(picture, content_type="image/png")
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _steer(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    steps = {"cancel": run_control.cancel, "retry": run_control.retry}
    try:
        step = steps.get(request.POST.get("action", ""))
        if step is None:
            raise Problem("A run can be cancelled or tried again.")
        step(run=run, by=person(request))
    except Problem as problem:
        messages.error(request, str(problem))
    return redirect("run", run.dataset.slug, run.pk)


def _run(runs: Any, pk: int) -> TrainingRun:
    found: TrainingRun = get_object_or_404(
        runs.select_related("dataset", "version__parent", "start_from", "requested_by"), pk=pk
    )
    return found
