"""From a request to an answer, without sockets: health, preflight, signature, operation, refusal."""

import traceback
from pathlib import Path

from objectstore import markup
from objectstore.call import Call
from objectstore.cors import cors_headers, preflight
from objectstore.errors import S3Error, as_s3_error
from objectstore.payload import Payload, Wire
from objectstore.request import Request, Response
from objectstore.routes import find_route
from objectstore.settings import Settings
from objectstore.signature import verify
from objectstore.store import Store

HEALTH_PATH = "/-/healthz"


class Application:
    """Serves a store to the holders of one access key."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings

    def respond(self, request: Request, wire: Wire) -> Response:
        """Never raises: whatever goes wrong becomes an answer, with the cause in `error` for the log."""
        try:
            response = self.answer(request, wire)
        except Exception as error:
            response = refusal(error, request)
        for name, value in cors_headers(request, self.settings.cors_origins).items():
            response.headers.setdefault(name, value)
        response.headers["x-amz-request-id"] = request.request_id
        return response

    def answer(self, request: Request, wire: Wire) -> Response:
        if request.method == "OPTIONS":
            return preflight(request, self.settings.cors_origins)
        if request.path == HEALTH_PATH and request.method in ("GET", "HEAD"):
            return self.health()
        signed = verify(request, self.settings)
        route = find_route(request)
        payload = Payload(wire, request.headers, signed, checksums=route.checksums)
        return route.run(Call(self.store, request, payload))

    def health(self) -> Response:
        self.store.buckets()
        return Response(headers={"Content-Type": "text/plain", "Cache-Control": "no-store"}, content=b"ok\n")


def refusal(error: Exception, request: Request) -> Response:
    """The answer to a request that failed."""
    known = as_s3_error(error)
    content = markup.error_document(known, resource=request.path, request_id=request.request_id)
    if known.status == 304:
        content = b""
    cause = known.message if isinstance(error, S3Error) else f"{known.message} {error!r} {place_of(error)}"
    headers = {"Content-Type": "application/xml", "X-Content-Type-Options": "nosniff", **known.headers}
    return Response(status=known.status, headers=headers, content=content, error=f"{known.code}: {cause}")


def place_of(error: Exception) -> str:
    """File and line where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
