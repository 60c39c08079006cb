"""Packs with their frames, and work on them in threads that runs ahead of whoever takes the results."""

from __future__ import annotations

import os
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from curation.models import FrameScore, ModelVersion, Pack

PACKS_AT_ONCE = 64
TURN_S = 0.0002

T = TypeVar("T")
R = TypeVar("R")
Rows = list[tuple[int, float]]  # frame id, outlier score


def in_threads(items: Iterable[T], work: Callable[[T], R], most: int, threads: int | None = None) -> Iterator[R]:
    """What the work gives for each item, in order; so many threads, or as many as cores, are up to `most` items ahead.
    The items are taken in the caller's thread, the only one that knows the database."""
    with _quick_turns(), ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        under_way: deque[Future[R]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) > most:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """SQLite gives the interpreter away at each row, and beside threads that compute Python lets it wait for up to five
    milliseconds to have it back."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def with_rows(version: ModelVersion, packs: Iterable[Pack]) -> Iterator[tuple[Pack, Rows]]:
    """Each pack with its frames in their order."""
    left = iter(packs)
    while few := list(islice(left, PACKS_AT_ONCE)):
        rows = _rows(version, few)
        yield from ((pack, rows[pack.pk]) for pack in few)


def _rows(version: ModelVersion, packs: Sequence[Pack]) -> dict[int, Rows]:
    # Of a frame there are few scores, of a version a million: SQLite, asked for both, reads all of the version's.
    found = FrameScore.objects.filter(frame__pack__in=packs).order_by("frame__number")
    columns = ("model_version_id", "frame__pack_id", "frame_id", "ood_score")
    rows: dict[int, Rows] = defaultdict(list)
    for version_id, pack_id, frame_id, score in found.values_list(*columns):
        if version_id == version.pk:
            rows[pack_id].append((frame_id, score))
    return rows
