"""Which operation a request asks for. What isn't listed here is refused, never guessed."""

from collections.abc import Callable
from dataclasses import dataclass

from objectstore import bucket_api, multipart_api, object_api
from objectstore.call import Call
from objectstore.errors import S3Error
from objectstore.request import Request, Response

# In the query of any request: how it was signed, and the operation's name that some SDKs add.
ALWAYS_ALLOWED = {
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-content-sha256",
    "x-id",
}
OVERRIDES = frozenset(f"response-{name}" for name in object_api.OVERRIDES)
LISTING = frozenset({"prefix", "delimiter", "max-keys", "encoding-type", "fetch-owner"})


@dataclass(frozen=True)
class Route:
    """An operation: `needs` must be in the query, `allows` may be; `checksums` covers x-amz-checksum-* of the body."""

    method: str
    target: str
    run: Callable[[Call], Response]
    needs: frozenset[str] = frozenset()
    allows: frozenset[str] = frozenset()
    header: str = ""
    checksums: bool = False


# The first that fits wins, so the more specific stand first.
ROUTES = (
    Route("GET", "service", bucket_api.list_buckets),
    Route("GET", "bucket", bucket_api.bucket_location, needs=frozenset({"location"})),
    Route(
        "GET",
        "bucket",
        multipart_api.list_uploads,
        needs=frozenset({"uploads"}),
        allows=frozenset({"prefix", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}),
    ),
    Route(
        "GET",
        "bucket",
        bucket_api.list_objects_v2,
        needs=frozenset({"list-type"}),
        allows=LISTING | {"continuation-token", "start-after"},
    ),
    Route("GET", "bucket", bucket_api.list_objects_v1, allows=LISTING | {"marker"}),
    Route("HEAD", "bucket", bucket_api.head_bucket),
    Route("PUT", "bucket", bucket_api.create_bucket),
    Route("POST", "bucket", bucket_api.delete_objects, needs=frozenset({"delete"}), checksums=True),
    Route(
        "GET",
        "object",
        multipart_api.list_parts,
        needs=frozenset({"uploadId"}),
        allows=frozenset({"max-parts", "part-number-marker", "encoding-type"}),
    ),
    Route("GET", "object", object_api.get_object, allows=OVERRIDES),
    Route("HEAD", "object", object_api.head_object, allows=OVERRIDES),
    Route(
        "PUT",
        "object",
        multipart_api.upload_part,
        needs=frozenset({"uploadId", "partNumber"}),
        checksums=True,
    ),
    Route("PUT", "object", object_api.copy_object, header="x-amz-copy-source"),
    Route("PUT", "object", object_api.put_object, checksums=True),
    Route("POST", "object", multipart_api.create_upload, needs=frozenset({"uploads"})),
    Route("POST", "object", multipart_api.complete_upload, needs=frozenset({"uploadId"})),
    Route("DELETE", "object", multipart_api.abort_upload, needs=frozenset({"uploadId"})),
    Route("DELETE", "object", object_api.delete_object),
)


def target_of(request: Request) -> str:
    if request.key:
        return "object"
    return "bucket" if request.bucket else "service"


def find_route(request: Request) -> Route:
    """The operation asked for. Raises NotImplemented or MethodNotAllowed."""
    names = {name for name, _ in request.query if name.lower() not in ALWAYS_ALLOWED}
    target = target_of(request)
    for route in ROUTES:
        fits = (route.method, route.target) == (request.method, target) and route.needs <= names
        if fits and (not route.header or route.header in request.headers):
            if unknown := names - route.needs - route.allows:
                raise S3Error("NotImplemented", f"The query parameter {min(unknown)[:80]} is not implemented.")
            return route
    if any((route.method, route.target) == (request.method, target) for route in ROUTES):
        raise S3Error("NotImplemented", "This operation is not implemented.")
    raise S3Error("MethodNotAllowed", "The specified method is not allowed against this resource.")
