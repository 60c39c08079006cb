"""The videos of a data set: upload, state, reference mark, retry, removal; and the page of one video."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from curation import decision_log, gallery, next_step, storage, uploads, video_bars, video_list, videos
from curation.gallery import GalleryFilters, GalleryPage
from curation.models import Dataset, Role, Upload, Video
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.video_bars import CropForm
from curation.views.errors import error
from curation.views.requests import person, wants_fragment

WATCH_S = 6 * 3600
WORST = 10


@login_required
@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(request, slug)
    try:
        content = _list(request, dataset)
    except Problem as problem:
        return error(request, problem.status, str(problem))
    if wants_fragment(request):
        return render(request, "fragments/video_list.html", content)
    mine = Upload.objects.filter(dataset=dataset, user=person(request), state=Upload.State.OPEN)
    content |= {"leftovers": mine[:50], "kinds": uploads.accepted_kinds_sentence()}
    return render(request, "videos.html", content)


@login_required
@require_safe
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(request, slug)
    video = get_object_or_404(dataset.videos.select_related("dataset", "uploaded_by"), pk=pk)
    content = {
        "dataset": dataset,
        "tab": "videos",
        "row": video_list.rows_of([video])[0],
        "jobs": video.jobs.all()[:10],
        "bars": video_bars.look(video),
    }
    if wants_fragment(request):
        return render(request, "fragments/video_state.html", content | {"is_update": True})
    content |= {
        "watch_url": storage.presign_get(video.key, content_type=video.content_type, expires_s=WATCH_S),
        "worst": _worst(dataset, video),
        "log": decision_log.recent(dataset, person(request)),
        "can_review": dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank,
    }
    return render(request, "video.html", content)


@login_required
@require_POST
def reference(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset, video = _video(request, slug, pk, Role.CURATOR)
    is_reference = request.POST.get("reference") == "1"
    videos.mark_reference(video=video, is_reference=is_reference, by=person(request))
    return _after(request, dataset, video)


@login_required
@require_POST
def retry(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset, video = _video(request, slug, pk, Role.CURATOR)
    try:
        videos.retry(video=video, by=person(request))
    except Problem as problem:
        return _refuse(request, problem, video)
    return _after(request, dataset, video)


@login_required
@require_POST
def crop(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    _, video = _video(request, slug, pk, Role.CURATOR)
    form = CropForm(request.POST)
    try:
        if not form.is_valid():
            raise Problem("Give whole numbers of pixels to cut from each side.")
        if videos.set_crop(video=video, crop=form.crop(), by=person(request)):
            messages.success(request, "Its frames are being extracted again. Verdicts stay.")
    except Problem as problem:
        return _refuse(request, problem, video)
    return redirect("video", slug, pk)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset, video = _video(request, slug, pk, Role.ADMIN)
    name = video.name
    try:
        videos.delete(video=video, by=person(request))
    except Problem as problem:
        return _refuse(request, problem, video)
    if wants_fragment(request):
        return _after(request, dataset, video)
    messages.success(request, f"{name} was deleted.")
    return redirect("dataset", slug)


def _video(request: HttpRequest, slug: str, pk: int, role: Role) -> tuple[Dataset, Video]:
    dataset = dataset_for(request, slug, role)
    return dataset, get_object_or_404(dataset.videos, pk=pk)


def _list(request: HttpRequest, dataset: Dataset) -> dict[str, object]:
    found = video_list.build(dataset, show=request.GET.get("show", ""), before=request.GET.get("before", ""))
    return {"dataset": dataset, "tab": "videos", "list": found, "guide": next_step.guide(dataset)}


def _after(request: HttpRequest, dataset: Dataset, video: Video) -> HttpResponse:
    """The list again when the button stood in it (it posts the list's own query), else the video's page."""
    if not wants_fragment(request):
        return redirect("video", dataset.slug, video.pk)
    return render(request, "fragments/video_list.html", _list(request, dataset))


def _refuse(request: HttpRequest, problem: Problem, video: Video) -> HttpResponse:
    if wants_fragment(request):
        return error(request, problem.status, str(problem))
    messages.error(request, str(problem))
    return redirect("video", video.dataset.slug, video.pk)


def _worst(dataset: Dataset, video: Video) -> GalleryPage | None:
    """The head of its gallery, by the score that the data set flags by; None before there is a model."""
    if dataset.active_version is None:
        return None
    return gallery.page(dataset, replace(GalleryFilters.from_query(QueryDict(), dataset), video=video.pk), None, WORST)
