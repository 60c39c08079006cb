"""The SQLite file that says which blobs make up which object; the one truth about what is stored.

Keys are TEXT in binary order, which is the order S3 lists in (UTF-8 bytes).
"""

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from objectstore.errors import S3Error

FORMAT = 1
SCHEMA = """
create table bucket (name text primary key, created_s real not null) without rowid;
create table object (
    id integer primary key autoincrement,
    bucket text not null references bucket (name),
    key text not null,
    size_bytes integer not null,
    etag text not null,
    modified_s real not null,
    headers text not null,
    unique (bucket, key)
);
create table segment (
    object integer not null references object (id),
    start integer not null,
    length integer not null,
    blob text not null,
    primary key (object, start)
) without rowid;
create index segment_blob on segment (blob);
create table upload (
    id text primary key,
    bucket text not null references bucket (name),
    key text not null,
    initiated_s real not null,
    headers text not null
) without rowid;
create index upload_key on upload (bucket, key, id);
create table part (
    upload text not null references upload (id),
    number integer not null,
    blob text not null,
    size_bytes integer not null,
    etag text not null,
    modified_s real not null,
    primary key (upload, number)
) without rowid;
create index part_blob on part (blob);
"""


class CatalogUnusable(Exception):
    """The catalog can't be trusted; the message says why."""


class Catalog:
    """One writer, any number of readers (WAL). A commit is on disk when `write` returns."""

    def __init__(self, path: Path, *, may_create: bool) -> None:
        self.path = path
        self.write_lock = threading.Lock()
        self.idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self.writer = self.connect()
        self.prepare(may_create=may_create)

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        # In WAL mode anything less than FULL may lose the last commits when the power goes.
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        return connection

    def prepare(self, *, may_create: bool) -> None:
        version = self.writer.execute("pragma user_version").fetchone()[0]
        if version == 0 and not may_create:
            # Starting anew beside old blobs would take them all for leftovers of a crash, and remove them.
            raise CatalogUnusable(f"there are stored bytes but {self.path.name} is missing or empty; restore it first.")
        if version == 0:
            # One transaction, so that a crash can't leave half of the tables behind.
            self.writer.executescript(f"begin immediate; {SCHEMA} pragma user_version = {FORMAT}; commit;")
        elif version != FORMAT:
            raise CatalogUnusable(f"{self.path.name} has format {version}; this server reads format {FORMAT}.")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and on disk when the block ends, undone when it raises."""
        with self.write_lock:
            self.writer.execute("begin immediate")
            try:
                yield self.writer
                self.writer.execute("commit")
            except BaseException:
                if self.writer.in_transaction:
                    self.writer.execute("rollback")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of everything committed so far."""
        try:
            connection = self.idle.get_nowait()
        except queue.Empty:
            connection = self.connect()
        connection.execute("begin")
        try:
            yield connection
        finally:
            connection.execute("rollback")
            self.idle.put(connection)

    def referenced(self, blobs: list[str]) -> set[str]:
        """Those of `blobs` that an object or an open upload still needs."""
        query = "select 1 from segment where blob = :blob union all select 1 from part where blob = :blob limit 1"
        with self.read() as db:
            return {blob for blob in blobs if db.execute(query, {"blob": blob}).fetchone()}

    def all_blobs(self) -> set[str]:
        with self.read() as db:
            return {row[0] for row in db.execute("select blob from segment union select blob from part")}

    def close(self) -> None:
        with self.write_lock, closing(self.writer):
            while not self.idle.empty():
                self.idle.get_nowait().close()


def require_bucket(db: sqlite3.Connection, bucket: str) -> None:
    """Raises NoSuchBucket."""
    if db.execute("select 1 from bucket where name = ?", (bucket,)).fetchone() is None:
        raise S3Error("NoSuchBucket", "The specified bucket does not exist")
