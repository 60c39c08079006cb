"""Who asks, and for what: the questions every view has about a request."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def person(request: HttpRequest) -> User:
    """The signed-in user. Views call it behind @login_required; anything else is refused."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, so that only the part that changes is rendered."""
    return bool(getattr(request, "htmx", False))
