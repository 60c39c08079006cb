"""Operations on one object."""

import re
from urllib.parse import unquote

from objectstore import markup
from objectstore.call import Call, timestamp
from objectstore.conditions import NOT_HELD, byte_range, check_conditions, http_date
from objectstore.errors import S3Error
from objectstore.request import Response, xml_response
from objectstore.store import ObjectInfo

OVERRIDES = (
    "content-type",
    "content-language",
    "expires",
    "cache-control",
    "content-disposition",
    "content-encoding",
)
# A stored file is data: shown or played, never run as a page of this origin.
GUARDS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}


def only_if_absent(call: Call) -> bool:
    """Whether If-None-Match: * asks not to replace anything. Raises NotImplemented for other write conditions."""
    condition = call.header("if-none-match")
    if condition not in (None, "*") or call.header("if-match") is not None:
        raise S3Error("NotImplemented", "The only condition implemented for writes is If-None-Match: *")
    return condition == "*"


def put_object(call: Call) -> Response:
    call.require_length()
    call.refuse_unsupported_headers()
    etag = call.store.put(
        call.bucket,
        call.key,
        call.payload,
        headers=call.stored_headers(),
        only_if_absent=only_if_absent(call),
    )
    return Response(headers={"ETag": f'"{etag}"', **call.payload.checksum_headers()})


def copy_object(call: Call) -> Response:
    call.refuse_unsupported_headers()
    source = copy_source(call)
    directive = (call.header("x-amz-metadata-directive") or "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", "Unknown metadata directive.")
    if source == (call.bucket, call.key) and directive == "COPY":
        raise S3Error("InvalidRequest", "This copy request is illegal because it changes nothing.")
    check_conditions(call.request, call.store.lookup(*source), prefix="x-amz-copy-source-")
    headers = call.stored_headers() if directive == "REPLACE" else None
    info = call.store.copy(source, (call.bucket, call.key), headers=headers)
    children = [markup.text("LastModified", timestamp(info.modified_s)), markup.text("ETag", f'"{info.etag}"')]
    return xml_response(markup.document("CopyObjectResult", children))


def copy_source(call: Call) -> tuple[str, str]:
    """Bucket and key that x-amz-copy-source names. Raises InvalidArgument."""
    source, _, version = (call.header("x-amz-copy-source") or "").partition("?")
    bucket, _, key = unquote(source).removeprefix("/").partition("/")
    if not bucket or not key:
        raise S3Error("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    if version:
        raise S3Error("NotImplemented", "Versions are not implemented.")
    return bucket, key


def get_object(call: Call) -> Response:
    """The object or a range of it, read straight from its files."""
    overrides = response_overrides(call)
    chosen: list[tuple[int, int] | None] = []

    def plan(info: ObjectInfo) -> tuple[int, int]:
        check_conditions(call.request, info)
        chosen.append(byte_range(call.request, info))
        return chosen[0] or (0, info.size_bytes)

    info, reader = call.store.open(call.bucket, call.key, plan)
    response = describe(info, chosen[0], overrides)
    response.stream = reader
    return response


def head_object(call: Call) -> Response:
    info = call.store.lookup(call.bucket, call.key)
    check_conditions(call.request, info)
    return describe(info, byte_range(call.request, info), response_overrides(call))


def describe(info: ObjectInfo, chosen: tuple[int, int] | None, overrides: dict[str, str]) -> Response:
    """The headers of an answer with (offset, length) `chosen` of an object."""
    headers = {
        "ETag": f'"{info.etag}"',
        "Last-Modified": http_date(info.modified_s),
        "Accept-Ranges": "bytes",
        **info.headers,
        **overrides,
        **GUARDS,
    }
    if chosen is None:
        return Response(headers=headers, length=info.size_bytes)
    offset, length = chosen
    headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{info.size_bytes}"
    return Response(status=206, headers=headers, length=length)


def response_overrides(call: Call) -> dict[str, str]:
    """Headers that the (signed) query asks for, such as response-content-type. Raises InvalidArgument."""
    asked = {name: call.param(f"response-{name}") for name in OVERRIDES}
    for name, value in asked.items():
        if re.search(r"[\x00-\x1f\x7f]", value) or not value.isascii():
            raise S3Error("InvalidArgument", f"response-{name} must be a header value in ASCII.")
    return {name: value for name, value in asked.items() if value}


def delete_object(call: Call) -> Response:
    if call.header("if-match") is not None:
        raise S3Error("NotImplemented", f"Conditional deletes are not implemented. {NOT_HELD}")
    call.store.delete(call.bucket, [call.key])
    return Response(status=204)
