"""Writing the probabilities of a fit beside very many frames: short transactions, kept counts that follow, little else.

A fit gets rows of its own, which nobody reads until it stands; then those of the fits before go. Rows are inserted in
blocks, each sorted by value: the index by value and the one by frame are then both written nearly in order, and a
transaction touches few pages. Without a wait for the disk after each: what a crash of the machine took is worked out
again, and the transaction that lets a fit stand waits for all before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import F, Max, Min

from curation import tally_changes
from curation.leases import Lease
from curation.models import Calibration, Frame, FrameProbability, ModelVersion, Tally

# Narrow rows, nearly in order: 512 of them keep SQLite's one writer for about four milliseconds.
AT_ONCE = {"sqlite": 512, "postgresql": 4096}
BLOCK = 65_536  # rows that are sorted at once
CACHE_KIB = 262_144  # of SQLite while it writes
CHECKPOINT = 20_000  # pages of the log
WORDS = "frame.verdict, frame.copy_of IS NOT NULL"
NUMBERS = {
    "sqlite": "FROM json_each(%s) number JOIN curation_frame frame ON frame.id = CAST(number.key AS INTEGER)",
    "postgresql": "FROM unnest(%s::bigint[], %s::float8[]) number(frame, value) "
    "JOIN curation_frame frame ON frame.id = number.frame",
}
COLUMNS = ("frame_id", "calibration_id", "value", "verdict", "is_copy")
INSERT = f"INSERT INTO curation_frameprobability ({', '.join(COLUMNS)})"


class Writing:
    """A context in which `write` may be called; nothing is held between two calls but rows that wait for more."""

    def __init__(self, lease: Lease, fit: Calibration) -> None:
        self.lease, self.fit = lease, fit
        self.frames: list[int] = []
        self.values: list[float] = []
        self.uncounted: list[tuple[str, float]] = []
        self.at_once = AT_ONCE[connection.vendor]

    def write(self, frames: Sequence[int], values: Sequence[float]) -> None:
        """Probabilities of frames by id; those that have a number by this fit keep it. Raises what Lease.transaction
        raises."""
        self.frames += frames
        self.values += values
        if len(self.frames) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        frames, values = np.array(self.frames, np.int64), np.array(self.values, np.float64)
        self.frames, self.values = [], []
        order = np.argsort(values, kind="stable")
        for start in range(0, len(order), self.at_once):
            few = order[start : start + self.at_once]
            with self.lease.transaction():
                self._insert(dict(zip(frames[few].tolist(), values[few].tolist(), strict=True)))
        if not self.fit.stands and self.uncounted:
            with self.lease.transaction():
                self._count()

    def _insert(self, values: dict[int, float]) -> None:
        """Verdicts and copies are read while nobody can change them."""
        tally_changes.alone(self.fit.model_version.dataset_id)
        for frame in self._known(list(values)) if self.fit.stands else ():
            del values[frame]
        verdicts = _inserted(self.fit, values)
        self.uncounted += [(verdict, values[frame]) for frame, verdict in verdicts.items()]
        if self.fit.stands:
            self._count()

    def _known(self, frames: list[int]) -> list[int]:
        """Those that the score jobs gave a number by this fit."""
        there = FrameProbability.objects.filter(frame__in=frames).values_list("calibration_id", "frame_id")
        return [frame for fit, frame in there if fit == self.fit.pk]

    def _count(self) -> None:
        """Those of a fit that stands go with its rows. Nobody reads those of another one, and it is begun anew when its
        job dies, so they come after each block."""
        tally_changes.probabilities_stored(self.fit, self.uncounted)
        self.uncounted = []


def _inserted(fit: Calibration, values: dict[int, float]) -> dict[int, str]:
    """Writes the numbers of those frames that are there; their verdicts. In one statement from whole lists: row by row
    SQLite would give the interpreter away each time, and wait to have it back from the threads that read features."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            given: list[Any] = [json.dumps(values)]
        else:
            given = [list(values), list(values.values())]
        numbers = NUMBERS[connection.vendor]
        cursor.execute(f"{INSERT} SELECT frame.id, {fit.pk:d}, number.value, {WORDS} {numbers}", given)
        written = cursor.rowcount
        cursor.execute(f"SELECT frame.id, frame.verdict {numbers} WHERE frame.verdict <> ''", given)
        judged = dict(cursor.fetchall())
    if written == len(values):
        return dict.fromkeys(values, "") | judged
    there = Frame.objects.filter(pk__in=list(values)).values_list("pk", flat=True)
    return dict.fromkeys(there, "") | judged


@contextmanager
def writing(lease: Lease, fit: Calibration) -> Iterator[Writing]:
    """All is written when it ends without an error. Counts of the version are kept from here on."""
    tally_changes.ensure(fit.model_version.dataset_id, fit.model_version_id)
    with _settings():
        found = Writing(lease, fit)
        yield found
        found.flush()


def forget(lease: Lease, version: ModelVersion, told: Callable[[int], None] = lambda _: None) -> None:
    """Remove the rows of fits that don't stand, in the order in which they were written; `told` how many went. Of a fit
    that never stood and says nothing, the fit as well: its job was stopped."""
    with _settings():
        for fit in version.calibrations.filter(stands=False):
            _forget(lease, fit, told)
    version.calibrations.filter(stands=False, applied_at=None, note="").delete()


def _forget(lease: Lease, fit: Calibration, told: Callable[[int], None]) -> None:
    rows = FrameProbability.objects.filter(calibration=fit)
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    step = AT_ONCE[connection.vendor]
    # As a sum that no index knows: SQLite would walk all rows of the fit for each few.
    own = FrameProbability.objects.alias(fit=F("calibration_id") + 0).filter(fit=fit.pk)
    for start in range(ends["first"] or 0, (ends["last"] or -1) + 1, step):
        with lease.transaction():
            gone, _ = own.filter(pk__gte=start, pk__lt=start + step).delete()
        told(gone)
    Tally.objects.filter(calibration=fit).delete()


@contextmanager
def _settings() -> Iterator[None]:
    _set(synchronous="NORMAL", cache_kib=CACHE_KIB, checkpoint=CHECKPOINT)
    try:
        yield
    finally:
        _set(synchronous="FULL", cache_kib=64_000, checkpoint=1000)


def _set(*, synchronous: str, cache_kib: int, checkpoint: int) -> None:
    """Of this connection alone. Inside a transaction SQLite leaves the first as it is."""
    if connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET synchronous_commit TO {'DEFAULT' if synchronous == 'FULL' else 'OFF'}")
            return
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute(f"PRAGMA cache_size=-{cache_kib}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")
