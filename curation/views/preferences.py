"""Keys and display: what a person chose for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from curation import preferences
from curation.problems import Problem
from curation.views.requests import person

MOST_DIGITS = 5


@login_required
@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """A POST with `tile` remembers the width of the gallery's tiles, and answers 204; one with `reset` gives the usual
    keys back; any other one saves the keys, one field per action."""
    if request.method == "POST" and "tile" in request.POST:
        return _tile(request)
    if request.method == "POST" and "reset" in request.POST:
        preferences.reset_keys(user=person(request))
        messages.success(request, "All keys are the usual ones again.")
        return redirect("preferences")
    if request.method == "POST":
        return _keys(request)
    return _page(request, preferences.bound(preferences.of(person(request)).keys), {})


def _keys(request: HttpRequest) -> HttpResponse:
    chosen = {name: _key(request.POST.get(name, "")) for name in preferences.BY_NAME}
    wrong = preferences.mistakes(chosen)
    if wrong:
        return _page(request, chosen, wrong)
    preferences.save_keys(user=person(request), chosen=chosen)
    messages.success(request, "Keys saved.")
    return redirect("preferences")


def _key(typed: str) -> str:
    """A key as it was typed by hand: " " and "space" are Space, letters are small."""
    name = typed[:10]
    return preferences.SPACE if name == " " or name.strip().lower() == "space" else name.strip().lower()


def _tile(request: HttpRequest) -> HttpResponse:
    asked = request.POST["tile"]
    try:
        if not (asked.isascii() and asked.isdigit() and len(asked) <= MOST_DIGITS):
            raise Problem("The width of a tile is a whole number of pixels.")
        preferences.save_tile(user=person(request), width=int(asked))
    except Problem as problem:
        return JsonResponse({"error": str(problem)}, status=problem.status)
    return HttpResponse(status=204)


def _page(request: HttpRequest, chosen: Mapping[str, str], wrong: Mapping[str, str]) -> HttpResponse:
    rows: list[dict[str, Any]] = [
        {"action": action, "key": chosen[action.name], "mistake": wrong.get(action.name, "")}
        for action in preferences.ACTIONS
    ]
    content = {"rows": rows, "is_changed": any(row["key"] != row["action"].usual for row in rows)}
    return render(request, "preferences.html", content, status=400 if wrong else 200)
