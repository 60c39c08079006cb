"""Multipart uploads: parts arrive in any order, and completing is one transaction that makes them an object."""

import hashlib
import itertools
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass

from objectstore.catalog import require_bucket
from objectstore.errors import S3Error
from objectstore.payload import Payload
from objectstore.store import Store, check_key, forget, record

MIN_PART_BYTES = 5 << 20
MAX_PART_NUMBER = 10_000


@dataclass(frozen=True)
class UploadId:
    """An upload is only found by all three: an id under another key is no upload."""

    bucket: str
    key: str
    id: str


def create(store: Store, bucket: str, key: str, *, headers: dict[str, str]) -> str:
    """Start an upload and return its id. Raises NoSuchBucket or KeyTooLongError."""
    check_key(key)
    upload = secrets.token_urlsafe(32)
    with store.catalog.write() as db:
        require_bucket(db, bucket)
        db.execute("insert into upload values (?, ?, ?, ?, ?)", (upload, bucket, key, time.time(), json.dumps(headers)))
    return upload


def require_upload(db: sqlite3.Connection, upload: UploadId) -> sqlite3.Row:
    """Raises NoSuchUpload."""
    row: sqlite3.Row | None = db.execute(
        "select * from upload where id = ? and bucket = ? and key = ?", (upload.id, upload.bucket, upload.key)
    ).fetchone()
    if row is None:
        raise S3Error(
            "NoSuchUpload",
            "The specified multipart upload does not exist. The upload ID might be invalid, "
            "or the multipart upload might have been aborted or completed.",
        )
    return row


def put_part(store: Store, upload: UploadId, number: int, payload: Payload) -> str:
    """Store one part, replacing the one of that number, and return its ETag. Raises NoSuchUpload, InvalidArgument."""
    if not 1 <= number <= MAX_PART_NUMBER:
        raise S3Error("InvalidArgument", f"Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive")
    with store.catalog.read() as db:
        require_upload(db, upload)
    received = store.receive(payload)
    with store.adopting(received) as db:
        require_upload(db, upload)
        replaced = db.execute("select blob from part where upload = ? and number = ?", (upload.id, number)).fetchall()
        row = (upload.id, number, received.blob, received.size_bytes, received.md5, time.time())
        db.execute("insert or replace into part values (?, ?, ?, ?, ?, ?)", row)
    store.release([row["blob"] for row in replaced])
    return received.md5


def parts(store: Store, upload: UploadId, *, after: int, limit: int) -> list[sqlite3.Row]:
    """Up to `limit` + 1 parts with numbers above `after`, so that the caller sees whether there are more."""
    with store.catalog.read() as db:
        require_upload(db, upload)
        return db.execute(
            "select * from part where upload = ? and number > ? order by number limit ?", (upload.id, after, limit + 1)
        ).fetchall()


def uploads(
    store: Store, bucket: str, *, prefix: str, end: str | None, after: tuple[str, str], limit: int
) -> list[sqlite3.Row]:
    """Up to `limit` + 1 open uploads by (key, id) above `after`, keys from `prefix` to before `end`."""
    with store.catalog.read() as db:
        require_bucket(db, bucket)
        return db.execute(
            "select * from upload where bucket = :bucket and key >= :prefix and (:end is null or key < :end) "
            "and (key, id) > (:key, :id) order by key, id limit :limit",
            {"bucket": bucket, "prefix": prefix, "end": end, "key": after[0], "id": after[1], "limit": limit + 1},
        ).fetchall()


def complete(store: Store, upload: UploadId, named: list[tuple[int, str]], *, only_if_absent: bool = False) -> str:
    """Make the named (number, ETag) parts one object and return its ETag.

    Raises NoSuchUpload (also for the second time), InvalidPartOrder, InvalidPart, EntityTooSmall, PreconditionFailed.
    """
    with store.catalog.write() as db:
        row = require_upload(db, upload)
        chosen = choose_parts(db, upload, named)
        if (
            only_if_absent
            and db.execute("select 1 from object where bucket = ? and key = ?", (upload.bucket, upload.key)).fetchone()
        ):
            raise S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        etag = combined_etag(chosen)
        blobs = forget(db, upload.bucket, upload.key) + remove(db, upload)
        headers = json.loads(row["headers"])
        record(db, upload.bucket, upload.key, segments=end_to_end(chosen), etag=etag, headers=headers)
    store.release(blobs)
    return etag


def choose_parts(db: sqlite3.Connection, upload: UploadId, named: list[tuple[int, str]]) -> list[sqlite3.Row]:
    """The rows of the named parts, checked as S3 does."""
    numbers = [number for number, _ in named]
    if not numbers:
        raise S3Error("MalformedXML", "You must specify at least one part")
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise S3Error("InvalidPartOrder", "The list of parts was not in ascending order.")
    rows = {row["number"]: row for row in db.execute("select * from part where upload = ?", (upload.id,))}
    for number, etag in named:
        if number not in rows or rows[number]["etag"] != etag:
            raise S3Error(
                "InvalidPart",
                "One or more of the specified parts could not be found. The part may not have been uploaded, "
                f"or the specified entity tag may not match the part's entity tag: part {number}.",
            )
    chosen = [rows[number] for number in numbers]
    if any(row["size_bytes"] < MIN_PART_BYTES for row in chosen[:-1]):
        raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.")
    return chosen


def combined_etag(chosen: list[sqlite3.Row]) -> str:
    """S3's ETag of a multipart object: MD5 of the parts' MD5s, and their number."""
    digests = b"".join(bytes.fromhex(row["etag"]) for row in chosen)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(chosen)}"


def end_to_end(chosen: list[sqlite3.Row]) -> list[tuple[int, int, str]]:
    """(start, length, blob) of parts laid one after the other."""
    segments = []
    start = 0
    for row in chosen:
        segments.append((start, row["size_bytes"], row["blob"]))
        start += row["size_bytes"]
    return segments


def remove(db: sqlite3.Connection, upload: UploadId) -> list[str]:
    """Remove an upload's rows and return the blobs of its parts."""
    blobs = [row[0] for row in db.execute("select blob from part where upload = ?", (upload.id,))]
    db.execute("delete from part where upload = ?", (upload.id,))
    db.execute("delete from upload where id = ?", (upload.id,))
    return blobs


def abort(store: Store, upload: UploadId) -> None:
    """Drop an upload and its parts. Raises NoSuchUpload."""
    with store.catalog.write() as db:
        require_upload(db, upload)
        blobs = remove(db, upload)
    store.release(blobs)
