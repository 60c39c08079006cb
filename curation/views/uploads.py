"""The upload protocol over JSON: parse, check who asks, call curation/uploads.py, answer. See docs of that module."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from curation import storage, uploads
from curation.models import Role, Upload
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.requests import person

P = ParamSpec("P")
T = TypeVar("T", str, int, bool, list[Any])
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
STORE_DOWN = "The object store does not answer; try again in a minute."


def in_words(view: View[P]) -> View[P]:
    """Refusals as {"error": sentence}; the missing parts too, where they are the reason."""

    @wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except uploads.MissingParts as problem:
            return JsonResponse({"error": str(problem), "missing": problem.missing}, status=problem.status)
        except Problem as problem:
            return JsonResponse({"error": str(problem)}, status=problem.status)
        except (ClientError, BotoCoreError, storage.StoreUnavailable):
            return JsonResponse({"error": STORE_DOWN}, status=503)

    return cast(View[P], answer)


@login_required
@require_POST
@in_words
def create(request: HttpRequest) -> HttpResponse:
    """Begin, or go on with the same file: 201 with nothing held yet, 200 with parts that are there already."""
    asked = _body(request)
    dataset = dataset_for(request, _field(asked, "dataset", str), Role.CURATOR)
    upload = uploads.create_or_resume(
        dataset=dataset,
        user=person(request),
        name=_field(asked, "name", str),
        size_bytes=_field(asked, "size", int),
        fingerprint=_field(asked, "fingerprint", str),
        is_reference=_field(asked, "reference", bool),
    )
    state = _state(upload)
    return JsonResponse(state, status=200 if state["held"] else 201)


@login_required
@require_http_methods(["GET", "DELETE"])
@in_words
def upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    mine = _mine(request, pk)
    if request.method == "DELETE":
        uploads.abort(upload=mine)
        return HttpResponse(status=204)
    return JsonResponse(_state(mine))


@login_required
@require_POST
@in_words
def sign(request: HttpRequest, pk: UUID) -> HttpResponse:
    mine = _mine(request, pk)
    numbers = _field(_body(request), "parts", list)
    if not all(type(number) is int for number in numbers):
        raise Problem("The field parts is a list of part numbers.")
    urls = uploads.sign(upload=mine, numbers=numbers)
    return JsonResponse({"urls": urls, "expires_s": settings.UPLOAD_URL_EXPIRES_S})


@login_required
@require_POST
@in_words
def complete(request: HttpRequest, pk: UUID) -> HttpResponse:
    mine = _mine(request, pk)
    video = uploads.complete(upload=mine)
    return JsonResponse({"video": video.pk, "url": reverse("video", args=[mine.dataset.slug, video.pk])})


def _mine(request: HttpRequest, pk: UUID) -> Upload:
    """The person's own upload, as long as they may still upload to its data set."""
    found = get_object_or_404(Upload.objects.select_related("dataset", "video"), pk=pk, user=person(request))
    dataset_for(request, found.dataset.slug, Role.CURATOR)
    return found


def _state(upload: Upload) -> dict[str, Any]:
    return {
        "id": str(upload.pk),
        "part_size": upload.part_size_bytes,
        "part_count": upload.part_count,
        "held": uploads.right_parts(upload),
        "state": upload.state,
        "video": upload.video_id,
    }


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        asked = json.loads(request.body)
    except ValueError as error:
        raise Problem("The request is not JSON.") from error
    if not isinstance(asked, dict):
        raise Problem("The request is not a JSON object.")
    return asked


def _field(asked: dict[str, Any], name: str, kind: type[T]) -> T:
    value = asked.get(name, kind())
    if type(value) is not kind:
        raise Problem(f"The field {name} is not what it should be.")
    return value
