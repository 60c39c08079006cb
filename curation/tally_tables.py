"""Counts of frames by score, bin and verdict, and how a Tally row writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from curation.models import Score, Verdict
from curation.score_bins import Counts, bin_count, bins_of

VERDICTS = (Verdict.NONE.value, Verdict.IN.value, Verdict.OUT.value, Verdict.UNSURE.value)
COLUMN = {verdict: column for column, verdict in enumerate(VERDICTS)}
FRAMES = "frames"

OF_VERSION = (Score.RECONSTRUCTION_LOSS.value, Score.OOD_SCORE.value)  # counted by version; probabilities by fit
OF_FIT = (Score.PROBABILITY.value,)

Table = dict[str, Counts]  # score -> (bins, 4): unreviewed, IN, OUT, unsure
Row = tuple[str, *tuple[float, ...]]  # verdict, then the scores in the order of OF_VERSION or OF_FIT


def empty() -> Table:
    return {score: np.zeros((bin_count(score), len(VERDICTS)), np.int64) for score in Score.values}


def add(table: Table, names: Sequence[str], rows: Sequence[Row], sign: int = 1) -> None:
    """Count these scored frames in, or with -1 out; `names` of the scores that the rows give."""
    columns = np.array([COLUMN[row[0]] for row in rows], dtype=np.intp)
    for place, score in enumerate(names, start=1):
        values = np.array([row[place] for row in rows], dtype=np.float64)
        np.add.at(table[score], (bins_of(score, values), columns), sign)


def counted(names: Sequence[str], rows: Sequence[Row]) -> Table:
    table = empty()
    add(table, names, rows)
    return table


def as_json(table: Table) -> dict[str, dict[str, list[int]]]:
    """Without what is 0."""
    found: dict[str, dict[str, list[int]]] = {}
    for score, counts in table.items():
        used = np.flatnonzero(counts.any(axis=1))
        if len(used):
            found[score] = dict(zip(map(str, used.tolist()), counts[used].tolist(), strict=True))
    return found


def summed(rows: Iterable[dict[str, Any]]) -> Table:
    """The sum of what Tally rows of a version say."""
    table = empty()
    for counts in rows:
        for score, bins in counts.items():
            table[score][np.array(list(bins), dtype=np.intp)] += np.array(list(bins.values()), dtype=np.int64)
    return table


def frames_json(by_column: Sequence[int]) -> dict[str, dict[str, list[int]]]:
    """What a Tally row without a version says: frames unreviewed, IN, OUT, unsure."""
    return {FRAMES: {"0": list(by_column)}} if any(by_column) else {}


def frames_summed(rows: Iterable[dict[str, Any]]) -> list[int]:
    columns = [counts[FRAMES]["0"] for counts in rows if FRAMES in counts]
    return [sum(column) for column in zip(*columns, strict=True)] or [0] * len(VERDICTS)
