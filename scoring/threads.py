"""Work in threads that runs ahead of whoever takes the results."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

TURN_S = 0.0002

T = TypeVar("T")
R = TypeVar("R")


def in_threads(
    items: Iterable[T],
    work: Callable[[T], R],
    most: int,
    threads: int | None = None,
    begin: Callable[[], None] | None = None,
) -> Iterator[R]:
    """What the work gives for each item, in order; so many threads, or as many as cores, are up to `most` items ahead.
    The items are taken in the caller's thread. begin: called in each thread first."""
    with _quick_turns(), ThreadPoolExecutor(threads or os.cpu_count() or 1, initializer=begin) as pool:
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
