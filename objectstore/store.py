"""Objects and buckets: every operation here is one transaction on the catalog around blobs that never change."""

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from objectstore.blobs import Blobs, lock_folder
from objectstore.catalog import Catalog, CatalogUnusable, require_bucket
from objectstore.errors import S3Error
from objectstore.payload import Payload
from objectstore.request import Segment

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
MAX_KEY_BYTES = 1024
MAX_PUT_BYTES = 5 << 30


class StoreError(Exception):
    """The folder can't be served; the message is one sentence for the person who starts the server."""


@dataclass(frozen=True)
class ObjectInfo:
    """A row of the catalog. `headers` are the ones that came with the object and go out with it."""

    id: int
    key: str
    size_bytes: int
    etag: str
    modified_s: float
    headers: dict[str, str]


@dataclass(frozen=True)
class Received:
    """A body that is safe on disk and belongs to nothing yet."""

    blob: str
    size_bytes: int
    md5: str


class ObjectReader:
    """Part of an object, pinned: its bytes stay readable until `close`, whatever is deleted or replaced meanwhile."""

    def __init__(self, blobs: Blobs, rows: list[sqlite3.Row]) -> None:
        self.blobs = blobs
        self.rows = rows
        self.names = [row["blob"] for row in rows]
        self.blobs.pins.update(self.names)
        self.segments: list[Segment] = []

    def locate(self, offset: int, length: int) -> list[Segment]:
        """Where the bytes are, in order. Raises InternalError when a file is missing or short."""
        found = []
        for row in self.rows:
            begin = max(offset - row["start"], 0)
            end = min(offset + length - row["start"], row["length"])
            path = self.blobs.path(row["blob"])
            if not path.exists() or path.stat().st_size != row["length"]:
                raise S3Error("InternalError", "The stored bytes of this object are missing or damaged.")
            found.append(Segment(str(path), begin, end - begin))
        return found

    def close(self) -> None:
        names, self.names = self.names, []
        self.blobs.unpin(names)


class Store:
    """A folder of objects, held by one process at a time."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        try:
            self.lock = lock_folder(root)
        except BlockingIOError as error:
            raise StoreError(f"Another object store already serves {root}.") from error
        self.blobs = Blobs(root / "blobs")
        try:
            self.catalog = Catalog(root / "catalog.sqlite3", may_create=self.blobs.is_empty())
        except (CatalogUnusable, sqlite3.DatabaseError) as error:
            raise StoreError(f"{root} can't be served: {error}") from error
        self.swept = self.blobs.sweep(self.catalog.all_blobs())

    def close(self) -> None:
        self.catalog.close()
        os.close(self.lock)

    # Buckets

    def create_bucket(self, bucket: str) -> None:
        """Create it, or leave it as it is. Raises InvalidBucketName."""
        if not BUCKET_NAME.fullmatch(bucket) or ".." in bucket:
            raise S3Error("InvalidBucketName", "The specified bucket is not valid.")
        with self.catalog.write() as db:
            db.execute("insert or ignore into bucket values (?, ?)", (bucket, time.time()))

    def buckets(self) -> list[sqlite3.Row]:
        with self.catalog.read() as db:
            return db.execute("select name, created_s from bucket order by name").fetchall()

    def require_bucket(self, bucket: str) -> None:
        """Raises NoSuchBucket."""
        with self.catalog.read() as db:
            require_bucket(db, bucket)

    # Bodies

    def receive(self, payload: Payload) -> Received:
        """Stream a body to disk. Raises S3Error when its digests don't hold or the disk is full; then nothing stays."""
        if payload.length > MAX_PUT_BYTES:
            raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size of 5 GiB.")
        writer = self.blobs.writer(payload.length)
        try:
            for piece in payload.pieces():
                writer.write(piece)
            writer.seal()
        except BaseException:
            writer.abandon()
            raise
        return Received(writer.name, writer.size, payload.md5.hexdigest())

    @contextmanager
    def adopting(self, received: Received) -> Iterator[sqlite3.Connection]:
        """A transaction that gives `received` its place; when it fails, the blob goes too."""
        try:
            with self.catalog.write() as db:
                yield db
        except BaseException:
            self.release([received.blob])
            raise

    def release(self, blobs: list[str]) -> None:
        """Remove those of `blobs` that nothing needs any more; to be called after the commit."""
        self.blobs.discard(set(blobs) - self.catalog.referenced(blobs))

    # Objects

    def put(
        self, bucket: str, key: str, payload: Payload, *, headers: dict[str, str], only_if_absent: bool = False
    ) -> str:
        """Store one object and return its ETag. Raises NoSuchBucket, KeyTooLongError, PreconditionFailed and more."""
        check_key(key)
        self.require_bucket(bucket)
        received = self.receive(payload)
        with self.adopting(received) as db:
            require_bucket(db, bucket)
            if only_if_absent and find(db, bucket, key):
                raise S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
            replaced = forget(db, bucket, key)
            segments = [(0, received.size_bytes, received.blob)]
            record(db, bucket, key, segments=segments, etag=received.md5, headers=headers)
        # An empty body needs no file, and has no segment that names it.
        self.release(replaced if received.size_bytes else [*replaced, received.blob])
        return received.md5

    def lookup(self, bucket: str, key: str) -> ObjectInfo:
        """Raises NoSuchBucket or NoSuchKey."""
        with self.catalog.read() as db:
            return require_object(db, bucket, key)

    def open(
        self, bucket: str, key: str, plan: Callable[[ObjectInfo], tuple[int, int]]
    ) -> tuple[ObjectInfo, ObjectReader]:
        """An object and a reader of the (offset, length) that `plan` picks. The reader must be closed."""
        # Lookup and pin under the lock that deletions take after their commit: no gap for a file to vanish in.
        with self.blobs.lock, self.catalog.read() as db:
            info = require_object(db, bucket, key)
            offset, length = plan(info)
            rows = db.execute(
                "select * from segment where object = :id and start < :end and start >= coalesce("
                "(select max(start) from segment where object = :id and start <= :offset), 0) order by start",
                {"id": info.id, "offset": offset, "end": offset + length},
            ).fetchall()
            reader = ObjectReader(self.blobs, rows)
        try:
            # Before any header goes out, so that a damaged object is an error and no broken answer.
            reader.segments = reader.locate(offset, length)
        except BaseException:
            reader.close()
            raise
        return info, reader

    def delete(self, bucket: str, keys: list[str]) -> None:
        """Remove objects; what isn't there is no error. Raises NoSuchBucket."""
        with self.catalog.write() as db:
            require_bucket(db, bucket)
            blobs = [blob for key in keys for blob in forget(db, bucket, key)]
        self.release(blobs)

    def copy(
        self, source: tuple[str, str], target: tuple[str, str], *, headers: dict[str, str] | None = None
    ) -> ObjectInfo:
        """Another object on the same blobs; `headers` None keeps the source's. Raises NoSuchBucket or NoSuchKey."""
        check_key(target[1])
        with self.catalog.write() as db:
            info = require_object(db, *source)
            require_bucket(db, target[0])
            rows = db.execute("select start, length, blob from segment where object = ?", (info.id,)).fetchall()
            replaced = forget(db, *target)
            kept = info.headers if headers is None else headers
            record(db, *target, segments=[tuple(row) for row in rows], etag=info.etag, headers=kept)
            copied = require_object(db, *target)
        self.release(replaced)
        return copied


def check_key(key: str) -> None:
    """Raises KeyTooLongError or InvalidArgument."""
    if not key:
        raise S3Error("InvalidArgument", "An object needs a key.")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise S3Error("KeyTooLongError", "Your key is too long")


def find(db: sqlite3.Connection, bucket: str, key: str) -> ObjectInfo | None:
    row = db.execute("select * from object where bucket = ? and key = ?", (bucket, key)).fetchone()
    if row is None:
        return None
    headers = json.loads(row["headers"])
    return ObjectInfo(row["id"], row["key"], row["size_bytes"], row["etag"], row["modified_s"], headers)


def require_object(db: sqlite3.Connection, bucket: str, key: str) -> ObjectInfo:
    """Raises NoSuchBucket or NoSuchKey."""
    info = find(db, bucket, key)
    if info is None:
        require_bucket(db, bucket)
        raise S3Error("NoSuchKey", "The specified key does not exist.")
    return info


def forget(db: sqlite3.Connection, bucket: str, key: str) -> list[str]:
    """Remove an object's rows and return its blobs."""
    info = find(db, bucket, key)
    if info is None:
        return []
    blobs = [row[0] for row in db.execute("select blob from segment where object = ?", (info.id,))]
    db.execute("delete from segment where object = ?", (info.id,))
    db.execute("delete from object where id = ?", (info.id,))
    return blobs


def record(
    db: sqlite3.Connection,
    bucket: str,
    key: str,
    *,
    segments: list[tuple[int, int, str]],
    etag: str,
    headers: dict[str, str],
) -> None:
    """Add an object's rows; `segments` are (start, length, blob)."""
    size = sum(length for _, length, _ in segments)
    row = (bucket, key, size, etag, time.time(), json.dumps(headers))
    cursor = db.execute(
        "insert into object (bucket, key, size_bytes, etag, modified_s, headers) values (?, ?, ?, ?, ?, ?)", row
    )
    filled = [(cursor.lastrowid, start, length, blob) for start, length, blob in segments if length]
    db.executemany("insert into segment values (?, ?, ?, ?)", filled)
