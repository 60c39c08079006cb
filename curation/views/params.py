"""Reading numbers out of a query string, where anything at all may stand."""

import math

from django.http import HttpRequest

MOST_DIGITS = 18


def whole(request: HttpRequest, name: str) -> int | None:
    """The parameter as a whole number >= 0; None when it is absent or anything else."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


def number(request: HttpRequest, name: str) -> float | None:
    """The parameter as a finite number; None when it is absent or anything else."""
    try:
        found = float(request.GET.get(name, ""))
    except ValueError:
        return None
    return found if math.isfinite(found) else None
