"""For machines: is the process alive, can it work, and how busy is it."""

from __future__ import annotations

from collections.abc import Callable

import redis
import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from curation import storage

log = structlog.get_logger(__name__)

BROKER_TIMEOUT_S = 2
LOOPBACK = ("127.0.0.1", "::1")


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database, the broker and the object store answer; else 503 and the names of those that don't."""
    missing = [name for name, check in CHECKS.items() if not _passes(name, check)]
    return JsonResponse({"ready": not missing, "missing": missing}, status=503 if missing else 200)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for staff and for scrapers on this machine; never through a proxy without a login."""
    if not (_is_this_machine(request) or (request.user.is_authenticated and request.user.is_staff)):
        raise PermissionDenied("Metrics are for staff, and for scrapers on this machine.")
    response: HttpResponse = ExportToDjangoView(request)
    return response


def _is_this_machine(request: HttpRequest) -> bool:
    forwarded = request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded")
    return not forwarded and request.META.get("REMOTE_ADDR") in LOOPBACK


def _passes(name: str, check: Callable[[], object]) -> bool:
    try:
        check()
    except (DatabaseError, redis.RedisError, BotoCoreError, ClientError, ValueError, OSError) as error:
        log.warning("not ready", part=name, error=str(error))
        return False
    return True


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    timeout = {"socket_connect_timeout": BROKER_TIMEOUT_S, "socket_timeout": BROKER_TIMEOUT_S}
    with redis.Redis.from_url(settings.REDIS_URL, **timeout) as client:
        client.ping()


def _object_store() -> None:
    storage.client().head_bucket(Bucket=settings.S3_BUCKET)


CHECKS: dict[str, Callable[[], object]] = {
    "database": _database,
    "broker": _broker,
    "object_store": _object_store,
}
