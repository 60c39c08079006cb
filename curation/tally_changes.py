"""Keeping the counts of frames: whatever changes what is counted writes its difference, in its own transaction. A
rewriting of probabilities keeps its own: curation/probability_rows.py.

A data set or a version is kept once it has a row. Until then nothing is written for it, and readers count its rows;
`adopt` counts it once. Writers of differences share a lock per data set, and the first count takes it alone, so that no
change falls between the two. SQLite needs no lock: its writers take turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from curation.models import Dataset, Frame, FrameScore, ModelVersion, Score, Tally, Video
from curation.tally_tables import (
    COLUMN,
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
COUNTED_AT_ONCE = 20_000
ROW = ("verdict", *Score.values)


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
    """For a change of counts that are known to be kept: nobody counts anew until the transaction ends."""
    _lock(dataset_id)


def _write(dataset_id: int, tables: dict[int | None, Table]) -> None:
    rows = {version: as_json(table) for version, table in tables.items()}
    Tally.objects.bulk_create(
        Tally(dataset_id=dataset_id, model_version_id=version, counts=counts)
        for version, counts in rows.items()
        if counts
    )


def _write_frames(dataset_id: int, by_column: Sequence[int]) -> None:
    if any(by_column):
        Tally.objects.create(dataset_id=dataset_id, counts=frames_json(by_column))


# What changes the counts. Call each inside the transaction of the change.


def scores_stored(version: ModelVersion, rows: Sequence[Row]) -> None:
    """Scores of these, none of them there before, are being written. Their frames are locked."""
    if version.pk in _shared(version.dataset_id):
        _write(version.dataset_id, {version.pk: counted(rows)})


def scores_removed(dataset_id: int, rows: QuerySet[FrameScore]) -> None:
    """These rows will be deleted. Call it before."""
    versions = _shared(dataset_id) - {None}
    if not versions:
        return
    tables: dict[int | None, Table] = defaultdict(empty)
    found = rows.filter(model_version__in=versions).select_for_update().order_by("pk")
    for version, part in _by_version(found.values_list("model_version_id", *ROW)):
        add(tables[version], part, -1)
    _write(dataset_id, tables)


def _by_version(rows: Iterable[tuple[int, str, float, float, float | None]]) -> Iterator[tuple[int, list[Row]]]:
    parts: dict[int, list[Row]] = defaultdict(list)
    for version, *row in rows:
        parts[version].append(tuple(row))  # type: ignore[arg-type]
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
    tables: dict[int | None, Table] = defaultdict(empty)
    # Of a frame there are few scores, of a version a million: SQLite, asked for both, reads all of the version's.
    locked = FrameScore.objects.filter(frame__in=list(changes)).select_for_update().order_by("pk")
    scored = locked.values_list("model_version_id", *ROW, "frame_id")
    found = [row for row in scored if row[0] in versions]
    for version, part in _by_version(row[:-1] for row in found):
        add(tables[version], part, -1)
    for version, part in _by_version((row[0], changes[row[-1]][1], *row[2:-1]) for row in found):
        add(tables[version], part)
    _write(dataset.pk, tables)


def frames_stored(dataset_id: int, count: int) -> None:
    """A pack is complete: so many new frames, which nobody could judge before."""
    if None in _shared(dataset_id):
        _write_frames(dataset_id, [count, 0, 0, 0])


def video_removed(video: Video) -> None:
    """A video and all that hangs on it will be deleted. Call it before, with its packs locked."""
    scores_removed(video.dataset_id, FrameScore.objects.filter(video=video))
    if None in kept(video.dataset_id):
        counts = _frames(Frame.objects.filter(video=video)).get(video.dataset_id, [])
        _write_frames(video.dataset_id, [-count for count in counts])


def _frames(frames: QuerySet[Frame]) -> dict[int, list[int]]:
    """Data set -> frames by verdict; one of a pack that isn't complete counts only by the verdict that it may have."""
    found: dict[int, list[int]] = defaultdict(lambda: [0] * len(VERDICTS))
    rows = frames.order_by().values_list("video__dataset", "verdict", "pack__is_complete").annotate(n=Count("pk"))
    for dataset_id, verdict, is_complete, count in rows:
        found[dataset_id][COLUMN[verdict]] += count
        found[dataset_id][0] -= 0 if is_complete else count
    return found


# Counting once, and folding.


def ensure(dataset_id: int, version_id: int | None) -> None:
    """From now on these counts are kept; one that has rows already is counted once, while nobody else writes."""
    if version_id in kept(dataset_id):
        return
    with transaction.atomic():
        _lock(dataset_id, alone=True)
        if version_id not in kept(dataset_id):
            counts = count_frames([dataset_id])[dataset_id] if version_id is None else as_json(count_scores(version_id))
            Tally.objects.create(dataset_id=dataset_id, model_version_id=version_id, counts=counts)


def count_frames(dataset_ids: list[int]) -> dict[int, dict[str, dict[str, list[int]]]]:
    """Data set -> its frames by verdict, read from its rows, as a Tally says it."""
    found = _frames(Frame.objects.filter(video__dataset__in=dataset_ids))
    return {pk: frames_json(found.get(pk, [])) for pk in dataset_ids}


def count_scores(version_id: int) -> Table:
    """The scores of a version by bin and verdict, read from its rows: about a second per million."""
    table = empty()
    rows = FrameScore.objects.filter(model_version=version_id).order_by().values_list(*ROW)
    iterator = iter(rows.iterator(chunk_size=COUNTED_AT_ONCE))
    while part := list(islice(iterator, COUNTED_AT_ONCE)):
        add(table, part)
    return table


def difference(dataset_id: int, version_id: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is kept, and what the rows say: the same where all is well."""
    with transaction.atomic():
        rows = Tally.objects.filter(dataset=dataset_id, model_version=version_id).values_list("counts", flat=True)
        if version_id is None:
            return frames_json(frames_summed(rows)), count_frames([dataset_id])[dataset_id]
        return as_json(summed(rows)), as_json(count_scores(version_id))


def recount(dataset: Dataset) -> None:
    """Count everything anew, whatever was kept: after rows were written past the rules."""
    with transaction.atomic():
        _lock(dataset.pk, alone=True)
        Tally.objects.filter(dataset=dataset).delete()
        Tally.objects.create(dataset=dataset, counts=count_frames([dataset.pk])[dataset.pk])
        for version_id in dataset.model_versions.values_list("pk", flat=True):
            counts = as_json(count_scores(version_id))
            Tally.objects.create(dataset=dataset, model_version_id=version_id, counts=counts)


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
    several = Tally.objects.order_by().values_list("dataset_id", "model_version_id").annotate(n=Count("pk"))
    return sum(_fold(dataset_id, version_id) for dataset_id, version_id, _ in several.filter(n__gt=1))


def _fold(dataset_id: int, version_id: int | None) -> int:
    """Only rows that it has locked are summed and deleted, so two at once do no harm."""
    with transaction.atomic():
        rows = Tally.objects.filter(dataset=dataset_id, model_version=version_id).select_for_update().order_by("pk")
        found = list(rows.values_list("pk", "counts")[:FOLDED_AT_ONCE])
        if len(found) < 2:
            return 0
        said = [counts for _, counts in found]
        whole = frames_json(frames_summed(said)) if version_id is None else as_json(summed(said))
        Tally.objects.create(dataset_id=dataset_id, model_version_id=version_id, counts=whole)
        Tally.objects.filter(pk__in=[pk for pk, _ in found]).delete()
        return len(found)
