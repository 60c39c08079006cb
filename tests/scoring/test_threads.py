"""Work that runs ahead in threads: in order, nothing lost before an error, nothing left behind."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from scoring.threads import in_threads


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    turns, threads = sys.getswitchinterval(), threading.active_count()
    yield
    assert sys.getswitchinterval() == turns and threading.active_count() == threads


def numbers(end: int) -> Iterator[int]:
    """Then an error."""
    yield from range(end)
    raise ValueError("the next one is missing")


@pytest.mark.parametrize(("most", "threads"), [(0, 1), (1, 1), (3, 2), (20, None)])
def test_it_gives_everything_in_order(most: int, threads: int | None) -> None:
    assert list(in_threads(range(12), lambda number: number * 2, most, threads)) == list(range(0, 24, 2))


def test_it_gives_what_came_before_an_error_of_the_items() -> None:
    found = []
    with pytest.raises(ValueError, match="the next one"):
        for number in in_threads(in_threads(numbers(5), str, 2, 1), str, 1, 1):
            found.append(number)
    assert found == ["0", "1", "2", "3", "4"]


def test_it_gives_what_came_before_an_error_of_the_work() -> None:
    found = []
    with pytest.raises(ZeroDivisionError):
        for part in in_threads([1, 2, 0, 4], lambda number: 8 // number, 2, 2):
            found.append(part)
    assert found == [8, 4]


def test_it_ends_when_nobody_takes_more() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with closing(in_threads(items(), str, 2, 1)) as first, closing(in_threads(first, str, 1, 1)) as second:
        assert next(second) == "0"
    assert len(taken) < 10
