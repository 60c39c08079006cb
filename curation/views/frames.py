"""One frame: its page, its thumbnail, and the pictures that explain its score."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from curation import explain, frame_page, storage, thumbnails
from curation.explain import Explanation
from curation.gallery import GalleryFilters
from curation.models import Dataset, Frame, ModelVersion, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.errors import error
from curation.views.params import whole
from curation.views.requests import wants_fragment

FOREVER = "private, max-age=31536000, immutable"
POLL_MS = 700
PATIENCE = 14
SLOW_POLL_MS = 3000


@login_required
@require_safe
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(request, slug)
    frame = _frame(dataset, pk)
    try:
        filters = GalleryFilters.from_query(request.GET, dataset)
    except Problem as problem:
        return error(request, problem.status, str(problem))
    content = {
        "dataset": dataset,
        "tab": "gallery",
        "filters": filters,
        "query": filters.query(),
        "look": frame_page.look(dataset, filters, frame),
        "video_url": storage.presign_get(frame.video.key, content_type=frame.video.content_type),
        "can_review": dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank,
    }
    return render(request, "fragments/frame_body.html" if wants_fragment(request) else "frame.html", content)


@login_required
@require_safe
def thumbnail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    frame = _frame(dataset_for(request, slug), pk)
    try:
        return _picture(thumbnails.jpeg(frame), "image/jpeg")
    except storage.MissingObject:
        raise Http404 from None
    except storage.StoreUnavailable:
        return _placeholder()


@login_required
@require_safe
def explanation(request: HttpRequest, slug: str, pk: int, version: int) -> HttpResponse:
    """The three pictures, or a placeholder that asks again; `tries` counts how often it did, `next` is asked ahead."""
    dataset = dataset_for(request, slug)
    frame, shown_by = _frame(dataset, pk), get_object_or_404(dataset.model_versions, number=version)
    found = explain.explanation(frame, shown_by)
    if found.is_ready:
        _ask_ahead(request, dataset, shown_by)
    content = {
        "dataset": dataset,
        "frame": frame,
        "version": shown_by,
        "next_id": whole(request, "next"),
        **_waiting(found, whole(request, "tries") or 0),
    }
    return render(request, "fragments/frame_pictures.html", content)


@login_required
@require_safe
def explanation_image(request: HttpRequest, slug: str, pk: int, version: int, kind: str) -> HttpResponse:
    dataset = dataset_for(request, slug)
    frame, shown_by = _frame(dataset, pk), get_object_or_404(dataset.model_versions, number=version)
    try:
        picture = explain.image(frame, shown_by, kind)
    except storage.StoreUnavailable:
        return _placeholder()
    if picture is None:
        raise Http404
    return _picture(picture, "image/png")


def _frame(dataset: Dataset, pk: int) -> Frame:
    return get_object_or_404(Frame.objects.select_related("video", "pack__video"), pk=pk, video__dataset=dataset)


def _ask_ahead(request: HttpRequest, dataset: Dataset, version: ModelVersion) -> None:
    following = whole(request, "next")
    frames = Frame.objects.select_related("pack").filter(video__dataset=dataset)
    frame = frames.filter(pk=following).first() if following else None
    if frame is not None:
        explain.ask_ahead(frame, version)


def _waiting(found: Explanation, tries: int) -> dict[str, object]:
    """What the placeholder says, and how soon it asks again; after 10 s it says what may be wrong."""
    is_late = tries >= PATIENCE
    problem = found.problem
    if is_late and not problem:
        problem = "No worker has answered for 10 s: look whether one is running for the queue “inspect”."
    return {
        "is_ready": found.is_ready,
        "problem": problem,
        "tries": tries + 1,
        "delay_ms": SLOW_POLL_MS if is_late or found.problem else POLL_MS,
    }


def _picture(data: bytes, content_type: str) -> HttpResponse:
    return HttpResponse(data, content_type=content_type, headers={"Cache-Control": FOREVER})


def _placeholder() -> HttpResponse:
    return HttpResponse(thumbnails.PLACEHOLDER, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})
