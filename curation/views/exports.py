"""Exports: ask for one, watch it being written, fetch it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from curation import exports, storage
from curation.models import Dataset, Export
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person, wants_fragment

SHOWN = 50
LINK_EXPIRES_S = 300


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """The exports page; the list alone for htmx. A POST asks for a new one; any member may take the data out."""
    dataset = dataset_for(request, slug)
    refusal, status = "", 200
    if request.method == "POST":
        try:
            _request(request, dataset)
        except Problem as problem:
            refusal, status = str(problem), problem.status
        if not refusal and not wants_fragment(request):
            return HttpResponseRedirect(request.path)
    content = {"dataset": dataset, "tab": "exports", "refusal": refusal, **_list(dataset)}
    if wants_fragment(request):
        return render(request, "fragments/export_list.html", content, status=status)
    return render(request, "exports.html", {**content, **_choices(dataset)}, status=status)


@login_required
@require_safe
def download(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Straight from the object store, by a link that works for five minutes."""
    export = _done(dataset_for(request, slug), pk)
    link = storage.presign_get(
        export.key,
        content_type=exports.CONTENT_TYPES[Export.Format(export.format)],
        file_name=export.file_name,
        expires_s=LINK_EXPIRES_S,
        inline=False,
    )
    return HttpResponseRedirect(link)


@login_required
@require_safe
def manifest(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    export = _done(dataset_for(request, slug), pk)
    response = JsonResponse(export.manifest, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'inline; filename="{export.file_name}.manifest.json"'
    return response


def _request(request: HttpRequest, dataset: Dataset) -> Export:
    filters = {name: request.POST.get(name, "") for name in ("verdict", "side", "video")}
    chosen = request.POST.get("format", "")
    return exports.request_export(dataset=dataset, by=person(request), format=chosen, filters=filters)


def _done(dataset: Dataset, pk: int) -> Export:
    export = get_object_or_404(dataset.exports, pk=pk)
    if export.state != Export.State.DONE:
        raise Http404
    return export


def _list(dataset: Dataset) -> dict[str, Any]:
    found = dataset.exports.select_related("requested_by", "model_version", "dataset").prefetch_related("jobs")
    shown = list(found[:SHOWN])
    videos = dict(dataset.videos.filter(pk__in=[e.filters.get("video") for e in shown]).values_list("pk", "name"))
    rows = [{"export": export, "job": _last_job(export), "filters": _in_words(export, videos)} for export in shown]
    is_open = any(export.state in (Export.State.QUEUED, Export.State.WRITING) for export in shown)
    return {"rows": rows, "is_moving": is_open}


def _last_job(export: Export) -> Any:
    return max(export.jobs.all(), key=lambda job: job.pk, default=None)


def _in_words(export: Export, videos: dict[int, str]) -> str:
    chosen = export.filters
    words = []
    if chosen.get("verdict"):
        words.append(exports.VERDICTS[chosen["verdict"]])
    if chosen.get("side"):
        words.append(exports.SIDES[chosen["side"]])
    if chosen.get("video"):
        words.append(f"of {videos.get(chosen['video'], 'a deleted video')}")
    return ", ".join(words) or "every frame"


def _choices(dataset: Dataset) -> dict[str, Any]:
    return {
        "formats": Export.Format.choices,
        "verdicts": exports.VERDICTS.items(),
        "sides": exports.SIDES.items(),
        "videos": dataset.videos.order_by("name").only("pk", "name"),
        "columns": exports.COLUMNS.items(),
    }
