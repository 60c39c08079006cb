"""GET /d/<slug>/videos/<id>/timeline.json, and the edges of segments that people drag on it."""

from __future__ import annotations

import json

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from curation import segments, timeline
from curation.models import Role, Segment
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.segment_edges import Edge
from curation.views.params import sent_whole

EDGES: tuple[Edge, ...] = ("start", "end")
NOT_JSON = 'Send {"edge": "start" or "end", "number": the frame that it moves to} as JSON.'


@login_required
@require_safe
@gzip_page  # a quarter of the bytes; nothing in it is secret beside something that a stranger could choose
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(request, slug)
    video = get_object_or_404(dataset.videos, pk=pk)
    return JsonResponse(timeline.look(dataset, video), headers={"Cache-Control": "no-store"})


@login_required
@require_POST
def edge(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Makes a frame the first (edge "start") or the last ("end") of a segment: {"segments": those of the video now};
    400 or 409 with {"error"} where that can't be."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    segment = get_object_or_404(Segment.objects.select_related("video"), pk=pk, dataset=dataset)
    try:
        which, number = _sent(request.body)
        segments.move_edge(segment=segment, edge=which, number=number)
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    return JsonResponse({"segments": timeline.segments_of(segment.video)})


def _sent(body: bytes) -> tuple[Edge, int]:
    try:
        sent = json.loads(body)
        number = sent_whole(sent["number"], bits=31)
        return next(known for known in EDGES if known == sent["edge"]), number
    except (ValueError, KeyError, TypeError, RecursionError, StopIteration):
        raise Problem(NOT_JSON) from None
