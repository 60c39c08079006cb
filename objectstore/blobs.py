"""Bodies on disk: files that are written once under a random name and never changed."""

import fcntl
import os
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from objectstore.errors import DISK_FULL, S3Error

# Kept free so that the catalog can still record deletions, which are the way out of a full disk.
RESERVE_BYTES = 8 << 20


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class BlobWriter:
    """A blob on its way to the disk: `write` any number of times, then `seal` or `abandon`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.size = 0
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: memoryview) -> None:
        while data:
            written = os.write(self.descriptor, data)
            self.size += written
            data = data[written:]

    def seal(self) -> None:
        """Returns when the bytes and the name are on disk."""
        os.fsync(self.descriptor)
        os.close(self.descriptor)
        self.descriptor = -1
        sync_folder(self.path.parent)

    def abandon(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.path.unlink(missing_ok=True)


class Blobs:
    """The folder of bodies, 256 shards of it. A blob that is being read outlives its deletion."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.pins: Counter[str] = Counter()
        self.doomed: set[str] = set()
        for shard in range(256):
            (root / f"{shard:02x}").mkdir(parents=True, exist_ok=True)
        sync_folder(root)
        sync_folder(root.parent)

    def path(self, name: str) -> Path:
        return self.root / name[:2] / name

    def writer(self, expected_bytes: int) -> BlobWriter:
        """A new blob. Raises InsufficientStorage at once when `expected_bytes` can't fit."""
        if shutil.disk_usage(self.root).free < expected_bytes + RESERVE_BYTES:
            raise S3Error("InsufficientStorage", DISK_FULL)
        return BlobWriter(self.path(secrets.token_hex(16)))

    def unpin(self, names: Iterable[str]) -> None:
        """End of a read; what was deleted meanwhile goes now."""
        with self.lock:
            names = list(names)
            self.pins.subtract(names)
            idle = {name for name in names if self.pins[name] <= 0}
            for name in idle:
                del self.pins[name]
            gone = idle & self.doomed
            self.doomed -= gone
        self.unlink(gone)

    def discard(self, names: Iterable[str]) -> None:
        """Remove blobs that the catalog names no more, the ones being read as soon as they aren't."""
        with self.lock:
            pinned = {name for name in names if self.pins[name] > 0}
            self.doomed |= pinned
        self.unlink(set(names) - pinned)

    def unlink(self, names: Iterable[str]) -> None:
        for name in names:
            self.path(name).unlink(missing_ok=True)

    def sweep(self, keep: set[str]) -> int:
        """Remove what a crash left: blobs in no row. Only right while nobody writes. Returns how many went."""
        orphans = [entry.name for shard in self.root.iterdir() for entry in os.scandir(shard) if entry.name not in keep]
        self.unlink(orphans)
        return len(orphans)

    def is_empty(self) -> bool:
        return not any(True for shard in self.root.iterdir() for _ in os.scandir(shard))


def lock_folder(root: Path) -> int:
    """Hold the folder until the process ends. Raises BlockingIOError when another server has it."""
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
