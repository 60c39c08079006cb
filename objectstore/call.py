"""What an operation gets to work with: the store, the request, and its body."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from objectstore.errors import S3Error
from objectstore.payload import Payload
from objectstore.request import Request
from objectstore.store import Store

# Silently ignoring one of these would promise a protection that isn't there.
REFUSED_HEADERS = (
    "x-amz-server-side-encryption",
    "x-amz-tagging",
    "x-amz-object-lock",
    "x-amz-grant",
    "x-amz-website",
    "x-amz-write-offset",
)
MAX_METADATA_BYTES = 2048
STORED_HEADERS = (
    "content-type",
    "content-disposition",
    "content-encoding",
    "content-language",
    "cache-control",
    "expires",
)


@dataclass(frozen=True)
class Call:
    """One authenticated request on its way through an operation."""

    store: Store
    request: Request
    payload: Payload

    @property
    def bucket(self) -> str:
        return self.request.bucket

    @property
    def key(self) -> str:
        return self.request.key

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    def param(self, name: str) -> str:
        return self.request.param(name) or ""

    def number(self, name: str, default: int) -> int:
        """A query parameter as a whole number, `default` when absent. Raises InvalidArgument."""
        value = self.request.param(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise S3Error("InvalidArgument", f"{name} must be a whole number from 0 on.")
        return int(value)

    def limit(self, name: str) -> int:
        """A page size, 1000 at most."""
        return min(self.number(name, 1000), 1000)

    def encoding(self) -> str | None:
        """The encoding-type asked for. Raises InvalidArgument for any but url."""
        value = self.request.param("encoding-type")
        if value not in (None, "url"):
            raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
        return value

    def require_length(self) -> None:
        """Raises MissingContentLength: an upload without one would silently store nothing."""
        if self.header("content-length") is None and self.header("transfer-encoding") is None:
            raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")

    def refuse_unsupported_headers(self) -> None:
        """Raises NotImplemented or AccessControlListNotSupported."""
        for name in self.request.headers:
            if name.startswith(REFUSED_HEADERS):
                raise S3Error("NotImplemented", f"The header {name} implies functionality that is not implemented.")
        if self.header("x-amz-acl") not in (None, "private", "bucket-owner-full-control"):
            raise S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs; every object is private.")

    def stored_headers(self) -> dict[str, str]:
        """The request's headers that belong to the object. Raises MetadataTooLarge."""
        kept = {name: value for name in STORED_HEADERS if (value := self.header(name))}
        codings = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
        # aws-chunked is how the body travelled, not what it is.
        if encoding := ", ".join(part for part in codings if part and part != "aws-chunked"):
            kept["content-encoding"] = encoding
        kept.setdefault("content-type", "binary/octet-stream")
        metadata = {name: value for name, value in self.request.headers.items() if name.startswith("x-amz-meta-")}
        if sum(len(name) - len("x-amz-meta-") + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
            raise S3Error("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
        return kept | metadata


def timestamp(seconds: float) -> str:
    """A time as S3's XML writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
