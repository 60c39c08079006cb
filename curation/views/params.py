"""Reading numbers out of a query string or a JSON body, where anything at all may stand."""

import math
from typing import Any

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


def sent_whole(value: Any, *, bits: int) -> int:
    """A value of a JSON body as a whole number >= 0 that fits its column. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**bits:
        raise ValueError(value)
    return value
