"""Listing keys in order, with common prefixes skipped over instead of walked through."""

import sqlite3
from dataclasses import dataclass, field


@dataclass
class Page:
    """`next_key`, when set, is where the next page starts (that key included)."""

    objects: list[sqlite3.Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_key: str | None = None

    def __len__(self) -> int:
        return len(self.objects) + len(self.prefixes)


def after_prefix(prefix: str) -> str | None:
    """The first string above everything that starts with `prefix`; None when there is no end."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            # Surrogates are no characters: the one after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None


def just_after(key: str) -> str:
    """The first string above `key`."""
    return key + "\0"


def page(db: sqlite3.Connection, bucket: str, *, prefix: str, delimiter: str, first: str, limit: int) -> Page:
    """Up to `limit` keys and common prefixes of a bucket from `first` on."""
    found = Page()
    end = after_prefix(prefix)
    position: str | None = max(first, prefix)
    while position is not None and limit:
        position = take(db, bucket, found, (prefix, delimiter, end), position, limit)
    return found


def take(
    db: sqlite3.Connection, bucket: str, found: Page, within: tuple[str, str, str | None], position: str, limit: int
) -> str | None:
    """Add keys from `position` on until a common prefix begins; returns where to go on, None at the end."""
    prefix, delimiter, end = within
    rows = db.execute(
        "select key, size_bytes, etag, modified_s from object "
        "where bucket = ? and key >= ? and (? is null or key < ?) order by key",
        (bucket, position, end, end),
    )
    for row in rows:
        if len(found) == limit:
            found.next_key = row["key"]
            return None
        cut = row["key"].find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            common = row["key"][: cut + len(delimiter)]
            found.prefixes.append(common)
            return after_prefix(common)
        found.objects.append(row)
    return None
