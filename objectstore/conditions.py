"""Conditional requests and byte ranges (RFC 9110), as S3 answers them."""

import re
from email.utils import formatdate, parsedate_to_datetime

from objectstore.errors import S3Error
from objectstore.request import Request
from objectstore.store import ObjectInfo

NOT_HELD = "At least one of the pre-conditions you specified did not hold"


def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def seconds_of(value: str | None) -> float | None:
    """An HTTP date in seconds, None when there is none that can be read."""
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None


def names_etag(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def check_conditions(request: Request, info: ObjectInfo, *, prefix: str = "") -> None:
    """Raises PreconditionFailed, or NotModified; `prefix` reads the x-amz-copy-source-if-... headers instead."""
    header = {name: request.headers.get(f"{prefix}if-{name}") for name in ("match", "none-match")}
    modified_s = int(info.modified_s)
    unmodified_since = seconds_of(request.headers.get(f"{prefix}if-unmodified-since"))
    if header["match"] is not None:
        if not names_etag(header["match"], info.etag):
            raise S3Error("PreconditionFailed", NOT_HELD)
    elif unmodified_since is not None and modified_s > unmodified_since:
        raise S3Error("PreconditionFailed", NOT_HELD)
    modified_since = seconds_of(request.headers.get(f"{prefix}if-modified-since"))
    if header["none-match"] is not None:
        unchanged = names_etag(header["none-match"], info.etag)
    else:
        unchanged = modified_since is not None and modified_s <= modified_since
    if unchanged and prefix:
        raise S3Error("PreconditionFailed", NOT_HELD)
    if unchanged:
        headers = {"ETag": f'"{info.etag}"', "Last-Modified": http_date(info.modified_s)}
        raise S3Error("NotModified", "Not Modified", headers=headers)


def byte_range(request: Request, info: ObjectInfo) -> tuple[int, int] | None:
    """(offset, length) of a Range header, None for the whole object. Raises InvalidRange when nothing is in it.

    Several ranges, or a unit other than bytes, get the whole object, as on S3.
    """
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", request.headers.get("range", "").replace(" ", ""))
    if match is None or match[0] == "bytes=-" or not same_object(request, info):
        return None
    size = info.size_bytes
    if not match[1]:
        offset, end = max(size - int(match[2]), 0), size
    else:
        offset, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
        if match[2] and int(match[2]) < offset:
            return None
    if offset >= size:
        headers = {"Content-Range": f"bytes */{size}"}
        raise S3Error("InvalidRange", "The requested range is not satisfiable", headers=headers)
    return offset, end - offset


def same_object(request: Request, info: ObjectInfo) -> bool:
    """Whether If-Range, when given, names the object as it is now."""
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.startswith('"'):
        return condition.strip('"') == info.etag
    return seconds_of(condition) == int(info.modified_s)
