"""The gallery: one URL serves the page, its list after a filter, its next frames, and its progress line."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from curation import gallery, gallery_chips, gallery_growth, histograms, next_step, preferences, scores
from curation.gallery import Counts, GalleryFilters, GalleryPage
from curation.models import Dataset, Frame, Role, Score
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.errors import error
from curation.views.params import number, whole
from curation.views.requests import person, wants_fragment

MOST_VIDEOS = 500
MOST_STATES = 300


@login_required
@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """`after` = cursor of the page before; `at` = a frame to open around. `part=cards` = a page's tiles alone,
    `progress` = the progress line, `copies` = the near copies of the frame `of`, `states` = verdicts on `frames`."""
    dataset = dataset_for(request, slug)
    part = request.GET.get("part", "")
    try:
        filters = GalleryFilters.from_query(request.GET, dataset)
        if part in PARTS:
            return PARTS[part](request, dataset, filters)
        page = _page(request, dataset, filters)
    except Problem as problem:
        return error(request, problem.status, str(problem))
    content = _content(request, dataset, filters, page)
    if part == "cards" or (wants_fragment(request) and "after" in request.GET):
        return render(request, "fragments/gallery_cards.html", content)
    content |= _progress(request, dataset, filters)
    content |= _scores(filters, page, content["counts"])
    content["guide"] = None if content["counts"].frames else next_step.guide(dataset)
    videos = [] if wants_fragment(request) else _videos(dataset)
    content |= _chips(dataset, filters, page, videos)
    if wants_fragment(request):
        response = render(request, "fragments/gallery_list.html", content)
        response["HX-Replace-Url"] = f"{request.path}?{filters.query()}".rstrip("?")
        return response
    content |= {"videos": videos, "is_admin": dataset.my_role == Role.ADMIN} | _tile(request)
    return render(request, "gallery.html", content)


def _progress_part(request: HttpRequest, dataset: Dataset, filters: GalleryFilters) -> HttpResponse:
    return render(request, "fragments/gallery_progress.html", _progress(request, dataset, filters))


def _copies_part(request: HttpRequest, dataset: Dataset, filters: GalleryFilters) -> HttpResponse:
    frame = get_object_or_404(Frame, pk=whole(request, "of") or 0, video__dataset=dataset)
    page = gallery.copies_of(dataset, filters, frame)
    return render(request, "fragments/gallery_copies.html", _content(request, dataset, filters, page))


def _states_part(request: HttpRequest, dataset: Dataset, filters: GalleryFilters) -> HttpResponse:
    """{"frames": {id: [verdict, reason, review version]}} of those asked for that are there, at most 300."""
    asked = [int(word) for word in request.GET.get("frames", "").split(",")[:MOST_STATES] if word.isdecimal()]
    rows = Frame.objects.filter(video__dataset=dataset, pk__in=asked)
    found = rows.values_list("pk", "verdict", "reason", "review_version")
    return JsonResponse({"frames": {pk: state for pk, *state in found}})


PARTS = {"progress": _progress_part, "copies": _copies_part, "states": _states_part}


def _page_query(request: HttpRequest) -> str:
    """What asks for the tiles of this page again."""
    asked = request.GET.copy()
    asked["part"] = "cards"
    return asked.urlencode()


@login_required
@require_safe
def histogram(request: HttpRequest, slug: str) -> HttpResponse:
    """The spread of the score that sorts, under the gallery's own query; `bins` = how many bars, `threshold` = a value
    to count above, instead of the version's."""
    dataset = dataset_for(request, slug)
    try:
        filters = GalleryFilters.from_query(request.GET, dataset)
    except Problem as problem:
        return error(request, problem.status, str(problem))
    found = histograms.for_gallery(
        dataset, filters, bins=whole(request, "bins") or histograms.BARS, threshold=number(request, "threshold")
    )
    return JsonResponse(found)


def _page(request: HttpRequest, dataset: Dataset, filters: GalleryFilters) -> GalleryPage:
    at = whole(request, "at")
    frame = Frame.objects.filter(pk=at, video__dataset=dataset).first() if at else None
    if frame is not None:
        return gallery.page_around(dataset, filters, frame)
    return gallery.page(dataset, filters, request.GET.get("after") or None)


def _content(request: HttpRequest, dataset: Dataset, filters: GalleryFilters, page: GalleryPage) -> dict[str, Any]:
    growing = gallery_growth.after_last(dataset, filters, page, request.GET.get("after", ""))
    return {
        "dataset": dataset,
        "tab": "gallery",
        "filters": filters,
        "query": filters.query(),
        "top_query": filters.without("start").query(),
        "page": page,
        "can_review": _can_review(dataset),
        "page_query": _page_query(request),
        "total": None if growing else _total(dataset, filters, page),
        "growing": growing,
    }


def _chips(
    dataset: Dataset, filters: GalleryFilters, page: GalleryPage, videos: list[tuple[int, str]]
) -> dict[str, Any]:
    found = gallery_chips.chips(dataset, filters, page.score, names=dict(videos))
    return {"chips": found, "cleared": gallery_chips.cleared(filters)}


def _total(dataset: Dataset, filters: GalleryFilters, page: GalleryPage) -> int | None:
    """How many frames there are, near copies too, where the list ends on this page."""
    if page.next_cursor is not None or not page.cards:
        return None
    if page.is_from_top:
        return sum(card.stands_for for card in page.cards)
    return gallery.matching(dataset, filters)


def _scores(filters: GalleryFilters, page: GalleryPage, counts: Counts) -> dict[str, Any]:
    """The scores on offer, and why the list is sorted by another one than asked."""
    if page.version is None:
        return {}
    is_fallback = page.score != filters.score
    is_calibrated = bool(page.calibration) if filters.score == Score.PROBABILITY else None
    found = scores.choices(page.version, is_calibrated=is_calibrated, reviewed=(counts.in_, counts.out))
    return {"score_choices": found, "fallback": found[-1].refusal if is_fallback else ""}


def _progress(request: HttpRequest, dataset: Dataset, filters: GalleryFilters) -> dict[str, Any]:
    """The counts, and how many frames were scored since the list that the browser shows was made."""
    counts = gallery.counts(dataset)
    shown = whole(request, "shown")
    version = dataset.active_version
    listed, before = version.number if version else 0, whole(request, "listed")
    return {
        "dataset": dataset,
        "query": filters.query(),
        "counts": counts,
        "share": counts.reviewed / counts.frames if counts.frames else 0.0,
        "version": version,
        "is_moving": counts.is_moving,
        "shown": counts.scored if shown is None else shown,
        "fresh": 0 if shown is None else max(0, counts.scored - shown),
        "listed": before if before is not None else listed,
        "is_other_version": before is not None and before != listed,
    }


def _tile(request: HttpRequest) -> dict[str, Any]:
    """The size of the tiles, and the sizes on offer."""
    width = preferences.tile_width(person(request))
    widths = preferences.TILE_WIDTHS
    return {"tile": width, "tile_widths": widths, "tile_place": widths.index(width)}


def _videos(dataset: Dataset) -> list[tuple[int, str]]:
    return list(dataset.videos.order_by("name", "pk").values_list("pk", "name")[:MOST_VIDEOS])


def _can_review(dataset: Dataset) -> bool:
    return dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank
