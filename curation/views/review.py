"""The review queue: the page, the items that it fetches ahead, and its line of progress."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from curation import decision_log, next_step, review_items, review_queue, second_looks, segments
from curation.models import Dataset, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.review_queue import ORDERS, SIDES, Item, QueueFilters
from curation.segment_rows import Rule
from curation.segments import SegmentStatus
from curation.views.errors import error
from curation.views.params import whole
from curation.views.requests import person, wants_fragment

AHEAD = 4
MOST_VIDEOS = 500


@login_required
@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """`after` = cursor of the item before; `part=items` = the items that follow it, as JSON; `part=item` = the frames
    `first` to `last` of `video`, as JSON; `part=state` = the line of progress alone; `part=end` = what to do next when
    there is nothing to show."""
    dataset = dataset_for(request, slug)
    try:
        filters, part = QueueFilters.from_query(request.GET), request.GET.get("part")
        if part == "end":
            return _end(request, dataset, filters)
        if part == "state":
            return render(request, "fragments/review_state.html", _state(request, dataset, filters))
        if part in ("items", "item"):
            return JsonResponse(_payload(segments.rule_of(dataset), _asked(request, dataset, filters)))
        return render(request, "review.html", _page(request, dataset, filters))
    except Problem as problem:
        if request.GET.get("part") in ("items", "item"):
            return JsonResponse({"error": str(problem)}, status=problem.status)
        return error(request, problem.status, str(problem))


def _page(request: HttpRequest, dataset: Dataset, filters: QueueFilters) -> dict[str, Any]:
    content = _state(request, dataset, filters)
    found = review_queue.items(dataset, filters, after=request.GET.get("after", ""), count=AHEAD)
    if not found:
        content |= _ending(dataset, filters, content["rule"])
    return content | {
        "tab": "review",
        "filters": filters,
        "orders": ORDERS,
        "sides": SIDES,
        "videos": list(dataset.videos.order_by("name", "pk").values_list("pk", "name")[:MOST_VIDEOS]),
        "items": found,
        "payload": _payload(content["rule"], found),
        "looks": second_looks.counts(dataset, person(request)),
        "log": decision_log.recent(dataset, person(request)),
        "can_review": dataset.my_role is not None and dataset.my_role.rank >= Role.CURATOR.rank,
    }


def _end(request: HttpRequest, dataset: Dataset, filters: QueueFilters) -> HttpResponse:
    """Asked for again and again while segments are on their way: then the page is loaded anew."""
    content = _state(request, dataset, filters)
    content |= _ending(dataset, filters, content["rule"])
    response = render(request, "fragments/review_end.html", content)
    if content["is_left"] and wants_fragment(request):
        response["HX-Refresh"] = "true"
    return response


def _ending(dataset: Dataset, filters: QueueFilters, rule: Rule | None) -> dict[str, Any]:
    """What to say when nothing follows: whether the queue has anything from its top, and the next step without a
    model."""
    is_left = bool(review_queue.items(dataset, filters, count=1))
    return {"is_left": is_left, "guide": None if rule else next_step.guide(dataset)}


def _asked(request: HttpRequest, dataset: Dataset, filters: QueueFilters) -> list[Item]:
    if request.GET["part"] == "items":
        return review_queue.items(dataset, filters, after=request.GET.get("after", ""), count=AHEAD)
    video, first, last = filters.video, whole(request, "first"), whole(request, "last")
    if video is None or first is None or last is None:
        raise Problem("Name the video, the first and the last frame.")
    found = review_queue.at(dataset, video, first, last)
    if found is None:
        raise Problem("These frames are gone.", status=404)
    return [found]


def _payload(rule: Rule | None, found: list[Item]) -> dict[str, Any]:
    if rule is None:
        return {"items": [], "videos": {}, "score": "", "threshold": None}
    return review_items.payload(rule, found)


def _state(request: HttpRequest, dataset: Dataset, filters: QueueFilters) -> dict[str, Any]:
    """`was_stale`: the segments that the browser shows were found by something else than what flags frames now."""
    rule, status = segments.rule_of(dataset), segments.status(dataset)
    total = status.settled + status.open_all
    was_stale = request.GET.get("stale") == "1"
    return {
        "dataset": dataset,
        "query": filters.query(),
        "rule": rule,
        "status": status,
        "total": total,
        "share": status.settled / total if total else 0.0,
        "was_stale": was_stale or not status.is_current,
        "is_fresh": was_stale and status.is_current,
        "is_waiting": _is_waiting(dataset, status, total),
    }


def _is_waiting(dataset: Dataset, status: SegmentStatus, total: int) -> bool:
    """Whether segments will come by themselves: they are being found, or a video is being taken in or scored."""
    return status.is_moving or (not total and dataset.videos.in_progress().exists())
