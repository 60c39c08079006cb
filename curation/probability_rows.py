"""Rewriting the probability beside very many scores: short transactions, kept counts that follow, little else.

On SQLite at most 64 rows a transaction, so that nobody waits long for the one writer; without a wait for the disk after
each, because what a crash of the machine took is worked out again. On PostgreSQL some thousands at once, by one UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from django.db import connection

from curation import tally_changes
from curation.leases import Lease
from curation.models import FrameScore, ModelVersion, Score, Tally
from curation.score_bins import Counts, bins_of
from curation.tally_tables import COLUMN, as_json, empty

AT_ONCE = {"sqlite": 64, "postgresql": 4096}
CACHE_KIB = 262_144  # of SQLite while it rewrites: both indexes by probability, a random place for each row
CHECKPOINT = (
    20_000  # pages of the log: each row's index pages are written once more per checkpoint, not per transaction
)


class Change(NamedTuple):
    """Id of a FrameScore, its probability as it was read a moment ago, and the one that it gets."""

    pk: int
    before: float | None
    after: float


class Rewriting:
    """A context in which `write` may be called; nothing is held between two calls but rows that wait for more."""

    def __init__(self, lease: Lease, version: ModelVersion) -> None:
        self.lease, self.version = lease, version
        self.tally = _Tally(version)
        self.waiting: list[Change] = []
        self.at_once = AT_ONCE[connection.vendor]

    def __enter__(self) -> Self:
        _settings(synchronous="NORMAL", cache_kib=CACHE_KIB, checkpoint=CHECKPOINT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._flush(everything=True)
        finally:
            _settings(synchronous="FULL", cache_kib=64_000, checkpoint=1000)

    def write(self, changes: Sequence[Change]) -> None:
        """Those that have their number already are left alone. Raises what Lease.transaction raises."""
        self.waiting += [change for change in changes if change.before != change.after]
        self._flush()

    def _flush(self, *, everything: bool = False) -> None:
        while len(self.waiting) >= self.at_once or (everything and self.waiting):
            few, self.waiting = self.waiting[: self.at_once], self.waiting[self.at_once :]
            with self.lease.transaction(), self.tally.following(few):
                _update(few)


def _settings(*, synchronous: str, cache_kib: int, checkpoint: int) -> None:
    """Of this connection alone. Inside a transaction SQLite leaves the first as it is."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous={synchronous}")
            cursor.execute(f"PRAGMA cache_size=-{cache_kib}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")


def _update(few: Sequence[Change]) -> None:
    table = connection.ops.quote_name(FrameScore._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {table} SET probability = fresh.value "  # noqa: S608  (a constant)
                "FROM unnest(%s::bigint[], %s::float8[]) AS fresh(id, value) "
                f"WHERE {table}.id = fresh.id",
                [[change.pk for change in few], [change.after for change in few]],
            )
            return
        # Row by row: an UPDATE that chooses between many values takes many times as long.
        values = [(change.after, change.pk) for change in few]
        cursor.executemany(f"UPDATE {table} SET probability = %s WHERE id = %s", values)  # noqa: S608  (a constant)


@dataclass
class _Tally:
    """The counts of one rewriting: one row that grows, instead of one per transaction, which every reader would have to
    add up. When housekeeping has folded it away in between, another one begins."""

    version: ModelVersion
    row: int | None = None
    is_kept: bool = False

    def __post_init__(self) -> None:
        self.whole = _none()

    @contextmanager
    def following(self, few: Sequence[Change]) -> Iterator[None]:
        """Inside the transaction: counts these changes, then the rows are written."""
        if self.is_kept:
            tally_changes.share(self.version.dataset_id)
        self.is_kept = self.is_kept or tally_changes.is_kept(self.version)
        if self.is_kept:
            self._count(few)
        yield

    def _count(self, few: Sequence[Change]) -> None:
        after = {change.pk: change.after for change in few}
        locked = FrameScore.objects.filter(pk__in=list(after)).select_for_update().order_by("pk")
        found = list(locked.values_list("pk", "verdict", "probability"))
        change = _none()
        _add(change, [(verdict, before) for _, verdict, before in found if before is not None], -1)
        _add(change, [(verdict, after[pk]) for pk, verdict, _ in found], 1)
        self._store(change)

    def _store(self, change: Counts) -> None:
        """Should the transaction fail, the job fails with it, and this goes with the job."""
        self.whole += change
        if self.row is not None and Tally.objects.filter(pk=self.row).update(counts=_json(self.whole)):
            return
        self.whole = change
        created = Tally.objects.create(
            dataset_id=self.version.dataset_id, model_version=self.version, counts=_json(change)
        )
        self.row = created.pk


def _none() -> Counts:
    return empty()[Score.PROBABILITY]


def _add(table: Counts, rows: Sequence[tuple[str, float]], sign: int) -> None:
    values = np.array([value for _, value in rows], np.float64)
    np.add.at(table, (bins_of(Score.PROBABILITY, values), np.array([COLUMN[word] for word, _ in rows], np.intp)), sign)


def _json(table: Counts) -> dict[str, Any]:
    return as_json({Score.PROBABILITY.value: table})
