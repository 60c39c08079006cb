"""A request and an answer, free of sockets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, unquote_plus

from objectstore.errors import S3Error

CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Request:
    """One request. `path` and `query` are decoded; header names are lower-case, values are latin-1 as HTTP has them."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    request_id: str

    def param(self, name: str) -> str | None:
        """The first query parameter of that name."""
        return next((value for key, value in self.query if key == name), None)

    @property
    def bucket(self) -> str:
        return self.path[1:].partition("/")[0]

    @property
    def key(self) -> str:
        return self.path[1:].partition("/")[2]


class Stream(Protocol):
    """A body that is read from files; `close` lets the store remove what nobody reads any more."""

    segments: "list[Segment]"

    def close(self) -> None: ...


@dataclass(frozen=True)
class Segment:
    """`length` bytes of the file `path` from `offset` on."""

    path: str
    offset: int
    length: int


@dataclass
class Response:
    """`stream` wins over `content`; `length` overrides Content-Length for answers to HEAD."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    stream: Stream | None = None
    length: int | None = None
    error: str = ""


def xml_response(content: bytes) -> Response:
    """A 200 answer that carries a document."""
    return Response(headers={"Content-Type": "application/xml"}, content=content)


def parse_target(target: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Path and query of a request line, decoded. Raises InvalidURI when either is not UTF-8 or not a path."""
    raw_path, _, raw_query = target.partition("?")
    if not raw_path.startswith("/"):
        raise S3Error("InvalidURI", "Couldn't parse the specified URI.")
    try:
        path = unquote(raw_path, errors="strict")
        pairs = [pair.partition("=") for pair in raw_query.split("&") if pair]
        query = [
            (unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")) for name, _, value in pairs
        ]
    except UnicodeDecodeError as error:
        raise S3Error("InvalidURI", "The specified URI is not UTF-8.") from error
    return path, tuple(query)


def collect_headers(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined. Raises InvalidRequest for what can't be trusted."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        lowered = name.lower()
        if CONTROL.search(value):
            raise S3Error("InvalidRequest", "A header holds control characters or is folded over lines.")
        if lowered in headers and lowered in ("content-length", "transfer-encoding", "host", "authorization"):
            raise S3Error("InvalidRequest", f"The header {name} was sent more than once.")
        headers[lowered] = f"{headers[lowered]},{value.strip()}" if lowered in headers else value.strip()
    return headers
