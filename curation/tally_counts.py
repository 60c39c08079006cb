"""Counting frames from their rows: what the kept counts begin with, and are compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import Count, QuerySet

from curation.models import Calibration, Frame, FrameProbability, FrameScore
from curation.tally_tables import COLUMN, OF_FIT, OF_VERSION, VERDICTS, Table, add, as_json, empty, frames_json

AT_ONCE = 20_000


def found_in_rows(dataset_id: int, version_id: int | None) -> dict[int | None, dict[str, Any]]:
    """What the rows say, as a Tally says it: of the frames or scores, and by fit of the probabilities."""
    if version_id is None:
        return {None: count_frames([dataset_id])[dataset_id]}
    fits = Calibration.objects.filter(model_version=version_id).values_list("pk", flat=True)
    counted = {fit: as_json(count_probabilities(fit)) for fit in fits}
    return {None: as_json(count_scores(version_id)), **{fit: counts for fit, counts in counted.items() if counts}}


def count_frames(dataset_ids: list[int]) -> dict[int, dict[str, dict[str, list[int]]]]:
    """Data set -> its frames by verdict, read from its rows, as a Tally says it."""
    found = by_verdict(Frame.objects.filter(video__dataset__in=dataset_ids))
    return {pk: frames_json(found.get(pk, [])) for pk in dataset_ids}


def count_scores(version_id: int) -> Table:
    """The scores of a version by bin and verdict, read from its rows: about a second per million."""
    rows = FrameScore.objects.filter(model_version=version_id).order_by()
    return _counted_all(OF_VERSION, rows.values_list("verdict", *OF_VERSION).iterator(chunk_size=AT_ONCE))


def count_probabilities(fit: int) -> Table:
    """The same of the probabilities by a fit."""
    rows = FrameProbability.objects.filter(calibration=fit).order_by()
    return _counted_all(OF_FIT, rows.values_list("verdict", "value").iterator(chunk_size=AT_ONCE))


def _counted_all(names: Sequence[str], rows: Iterator[Any]) -> Table:
    table = empty()
    while part := list(islice(rows, AT_ONCE)):
        add(table, names, part)
    return table


def count_version(version_id: int) -> Table:
    """Its scores, and the probabilities by the fit that stands."""
    table = count_scores(version_id)
    for fit in Calibration.objects.standing().filter(model_version=version_id).values_list("pk", flat=True):
        table |= {name: count_probabilities(fit)[name] for name in OF_FIT}
    return table


def by_verdict(frames: QuerySet[Frame]) -> dict[int, list[int]]:
    """Data set -> frames by verdict; one of a pack that isn't complete counts only by the verdict that it may have."""
    found: dict[int, list[int]] = defaultdict(lambda: [0] * len(VERDICTS))
    rows = frames.order_by().values_list("video__dataset", "verdict", "pack__is_complete").annotate(n=Count("pk"))
    for dataset_id, verdict, is_complete, count in rows:
        found[dataset_id][COLUMN[verdict]] += count
        found[dataset_id][0] -= 0 if is_complete else count
    return found
