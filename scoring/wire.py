"""The messages between the decoder child and its parent: 4 bytes of length, JSON, then the blobs it announces.

The parent trusts none of it: a decoder that was taken over by its input could write anything.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

MAX_HEADER_BYTES = 64 * 1024
MAX_BLOB_BYTES = 16 * 1024 * 1024
MAX_BLOBS = 2

_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The other side doesn't keep to the protocol."""


@dataclass(frozen=True)
class Message:
    kind: str
    body: dict[str, Any]
    blobs: tuple[bytes, ...] = ()


def write_message(stream: BinaryIO, kind: str, body: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Blocks while the reader is busy: that is the back-pressure."""
    header = json.dumps({"kind": kind, "body": body, "blobs": [len(blob) for blob in blobs]}).encode()
    stream.write(b"".join((_LENGTH.pack(len(header)), header, *blobs)))
    stream.flush()


def read_message(read_exactly: Callable[[int], bytes]) -> Message:
    """read_exactly(n) gives n bytes. Raises WireError for anything malformed or too large."""
    (length,) = _LENGTH.unpack(read_exactly(_LENGTH.size))
    if length > MAX_HEADER_BYTES:
        raise WireError(f"a header of {length} bytes")
    kind, body, sizes = _parse(read_exactly(length))
    return Message(kind, body, tuple(read_exactly(size) for size in sizes))


def _parse(header: bytes) -> tuple[str, dict[str, Any], list[int]]:
    try:
        fields = json.loads(header)
        kind, body, sizes = fields["kind"], fields["body"], fields["blobs"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError("a header that isn't ours") from error
    if not (isinstance(kind, str) and isinstance(body, dict) and isinstance(sizes, list)):
        raise WireError("a header of other types")
    if len(sizes) > MAX_BLOBS or not all(type(size) is int and 0 <= size <= MAX_BLOB_BYTES for size in sizes):
        raise WireError("blobs over the limit")
    return kind, body, sizes
