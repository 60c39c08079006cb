"""What people see when a request can't be answered: a page, a toast for htmx, or JSON, always with a sentence."""

from __future__ import annotations

import secrets

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)

TITLES = {
    400: "That request can't be answered",
    403: "You can't do that here",
    404: "Nothing is here",
    500: "Something broke on our side",
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error(request, 400, "The address or the form is not complete. Go back and try once more.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    sentence = str(exception) or "Your role in this data set does not allow it."
    return error(request, 403, f"{sentence} Ask an admin of the data set for more.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error(request, 404, "It was deleted, it never existed, or it belongs to a data set you are not a member of.")


def server_error(request: HttpRequest) -> HttpResponse:
    """The id shown is in the log, beside the traceback. Neither database nor session is touched: they may be broken."""
    error_id = secrets.token_hex(4)
    log.error("server error", error_id=error_id, path=request.path, exc_info=True)
    return error(request, 500, f"It has been logged as {error_id}; tell your administrator this id if it goes on.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error(request, 403, "This page was open for too long, or cookies are switched off. Reload it and try again.")


def error(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """The answer in the form that the client reads: JSON, a toast for htmx, or a page."""
    if getattr(request, "htmx", False):
        return _toast(sentence, status)
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return JsonResponse({"error": sentence}, status=status)
    content = {"status": status, "title": TITLES[status], "sentence": sentence}
    page_request = None if status == 500 else request
    return HttpResponse(render_to_string("errors/error.html", content, request=page_request), status=status)


def _toast(sentence: str, status: int) -> HttpResponse:
    body = render_to_string("fragments/toast.html", {"text": sentence, "kind": "danger"})
    response = HttpResponse(body, status=status)
    response["HX-Retarget"] = "#toasts"
    response["HX-Reswap"] = "beforeend"
    return response
