"""Writing rows of an export as CSV or JSON, one row at a time."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, TextIO

from curation.export_rows import COLUMNS, Row

# Characters with which a spreadsheet begins a formula, or that it drops before looking for one (OWASP, CSV injection).
FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠")  # noqa: RUF001


class Hashed:
    """A text file that counts and hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, text: str) -> int:
        data = text.encode("utf-8", errors="replace")
        self._digest.update(data)
        self.size_bytes += len(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Tally:
    """Counts the rows that pass through, and calls `on_row` with the number so far."""

    def __init__(self, rows: Iterable[Row], on_row: Callable[[int], None] | None = None) -> None:
        self._rows, self._on_row = rows, on_row
        self.rows = 0
        self.verdicts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.rows += 1
            self.verdicts[row["verdict"]] += 1
            if self._on_row:
                self._on_row(self.rows)
            yield row


def write_csv(file: TextIO | Hashed, rows: Iterable[Row]) -> None:
    """RFC 4180 with a header line. Text that a spreadsheet could take for a formula begins with an apostrophe;
    numbers stay numbers, true and false are words, and what is not known is empty."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([csv_cell(row[name]) for name in COLUMNS])


def write_json(file: TextIO | Hashed, rows: Iterable[Row], manifest: dict[str, Any]) -> None:
    """{"manifest": ..., "frames": [...]} with values as they are, a frame a line. The manifest inside the file lacks
    the counts and the hash of the file, which are known only at its end."""
    file.write('{"manifest": ' + json.dumps(manifest, ensure_ascii=False) + ',\n"frames": [')
    separator = "\n"
    for row in rows:
        file.write(separator + json.dumps(row, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    file.write("\n]}\n")


def csv_cell(value: Any) -> str | int | float:
    """One value as it stands in a CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value  # type: ignore[no-any-return]
