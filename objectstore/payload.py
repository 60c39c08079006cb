"""Request bodies: framing undone and every promised digest checked, a quarter of a mebibyte at a time."""

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from objectstore.errors import S3Error
from objectstore.signature import UNSIGNED, Signed, sign

BUFFER_BYTES = 1 << 18
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
INCOMPLETE = "You did not provide the number of bytes specified by the Content-Length header."


class Digest(Protocol):
    def update(self, data: memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class Source(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...
    def readline(self, size: int, /) -> bytes: ...


class Crc32:
    """zlib's CRC-32 with the shape of a hashlib digest."""

    def __init__(self) -> None:
        self.value = 0

    def update(self, data: memoryview, /) -> None:
        self.value = zlib.crc32(data, self.value)

    def digest(self) -> bytes:
        return self.value.to_bytes(4, "big")


CHECKSUMS: dict[str, Callable[[], Digest]] = {
    "x-amz-checksum-crc32": Crc32,
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}
# The standard library has neither, and pure Python would carry 5 MB/s.
UNSUPPORTED_CHECKSUMS = ("x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme")


class Wire:
    """The bytes of one request body as they come off the socket. Never reads past their end."""

    def __init__(self, source: Source, *, length: int | None, before_first_read: Callable[[], None]) -> None:
        self.source = source
        self.unread = length  # None: chunked transfer, which ends where its last chunk does
        self.started = False
        self.finished = length == 0
        self.before_first_read = before_first_read

    def start(self) -> None:
        if not self.started:
            self.started = True
            self.before_first_read()

    def spend(self, count: int) -> None:
        if self.unread is not None:
            self.unread -= count
            self.finished = self.unread == 0

    def fill(self, view: memoryview) -> None:
        """Fill `view`. Raises IncompleteBody when the client stops before."""
        self.start()
        if self.unread is not None and len(view) > self.unread:
            raise S3Error("IncompleteBody", INCOMPLETE)
        got = self.source.readinto(view)
        self.spend(got)
        if got < len(view):
            raise S3Error("IncompleteBody", INCOMPLETE)

    def line(self) -> bytes:
        """One line without its end, of 8 KiB at most."""
        self.start()
        limit = 8192 if self.unread is None else min(8192, self.unread)
        line = self.source.readline(limit)
        self.spend(len(line))
        if not line.endswith(b"\n"):
            raise S3Error("IncompleteBody", "A chunk of the request body is malformed or cut off.")
        return line.rstrip(b"\r\n")


class ChunkSignatures:
    """The chain of signatures of STREAMING-AWS4-HMAC-SHA256-PAYLOAD: each chunk signs the one before."""

    def __init__(self, signed: Signed) -> None:
        self.signed = signed
        self.previous = signed.signature
        self.hash = hashlib.sha256()

    def update(self, data: memoryview) -> None:
        self.hash.update(data)

    def check(self, signature: str) -> None:
        """Raises SignatureDoesNotMatch when the chunk just read isn't the one that was signed."""
        scope = [self.signed.timestamp, self.signed.scope, self.previous]
        message = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", *scope, EMPTY_SHA256, self.hash.hexdigest()])
        expected = sign(self.signed.signing_key, message)
        if not hmac.compare_digest(expected, signature):
            raise S3Error("SignatureDoesNotMatch", "The signature of a chunk does not match its bytes.")
        self.previous, self.hash = expected, hashlib.sha256()


def plain_pieces(wire: Wire, length: int, buffer: memoryview) -> Iterator[memoryview]:
    """`length` bytes in pieces that live until the next one is asked for."""
    while length:
        piece = buffer[: min(length, len(buffer))]
        wire.fill(piece)
        length -= len(piece)
        yield piece


def chunked_pieces(
    wire: Wire, buffer: memoryview, signatures: ChunkSignatures | None, trailers: dict[str, str]
) -> Iterator[memoryview]:
    """The content of an aws-chunked body; what follows the last chunk lands in `trailers`."""
    size = -1
    while size:
        size, signature = chunk_header(wire.line())
        for piece in plain_pieces(wire, size, buffer):
            if signatures:
                signatures.update(piece)
            yield piece
        if signatures:
            signatures.check(signature)
        if size and wire.line():
            raise S3Error("IncompleteBody", "A chunk of the request body is longer than it says.")
    trailers.update(read_trailers(wire))


def chunk_header(line: bytes) -> tuple[int, str]:
    """Size and signature (or "") in the line before a chunk."""
    match = re.fullmatch(rb"([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?", line.strip())
    if match is None:
        raise S3Error("IncompleteBody", "A chunk of the request body has a malformed header.")
    return int(match[1], 16), (match[2] or b"").decode()


def read_trailers(wire: Wire) -> dict[str, str]:
    trailers: dict[str, str] = {}
    while not wire.finished and (line := wire.line()):
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip().lower()] = value.strip()
        if len(trailers) > 10:
            raise S3Error("InvalidRequest", "The request body has too many trailers.")
    wire.finished = wire.unread in (0, None)
    return trailers


class Payload:
    """The content of one request. `length` is known before the first byte is read, or the request is refused."""

    def __init__(self, wire: Wire, headers: Mapping[str, str], signed: Signed, *, checksums: bool) -> None:
        self.wire = wire
        self.headers = headers
        self.signed = signed
        self.chunked = signed.payload_hash.startswith("STREAMING-")
        self.length = self.declared_length()
        self.trailers: dict[str, str] = {}
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.digests = self.promised_digests() if checksums else {}
        if re.fullmatch(r"[0-9a-f]{64}", signed.payload_hash):
            self.digests["x-amz-content-sha256"] = hashlib.sha256()

    def declared_length(self) -> int:
        known = self.signed.payload_hash in (UNSIGNED, UNSIGNED_TRAILER, SIGNED_CHUNKS)
        if self.chunked and not known:
            raise S3Error("NotImplemented", f"x-amz-content-sha256: {self.signed.payload_hash} is not implemented.")
        if not known and not re.fullmatch(r"[0-9a-f]{64}", self.signed.payload_hash):
            raise S3Error("InvalidArgument", "x-amz-content-sha256 must be a SHA-256 in hex, or UNSIGNED-PAYLOAD.")
        if self.wire.unread is None and not self.chunked:
            raise S3Error("NotImplemented", "Transfer-Encoding is not implemented; send a Content-Length.")
        declared = self.headers.get("x-amz-decoded-content-length") if self.chunked else str(self.wire.unread)
        if declared is None or not re.fullmatch(r"[0-9]{1,15}", declared):
            raise S3Error("MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.")
        return int(declared)

    def promised_digests(self) -> dict[str, Digest]:
        names = [name for name in self.headers if name.startswith("x-amz-checksum-")]
        names += [name.strip().lower() for name in self.headers.get("x-amz-trailer", "").split(",") if name.strip()]
        if refused := [name for name in names if name in UNSUPPORTED_CHECKSUMS]:
            raise S3Error("NotImplemented", f"{refused[0]} is not implemented; use crc32, sha1 or sha256.")
        return {name: CHECKSUMS[name]() for name in names if name in CHECKSUMS}

    def pieces(self) -> Iterator[memoryview]:
        """The content, checked when it ends. Raises BadDigest, XAmzContentSHA256Mismatch or IncompleteBody."""
        total = 0
        for piece in self.framed():
            total += len(piece)
            if total > self.length:
                break
            self.md5.update(piece)
            for digest in self.digests.values():
                digest.update(piece)
            yield piece
        if total != self.length or not self.wire.finished:
            raise S3Error("IncompleteBody", INCOMPLETE)
        self.verify()

    def framed(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(max(1, min(self.length, BUFFER_BYTES))))
        if not self.chunked:
            return plain_pieces(self.wire, self.length, buffer)
        signatures = ChunkSignatures(self.signed) if self.signed.payload_hash == SIGNED_CHUNKS else None
        return chunked_pieces(self.wire, buffer, signatures, self.trailers)

    def verify(self) -> None:
        if expected := self.headers.get("content-md5"):
            self.compare("Content-MD5", decoded(expected), self.md5.digest())
        for name, digest in self.digests.items():
            if name == "x-amz-content-sha256":
                if not hmac.compare_digest(digest.digest().hex(), self.signed.payload_hash):
                    raise S3Error("XAmzContentSHA256Mismatch", "The body does not match its x-amz-content-sha256.")
                continue
            self.compare(name, decoded(self.headers.get(name) or self.trailers.get(name, "")), digest.digest())

    def compare(self, name: str, expected: bytes, actual: bytes) -> None:
        if not hmac.compare_digest(expected, actual):
            raise S3Error("BadDigest", f"The {name} you specified did not match what we received.")

    def checksum_headers(self) -> dict[str, str]:
        """The checksums that were promised and held, to be sent back."""
        checked = {name: digest for name, digest in self.digests.items() if name in CHECKSUMS}
        return {name: base64.b64encode(digest.digest()).decode() for name, digest in checked.items()}

    def read(self, limit: int) -> bytes:
        """The whole content. Raises MaxMessageLengthExceeded when it is longer than `limit` bytes."""
        if self.length > limit:
            raise S3Error("MaxMessageLengthExceeded", f"The request body may hold {limit} bytes at most.")
        return b"".join(bytes(piece) for piece in self.pieces())


def decoded(value: str) -> bytes:
    """A base64 digest. Raises InvalidDigest."""
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise S3Error("InvalidDigest", "A digest in the request is not base64.") from error
