"""Cross-origin answers, so that a page on another origin may upload to presigned URLs and read ETags."""

from objectstore.request import Request, Response

METHODS = "GET, HEAD, PUT, POST, DELETE"
EXPOSED = (
    "ETag, Content-Length, Content-Range, Accept-Ranges, Last-Modified, x-amz-request-id, "
    "x-amz-checksum-crc32, x-amz-checksum-sha1, x-amz-checksum-sha256"
)
MAX_AGE_S = 3600


def cors_headers(request: Request, origins: tuple[str, ...]) -> dict[str, str]:
    """What an answer to this request needs; nothing when its origin isn't allowed."""
    origin = request.headers.get("origin")
    if origin is None or not origins:
        return {}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
    if origin not in origins:
        return {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, "Vary": "Origin"}


def preflight(request: Request, origins: tuple[str, ...]) -> Response:
    """The answer to OPTIONS: 200 with what is allowed, 403 for another origin."""
    headers = cors_headers(request, origins)
    if "Access-Control-Allow-Origin" not in headers:
        return Response(status=403, headers=headers, content=b"This origin is not allowed.\n")
    headers["Access-Control-Allow-Methods"] = METHODS
    headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
    if asked := request.headers.get("access-control-request-headers"):
        headers["Access-Control-Allow-Headers"] = asked
    return Response(headers=headers)
