"""Work in threads that runs ahead of whoever takes the results."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
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
) -> Generator[R]:
    """What the work gives for each item, in order; so many threads, or as many as cores, are up to `most` items ahead.
    The items are taken in the caller's thread. begin: called in each thread first."""
    with TURNS.quick(), ThreadPoolExecutor(threads or os.cpu_count() or 1, initializer=begin) as pool:
        try:
            yield from _ahead(pool, iter(items), work, most)
        finally:
            pool.shutdown(cancel_futures=True)


def _ahead(pool: ThreadPoolExecutor, items: Iterator[T], work: Callable[[T], R], most: int) -> Iterator[R]:
    under_way: deque[Future[R]] = deque()
    failed: Exception | None = None
    while failed is None:
        try:
            under_way.append(pool.submit(work, next(items)))
        except StopIteration:
            break
        except Exception as error:
            failed = error  # what was begun before it is handed out first
        if len(under_way) > most:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
    if failed is not None:
        raise failed


class _Turns:
    """Beside threads that compute Python lets one that has just given the interpreter away, as SQLite does at each row
    and torch at each step, wait for up to five milliseconds to have it back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanted = 0
        self._usual_s = 0.0

    @contextmanager
    def quick(self) -> Iterator[None]:
        """Short waits, until nobody wants them any more."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            if self._wanted == 0:
                self._usual_s = sys.getswitchinterval()
            self._wanted += change
            sys.setswitchinterval(TURN_S if self._wanted else self._usual_s)


TURNS = _Turns()
