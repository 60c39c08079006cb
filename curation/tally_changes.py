"""Keeping the counts of frames: whatever changes what is counted writes its difference, in its own transaction. Who
writes all probabilities of a fit keeps its own: curation/probability_rows.py.

A data set or a version is kept once it has a row, and with a version its fits. Until then nothing is written for it,
and readers count its rows; `adopt` counts it once. Writers of differences share a lock per data set, and the first
count takes it alone, so that no change falls between the two. SQLite needs no lock: its writers take turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from curation.models import Calibration, Dataset, Frame, FrameProbability, FrameScore, ModelVersion, Tally, Video
from curation.tally_counts import by_verdict, found_in_rows
from curation.tally_tables import (
    COLUMN,
    OF_FIT,
    OF_VERSION,
    VERDICTS,
    Row,
    Table,
    add,
    as_json,
    counted,
    empty,
    frames_json,
    frames_summed,
    summed,
)

LOCK_SPACE = 1_414_939_737  # "TALY": the first half of PostgreSQL's two-part key
FOLDED_AT_ONCE = 1000
Whose = tuple[int, int | None]  # version, and of its probabilities the fit


def _lock(dataset_id: int, *, alone: bool = False) -> None:
    if connection.vendor != "postgresql":
        return
    function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [LOCK_SPACE, dataset_id % 2**31])


def kept(dataset_id: int) -> set[int | None]:
    """Ids of the data set's versions that have rows; None among them where the data set itself has some."""
    rows = Tally.objects.filter(dataset=dataset_id).order_by()
    return set(rows.values_list("model_version_id", flat=True).distinct())


def _shared(dataset_id: int) -> set[int | None]:
    _lock(dataset_id)
    return kept(dataset_id)


def is_kept(version: ModelVersion) -> bool:
    """Whether this version's counts are kept; whoever asks shares the lock until the transaction ends."""
    return version.pk in _shared(version.dataset_id)


def share(dataset_id: int) -> None:
    """Until the transaction ends nobody counts anew, and nobody writes probabilities with copies of what stands."""
    _lock(dataset_id)


def alone(dataset_id: int) -> None:
    """Until the transaction ends nobody else gives a verdict or writes a score; for transactions of milliseconds."""
    _lock(dataset_id, alone=True)


def _write(dataset_id: int, tables: dict[Whose, Table]) -> None:
    rows = {whose: as_json(table) for whose, table in tables.items()}
    Tally.objects.bulk_create(
        Tally(dataset_id=dataset_id, model_version_id=version, calibration_id=fit, counts=counts)
        for (version, fit), counts in rows.items()
        if counts
    )


def _write_frames(dataset_id: int, by_column: Sequence[int]) -> None:
    if any(by_column):
        Tally.objects.create(dataset_id=dataset_id, counts=frames_json(by_column))


# What changes the counts. Call each inside the transaction of the change.


def scores_stored(version: ModelVersion, rows: Sequence[Row]) -> None:
    """Scores of these, none of them there before, are being written. Their frames are locked."""
    if version.pk in _shared(version.dataset_id):
        _write(version.dataset_id, {(version.pk, None): counted(OF_VERSION, rows)})


def probabilities_stored(fit: Calibration, rows: Sequence[Row]) -> None:
    """The same of probabilities by a fit."""
    version = fit.model_version
    if version.pk in _shared(version.dataset_id):
        _write(version.dataset_id, {(version.pk, fit.pk): counted(OF_FIT, rows)})


def scores_removed(dataset_id: int, scores: QuerySet[FrameScore], probabilities: QuerySet[FrameProbability]) -> None:
    """These rows will be deleted. Call it before."""
    versions = _shared(dataset_id) - {None}
    if not versions:
        return
    tables: dict[Whose, Table] = defaultdict(empty)
    found = scores.filter(model_version__in=versions).select_for_update().order_by("pk")
    for version, part in _grouped(found.values_list("model_version_id", "verdict", *OF_VERSION)):
        add(tables[version, None], OF_VERSION, part, -1)
    likely = probabilities.filter(calibration__model_version__in=versions)
    for fit, part in _grouped(likely.values_list("calibration_id", "verdict", "value")):
        add(tables[_version_of(fit), fit], OF_FIT, part, -1)
    _write(dataset_id, tables)


def _version_of(fit: int) -> int:
    return int(Calibration.objects.values_list("model_version_id", flat=True).get(pk=fit))


def _grouped(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, list[Row]]]:
    """By version or fit, which stands first in each."""
    parts: dict[int, list[Row]] = defaultdict(list)
    for whose, *row in rows:
        parts[whose].append(tuple(row))
    yield from parts.items()


def verdicts_changed(dataset: Dataset, changes: dict[int, tuple[str, str]]) -> None:
    """Frame id -> verdict before and after. Call it before the copies beside the scores are written."""
    changes = {pk: (before, after) for pk, (before, after) in changes.items() if before != after}
    versions = _shared(dataset.pk)
    if None in versions:
        by_column = [0] * len(VERDICTS)
        for before, after in changes.values():
            by_column[COLUMN[before]] -= 1
            by_column[COLUMN[after]] += 1
        _write_frames(dataset.pk, by_column)
    tables: dict[Whose, Table] = defaultdict(empty)
    # Of a frame there are few scores, of a version a million: SQLite, asked for both, reads all of the version's.
    locked = FrameScore.objects.filter(frame__in=list(changes)).select_for_update().order_by("pk")
    scored = locked.values_list("frame_id", "model_version_id", "verdict", *OF_VERSION)
    _move(tables, OF_VERSION, ((row[0], (row[1], None), *row[2:]) for row in scored if row[1] in versions), changes)
    likely = FrameProbability.objects.filter(frame__in=list(changes)).values_list(
        "frame_id", "calibration__model_version_id", "calibration_id", "verdict", "value"
    )
    _move(tables, OF_FIT, ((row[0], row[1:3], *row[3:]) for row in likely if row[1] in versions), changes)
    _write(dataset.pk, tables)


def _move(
    tables: dict[Whose, Table],
    names: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    changes: dict[int, tuple[str, str]],
) -> None:
    """From the column of one verdict to that of another; rows begin with frame, whose, verdict before."""
    parts: dict[Whose, list[tuple[int, Row]]] = defaultdict(list)
    for frame, whose, *row in rows:
        parts[whose].append((frame, tuple(row)))
    for whose, part in parts.items():
        add(tables[whose], names, [row for _, row in part], -1)
        add(tables[whose], names, [(changes[frame][1], *row[1:]) for frame, row in part])


def frames_stored(dataset_id: int, count: int) -> None:
    """A pack is complete: so many new frames, which nobody could judge before."""
    if None in _shared(dataset_id):
        _write_frames(dataset_id, [count, 0, 0, 0])


def video_removed(video: Video) -> None:
    """A video and all that hangs on it will be deleted. Call it before, with its packs locked."""
    likely = FrameProbability.objects.filter(frame__video=video)
    scores_removed(video.dataset_id, FrameScore.objects.filter(video=video), likely)
    if None in kept(video.dataset_id):
        counts = by_verdict(Frame.objects.filter(video=video)).get(video.dataset_id, [])
        _write_frames(video.dataset_id, [-count for count in counts])


# Counting once, and folding.


def ensure(dataset_id: int, version_id: int | None) -> None:
    """From now on these counts are kept; one that has rows already is counted once, while nobody else writes."""
    if version_id in kept(dataset_id):
        return
    with transaction.atomic():
        _lock(dataset_id, alone=True)
        if version_id not in kept(dataset_id):
            _count(dataset_id, version_id)


def _count(dataset_id: int, version_id: int | None) -> None:
    for fit, counts in found_in_rows(dataset_id, version_id).items():
        Tally.objects.create(dataset_id=dataset_id, model_version_id=version_id, calibration_id=fit, counts=counts)


def difference(
    dataset_id: int, version_id: int | None
) -> tuple[dict[int | None, dict[str, Any]], dict[int | None, dict[str, Any]]]:
    """What is kept, and what the rows say, by fit: the same where all is well. Of fits only the one that stands: rows
    of another are being written, or wait to be cleared away."""
    fits = {None, *Calibration.objects.standing().filter(model_version=version_id).values_list("pk", flat=True)}
    with transaction.atomic():
        rows = Tally.objects.filter(dataset=dataset_id, model_version=version_id)
        kept: dict[int | None, list[dict[str, Any]]] = {None: []}
        for fit, counts in rows.values_list("calibration_id", "counts"):
            kept.setdefault(fit, []).append(counts)
        if version_id is None:
            return {None: frames_json(frames_summed(kept[None]))}, found_in_rows(dataset_id, None)
        said = {fit: as_json(summed(counts)) for fit, counts in kept.items()}
        found = found_in_rows(dataset_id, version_id)
    whole = {fit: counts for fit, counts in said.items() if fit in fits and (counts or fit is None)}
    return whole, {fit: counts for fit, counts in found.items() if fit in fits}


def recount(dataset: Dataset) -> None:
    """Count everything anew, whatever was kept: after rows were written past the rules."""
    with transaction.atomic():
        _lock(dataset.pk, alone=True)
        Tally.objects.filter(dataset=dataset).delete()
        for version_id in (None, *dataset.model_versions.values_list("pk", flat=True)):
            _count(dataset.pk, version_id)


def adopt() -> int:
    """Count what was there before counts were kept. Returns how many data sets and versions that was."""
    whole = Tally.objects.filter(model_version=None)
    missing: list[tuple[int, int | None]] = [
        (pk, None) for pk in Dataset.objects.exclude(pk__in=whole.values("dataset")).values_list("pk", flat=True)
    ]
    missing += ModelVersion.objects.filter(tallies=None).values_list("dataset_id", "pk")
    for dataset_id, version_id in missing:
        ensure(dataset_id, version_id)
    return len(missing)


def fold() -> int:
    """Replace the rows of each data set and version by their sum. Returns how many rows were folded."""
    whose = ("dataset_id", "model_version_id", "calibration_id")
    several = Tally.objects.order_by().values_list(*whose).annotate(n=Count("pk")).filter(n__gt=1)
    return sum(_fold(dict(zip(whose, row, strict=False))) for row in several)


def _fold(whose: dict[str, Any]) -> int:
    """Only rows that it has locked are summed and deleted, so two at once do no harm."""
    with transaction.atomic():
        rows = Tally.objects.filter(**whose).select_for_update().order_by("pk")
        found = list(rows.values_list("pk", "counts")[:FOLDED_AT_ONCE])
        if len(found) < 2:
            return 0
        said = [counts for _, counts in found]
        whole = frames_json(frames_summed(said)) if whose["model_version_id"] is None else as_json(summed(said))
        Tally.objects.create(**whose, counts=whole)
        Tally.objects.filter(pk__in=[pk for pk, _ in found]).delete()
        return len(found)
