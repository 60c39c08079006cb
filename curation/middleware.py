"""Our one middleware: the Content-Security-Policy, enforced on every page."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: {store}; "
    "media-src 'self' blob: {store}; connect-src 'self' {store}; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Allow our own origin, and the object store for pictures, video and uploads; no inline script or style."""
    policy = POLICY.format(store=settings.S3_PUBLIC_ENDPOINT)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    return middleware
