"""A frame's thumbnail: a slice of its pack's object. While the object store is away, nobody waits for it twice."""

from __future__ import annotations

import time

from curation import storage
from curation.models import Frame

PAUSE_S = 5.0

PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" width="320" height="180">'
    b'<path fill="#80808033" d="M0 0h16v9H0z"/><path stroke="#808080" stroke-width=".25" d="m6.5 3 3 3m0-3-3 3"/></svg>'
)

_away_until = 0.0


def jpeg(frame: Frame) -> bytes:
    """The JPEG's bytes. Raises storage.MissingObject, or storage.StoreUnavailable (at once within 5 s of the last)."""
    global _away_until
    if time.monotonic() < _away_until:
        raise storage.StoreUnavailable("not asked: it was away a moment ago")
    try:
        return storage.read(frame.pack.thumbs_key, frame.thumb_offset, frame.thumb_bytes)
    except storage.StoreUnavailable:
        _away_until = time.monotonic() + PAUSE_S
        raise
