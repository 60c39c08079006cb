"""Exports: asking for one, writing it, and the manifest that says what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from curation import jobs, storage
from curation.export_files import Hashed, Tally, csv_cell, write_csv, write_json
from curation.export_rows import COLUMNS, SIDES, VERDICTS, ExportFilters, Row, Snapshot, count_frames, rows
from curation.models import Dataset, Export, Job, Score
from curation.problems import Problem

if TYPE_CHECKING:
    from curation.leases import Lease

__all__ = [
    "COLUMNS",
    "SIDES",
    "VERDICTS",
    "ExportFilters",
    "Row",
    "Snapshot",
    "csv_cell",
    "request_export",
    "rows",
    "save",
    "write",
    "write_csv",
    "write_json",
]

CONTENT_TYPES = {Export.Format.CSV: "text/csv; charset=utf-8", Export.Format.JSON: "application/json"}
ROWS_BETWEEN_CHECKS = 500


def request_export(
    *, dataset: Dataset, by: User | None, format: str = "csv", filters: Mapping[str, Any] | None = None
) -> Export:
    """Freeze the moment and queue the writing. Raises Problem for an unknown format or filter."""
    if format not in Export.Format.values:
        raise Problem(f"Exports are written as {' or '.join(Export.Format.labels)}, not as {format!r}.")
    chosen = ExportFilters.from_values(dataset, filters or {})
    snapshot = Snapshot.now(dataset)
    with transaction.atomic():
        export = Export.objects.create(
            dataset=dataset,
            format=format,
            filters=chosen.as_json(),
            model_version=snapshot.version,
            threshold=snapshot.thresholds.get(Score.RECONSTRUCTION_LOSS),
            manifest=_marks(snapshot),
            requested_by=by,
        )
        name = by.get_username() if by else ""
        jobs.request(kind=Job.Kind.EXPORT, dataset=dataset, by=name, export=export)
    return export


def write(export: Export, lease: Lease) -> None:
    """The worker's part: write the file, send it to the object store, and say so in one transaction."""
    snapshot, filters = _frozen(export)
    with lease.transaction():
        Export.objects.filter(pk=export.pk).update(state=Export.State.WRITING, note="")
    settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.SCRATCH_DIR, prefix="export-") as folder:
        path = Path(folder) / f"export.{export.format}"
        on_row = _progress(lease, count_frames(snapshot, filters))
        with path.open("wb") as file:
            manifest = save(file, export.format, snapshot, filters, on_row=on_row)
        lease.check()
        key = f"exports/{export.uuid}.{export.format}"
        storage.upload_file(key, path, CONTENT_TYPES[Export.Format(export.format)])
    _finish(export, lease, key, manifest)


def save(
    file: IO[bytes],
    format: str,
    snapshot: Snapshot,
    filters: ExportFilters,
    *,
    on_row: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write the rows to `file` and return the manifest, with the counts and the file's sha256."""
    hashed, tally = Hashed(file), Tally(rows(snapshot, filters), on_row)
    about = _about(snapshot, filters)
    if format == Export.Format.CSV:
        write_csv(hashed, tally)
    else:
        write_json(hashed, tally, about)
    counts = {verdict: tally.verdicts[verdict] for verdict in ("in", "out", "unsure", "unreviewed")}
    written = {"rows": tally.rows, "verdicts": counts, "size_bytes": hashed.size_bytes, "sha256": hashed.sha256}
    return {**about, "format": format, **written}


def _about(snapshot: Snapshot, filters: ExportFilters) -> dict[str, Any]:
    """What is known before the first row."""
    version, dataset = snapshot.version, snapshot.dataset
    return {
        "dataset": {"name": dataset.name, "slug": dataset.slug},
        "created_at": snapshot.at.isoformat(timespec="seconds"),
        "model_version": {"number": version.number, "weights_sha256": version.weights_sha256} if version else None,
        "threshold": snapshot.thresholds.get(Score.RECONSTRUCTION_LOSS),
        "target_tpr": version.target_tpr if version else None,
        "filters": filters.as_json(),
        **_marks(snapshot),
        "columns": COLUMNS,
    }


def _marks(snapshot: Snapshot) -> dict[str, Any]:
    """What freezes the moment."""
    return {
        "last_review": snapshot.last_review,
        "last_frame": snapshot.last_frame,
        "thresholds": snapshot.thresholds,
        "flagged_by": snapshot.flagged_by,
    }


def _frozen(export: Export) -> tuple[Snapshot, ExportFilters]:
    marks = export.manifest
    asked_before = {} if export.threshold is None else {Score.RECONSTRUCTION_LOSS.value: export.threshold}
    snapshot = Snapshot(
        dataset=export.dataset,
        version=export.model_version,
        thresholds=marks.get("thresholds", asked_before),  # an export that was asked for by an older Framesift
        flagged_by=marks.get("flagged_by", Score.RECONSTRUCTION_LOSS.value),
        last_review=marks["last_review"],
        last_frame=marks["last_frame"],
        at=export.created_at,
    )
    return snapshot, ExportFilters(**export.filters)


def _progress(lease: Lease, frames: int) -> Callable[[int], None]:
    def on_row(count: int) -> None:
        if count % ROWS_BETWEEN_CHECKS == 0:
            lease.progress(count / max(frames, count), f"{count} rows")

    return on_row


def _finish(export: Export, lease: Lease, key: str, manifest: dict[str, Any]) -> None:
    with lease.transaction():
        Export.objects.filter(pk=export.pk).update(
            state=Export.State.DONE,
            key=key,
            rows=manifest["rows"],
            size_bytes=manifest["size_bytes"],
            sha256=manifest["sha256"],
            manifest=manifest,
            finished_at=timezone.now(),
        )
