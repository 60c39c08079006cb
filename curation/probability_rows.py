"""Writing the probabilities of a fit beside very many frames: short transactions, kept counts that follow, little else.

A fit gets rows of its own, which nobody reads until it stands; then those of the fits before go. Rows are inserted in
blocks, each sorted by value: the index by value and the one by frame are then both written nearly in order, and a
transaction touches few pages. On SQLite without a wait for the disk after each, because what a crash of the machine
took is worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection
from django.db.models import Max, Min

from curation import bulk, tally_changes
from curation.leases import Lease
from curation.models import Calibration, Frame, FrameProbability, ModelVersion, Tally
from curation.tally_tables import OF_FIT, Row, add, as_json, empty

# A row is a fifth of a score's and lies in order: 256 of them keep SQLite's one writer for two milliseconds.
AT_ONCE = {"sqlite": 256, "postgresql": 4096}
BLOCK = 65_536  # rows that are sorted at once
CACHE_KIB = 262_144  # of SQLite while it writes
CHECKPOINT = 20_000  # pages of the log
COLUMNS = ("frame_id", "calibration_id", "value", "verdict", "is_copy")

Number = tuple[float, int]  # probability, frame id


class Writing:
    """A context in which `write` may be called; nothing is held between two calls but rows that wait for more."""

    def __init__(self, lease: Lease, fit: Calibration) -> None:
        self.lease, self.fit = lease, fit
        self.tally = _Tally(fit)
        self.waiting: list[Number] = []
        self.at_once = AT_ONCE[connection.vendor]

    def write(self, numbers: Sequence[Number]) -> None:
        """Frames that have a number by this fit keep it. Raises what Lease.transaction raises."""
        self.waiting += numbers
        if len(self.waiting) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        block, self.waiting = sorted(self.waiting), []
        for start in range(0, len(block), self.at_once):
            with self.lease.transaction():
                self._insert(block[start : start + self.at_once])

    def _insert(self, few: list[Number]) -> None:
        """Verdicts and copies are read while nobody can change them."""
        tally_changes.alone(self.fit.model_version.dataset_id)
        ids = [frame for _, frame in few]
        there = FrameProbability.objects.filter(frame__in=ids).values_list("calibration_id", "frame_id")
        known = {frame for fit, frame in there if fit == self.fit.pk}
        said = Frame.objects.filter(pk__in=ids).values_list("pk", "verdict", "copy_of")
        words = {pk: (verdict, copy_of is not None) for pk, verdict, copy_of in said if pk not in known}
        rows = [(frame, self.fit.pk, value, *words[frame]) for value, frame in few if frame in words]
        self.tally.count([(row[3], row[2]) for row in rows])
        bulk.insert(FrameProbability, COLUMNS, rows)


@contextmanager
def writing(lease: Lease, fit: Calibration) -> Iterator[Writing]:
    """All is written when it ends without an error."""
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
    for start in range(ends["first"] or 0, (ends["last"] or -1) + 1, step):
        with lease.transaction():
            gone, _ = FrameProbability.objects.filter(pk__gte=start, pk__lt=start + step, calibration=fit).delete()
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
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous={synchronous}")
            cursor.execute(f"PRAGMA cache_size=-{cache_kib}")
            cursor.execute(f"PRAGMA wal_autocheckpoint={checkpoint}")


class _Tally:
    """The counts of one fit: one row that grows, instead of one per transaction, which every reader would have to add
    up. When housekeeping has folded it away in between, another one begins."""

    def __init__(self, fit: Calibration) -> None:
        self.fit, self.version = fit, fit.model_version
        self.row: int | None = None
        self.is_kept = False
        self.whole = empty()

    def count(self, rows: Sequence[Row]) -> None:
        """Inside the transaction that writes them. Should it fail, the job fails with it, and this goes with the
        job."""
        self.is_kept = self.is_kept or self.version.pk in tally_changes.kept(self.version.dataset_id)
        if not self.is_kept or not rows:
            return
        add(self.whole, OF_FIT, rows)
        if self.row is not None and Tally.objects.filter(pk=self.row).update(counts=as_json(self.whole)):
            return
        self.whole = empty()
        add(self.whole, OF_FIT, rows)
        self.row = Tally.objects.create(
            dataset_id=self.version.dataset_id,
            model_version=self.version,
            calibration=self.fit,
            counts=as_json(self.whole),
        ).pk
