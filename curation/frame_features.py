"""What the encoder saw in single frames, read from their packs' features a row at a time: 2 kB instead of half a
megabyte."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from curation import storage
from curation.models import Frame, ModelVersion
from scoring.errors import ModelError
from scoring.features import HEAD_BYTES, row_place

READERS = 8


def activations(version: ModelVersion, frames: Sequence[Frame]) -> dict[int, NDArray[np.float16]]:
    """Frame id -> pooled activations (D,) by this version, of those that have some. The frames come with `pack__video`.
    Raises StoreUnavailable."""
    places = {frame.pk: (frame.pack.features_key(version), frame.number - frame.pack.first_number) for frame in frames}
    with ThreadPoolExecutor(min(READERS, max(len(places), 1))) as pool:
        found = pool.map(lambda place: _row(*place), places.values())
        return {pk: row for pk, row in zip(places, found, strict=True) if row is not None}


def _row(key: str, row: int) -> NDArray[np.float16] | None:
    try:
        start, length = row_place(storage.read(key, 0, HEAD_BYTES), row)
        values = np.frombuffer(storage.read(key, start, length), "<f2")
    except (storage.MissingObject, ModelError):
        return None
    return values if np.isfinite(values).all() else None
