"""How many frames there are, by score and verdict: read from counts that are kept (curation/tally_changes.py).

Whole bins come from the counts. The bin that a bound falls into is counted from an index, so sums are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from curation.models import Dataset, FrameProbability, FrameScore, ModelVersion, Score, Tally
from curation.score_bins import Bound, inner, partial
from curation.tally_counts import count_frames, count_version
from curation.tally_tables import COLUMN, VERDICTS, Table, frames_summed, summed

STANDING = Q(calibration=None) | Q(calibration__stands=True)  # not what is kept of other fits than the one that stands
COLUMNS = {"": slice(0, 4), "unreviewed": slice(0, 1), "reviewed": slice(1, 4)} | {
    verdict: slice(column, column + 1) for verdict, column in COLUMN.items() if verdict
}


@dataclass(frozen=True)
class Tallies:
    """`frames`: all frames of a data set, unreviewed, IN, OUT, unsure. `table`: those scored by its active version."""

    frames: list[int]
    table: Table | None

    @property
    def scored(self) -> int:
        return int(self.table[Score.RECONSTRUCTION_LOSS].sum()) if self.table is not None else 0

    @property
    def without_probability(self) -> int:
        return lacking(self.table) if self.table is not None else 0


def lacking(table: Table) -> int:
    """Scored frames that have no probability."""
    return int(table[Score.RECONSTRUCTION_LOSS].sum() - table[Score.PROBABILITY].sum())


def of_dataset(dataset: Dataset) -> Tallies:
    """In one query; a data set whose counts are not kept yet is counted."""
    version_id = dataset.active_version_id
    wanted = Q(model_version=None) | Q(model_version=version_id)
    rows = list(Tally.objects.filter(wanted, STANDING, dataset=dataset).values_list("model_version_id", "counts"))
    whole = [counts for pk, counts in rows if pk is None] or [count_frames([dataset.pk])[dataset.pk]]
    own = [counts for pk, counts in rows if pk is not None]
    table = None
    if version_id is not None:
        table = summed(own) if own else count_version(version_id)
    return Tallies(frames_summed(whole), table)


def of_version(version: ModelVersion) -> Table:
    """Counts of the frames that this version has scored."""
    rows = Tally.objects.filter(STANDING, dataset=version.dataset_id, model_version=version)
    counts = list(rows.values_list("counts", flat=True))
    return summed(counts) if counts else count_version(version.pk)


def reviewed(dataset_ids: list[int]) -> dict[int, list[int]]:
    """Data set -> its frames unreviewed, IN, OUT, unsure."""
    rows = Tally.objects.filter(dataset__in=dataset_ids, model_version=None).values_list("dataset_id", "counts")
    said: dict[int, list[dict[str, dict[str, list[int]]]]] = {}
    for dataset_id, counts in rows:
        said.setdefault(dataset_id, []).append(counts)
    missing = [pk for pk in dataset_ids if pk not in said]
    said |= {pk: [counts] for pk, counts in count_frames(missing).items()} if missing else {}
    return {pk: frames_summed(said[pk]) for pk in dataset_ids}


def by_verdict(
    version: ModelVersion, score: str, *, low: Bound | None, high: Bound | None, table: Table | None = None
) -> list[int]:
    """Frames whose score lies within the bounds: unreviewed, IN, OUT, unsure. Without bounds, all that were scored,
    whether or not they have this score. `table` saves a query to who has it."""
    table = of_version(version) if table is None else table
    if low is None and high is None:
        return [int(n) for n in table[Score.RECONSTRUCTION_LOSS].sum(axis=0)]
    found = table[score][inner(score, low, high)].sum(axis=0)
    for lower, upper in partial(score, low, high):
        for verdict, count in _rows_within(version, score, lower, upper):
            found[COLUMN[verdict]] += count
    return [int(n) for n in found]


def _rows_within(version: ModelVersion, score: str, low: Bound | None, high: Bound | None) -> list[tuple[str, int]]:
    """Naming every verdict lets the database stay within the index that leads with it."""
    is_by_fit = score == Score.PROBABILITY
    key = "value" if is_by_fit else score
    ends = {} if low is None else {f"{key}__{'gt' if low.is_strict else 'gte'}": low.value}
    ends |= {} if high is None else {f"{key}__{'lt' if high.is_strict else 'lte'}": high.value}
    rows = (FrameProbability if is_by_fit else FrameScore).objects.of_version(version)
    within = rows.filter(verdict__in=VERDICTS, **ends).order_by()
    return list(within.values_list("verdict").annotate(frames=Count("*")))


def count(version: ModelVersion, score: str, verdict: str, *, low: Bound | None, high: Bound | None) -> int:
    """Frames within the bounds that pass a verdict filter of the gallery."""
    return sum(by_verdict(version, score, low=low, high=high)[COLUMNS[verdict]])


def above(version: ModelVersion, score: str, threshold: float | None, table: Table | None = None) -> list[int]:
    """Frames above a threshold of the score by verdict; none without a threshold."""
    if threshold is None:
        return [0] * len(VERDICTS)
    return by_verdict(version, score, low=Bound(threshold, is_strict=True), high=None, table=table)
