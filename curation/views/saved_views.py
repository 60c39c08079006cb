"""Saved views of a gallery: the list in its menu, and what changes it. Fragments only, for htmx."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from curation import saved_views
from curation.models import Dataset, SavedView
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person


@login_required
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """A POST keeps `query` (without it the address that the browser shows) under `name`, shared with `is_shared`."""
    dataset = dataset_for(request, slug)
    if request.method == "GET":
        return _list(request, dataset)
    try:
        kept = saved_views.save(
            dataset=dataset,
            user=person(request),
            name=request.POST.get("name", ""),
            query=_shown(request),
            is_shared="is_shared" in request.POST,
        )
    except Problem as problem:
        return _list(request, dataset, problem=problem)
    return _list(request, dataset, said=f"“{kept.name}” is saved.")


@login_required
@require_POST
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """`delete` deletes, `overwrite` puts what is shown now into the view; else `name` and `is_shared` are saved."""
    dataset = dataset_for(request, slug)
    user = person(request)
    view = get_object_or_404(SavedView.objects.select_related("dataset"), pk=pk, dataset=dataset)
    if view.user_id != user.pk and not view.is_shared:
        return _list(request, dataset, problem=Problem("That view is gone.", status=404))
    if not saved_views.may_change(view, user, dataset.my_role):
        raise PermissionDenied("This view is somebody else's. Save one of your own.")
    try:
        return _list(request, dataset, said=_change(request, view))
    except Problem as problem:
        return _list(request, dataset, problem=problem)


def _change(request: HttpRequest, view: SavedView) -> str:
    if "delete" in request.POST:
        view.delete()
        return f"“{view.name}” is deleted."
    if "overwrite" in request.POST:
        saved_views.overwrite(view, query=_shown(request))
        return f"“{view.name}” shows what you see now."
    saved_views.rename(view, name=request.POST.get("name", ""), is_shared="is_shared" in request.POST)
    return f"“{view.name}” is saved."


def _shown(request: HttpRequest) -> str:
    if "query" in request.POST:
        return request.POST["query"]
    return urlsplit(request.headers.get("HX-Current-URL", "")).query


def _list(request: HttpRequest, dataset: Dataset, *, said: str = "", problem: Problem | None = None) -> HttpResponse:
    user = person(request)
    rows = [
        {
            "view": view,
            "is_mine": view.user_id == user.pk,
            "may_change": saved_views.may_change(view, user, dataset.my_role),
        }
        for view in saved_views.visible(dataset, user)
    ]
    content = {"dataset": dataset, "rows": rows, "said": said, "problem": problem}
    return render(request, "fragments/gallery_views.html", content, status=problem.status if problem else 200)
