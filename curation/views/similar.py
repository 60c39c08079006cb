"""GET and POST /d/<slug>/frames/<id>/similar/: frames like one, and the list of them that the gallery shows."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from curation import similar
from curation.models import Dataset, Frame, ModelVersion
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.similar import AMONG, Among, Similar
from curation.views.errors import error
from curation.views.params import whole
from curation.views.requests import person, wants_fragment

SHOWN = 6
POLL_MS, SLOW_POLL_MS, PATIENCE = 700, 3000, 14
NO_MODEL = "Frames can be compared once there is a model. Train one first."


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """GET: {"is_ready", "progress", "problem", "seen", "trained", "frames": [...]}, to be asked again until ready;
    among all frames, or with of=training among those that the active version was trained on. For htmx the same as
    pictures. POST freezes those among all as a list: {"uuid", "count", "url"}; 409 while they are not known."""
    dataset = dataset_for(request, slug)
    frame = get_object_or_404(Frame.objects.select_related("video", "pack"), pk=pk, video__dataset=dataset)
    version = dataset.active_version
    try:
        if version is None:
            raise Problem(NO_MODEL, status=409)
        if request.method == "POST":
            return _listed(request, dataset, frame, version)
        return _found(request, dataset, frame, version)
    except Problem as problem:
        if wants_fragment(request):
            return error(request, problem.status, str(problem))
        return JsonResponse({"error": str(problem)}, status=problem.status)


def _listed(request: HttpRequest, dataset: Dataset, frame: Frame, version: ModelVersion) -> HttpResponse:
    made = similar.as_list(dataset=dataset, user=person(request), frame=frame, version=version)
    url = f"{reverse('gallery', args=[dataset.slug])}?selection={made.uuid}"
    return JsonResponse({"uuid": str(made.uuid), "count": made.count, "url": url})


def _found(request: HttpRequest, dataset: Dataset, frame: Frame, version: ModelVersion) -> HttpResponse:
    among = _among(request.GET.get("of", "") or "all")
    found = similar.similar(frame, version, among)
    if wants_fragment(request):
        content = {"dataset": dataset, "frame": frame, "version": version, "similar": found, "of": among}
        return render(request, "fragments/frame_similar.html", content | _waiting(request, found) | _near(found, SHOWN))
    return JsonResponse(
        {
            "is_ready": found.is_ready,
            "progress": found.progress,
            "problem": found.problem,
            "seen": found.seen,
            "trained": found.trained,
            "frames": [_wire(dataset, row, distance) for row, distance in _near(found)["near"]],
        }
    )


def _among(text: str) -> Among:
    for known in AMONG:
        if text == known:
            return known
    raise Problem(f"Frames are compared with all or with training; not {text[:20]!r}.")


def _near(found: Similar, most: int | None = None) -> dict[str, Any]:
    """(frame, distance) of those that are still there; one query."""
    wanted = found.near[:most]
    rows = Frame.objects.select_related("video").in_bulk([pk for pk, _ in wanted])
    return {"near": [(rows[pk], distance) for pk, distance in wanted if pk in rows]}


def _wire(dataset: Dataset, frame: Frame, distance: float) -> dict[str, Any]:
    return {
        "id": frame.pk,
        "distance": distance,
        "video": frame.video_id,
        "video_name": frame.video.name,
        "number": frame.number,
        "time_s": frame.time_s,
        "verdict": frame.verdict,
        "url": reverse("frame", args=[dataset.slug, frame.pk]),
        "thumb": reverse("thumbnail", args=[dataset.slug, frame.pk]),
    }


def _waiting(request: HttpRequest, found: Similar) -> dict[str, object]:
    """How soon the placeholder asks again; after a while it says what may be wrong."""
    tries = (whole(request, "tries") or 0) + 1
    is_late = tries > PATIENCE and found.progress is None
    late = "No worker has answered for 10 s: look whether one is running for the queue “inspect”." if is_late else ""
    return {
        "tries": tries,
        "problem": found.problem or late,
        "delay_ms": SLOW_POLL_MS if is_late or found.problem else POLL_MS,
    }
