"""Learning from the verdicts: features of reviewed frames -> regression -> a probability beside every frame's score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from curation import scores, segments, storage, tally_changes, training
from curation.leases import Lease
from curation.models import Calibration as CalibrationRow
from curation.models import Dataset, Frame, FrameScore, ModelVersion, Pack, Score, TrainingRun, Verdict
from scoring.features import Activations, features_from_bytes
from scoring.recalibrate import Calibration, Refusal, calibrate, refusal
from scoring.worker.shots import ROWS_PER_TRANSACTION
from scoring.worker.thresholds import entry
from scoring.worker.weights import load_version

NO_FEATURES = "This version kept no features of its frames, which probabilities need. Train a version and activate it."
READING, WRITING = 0.2, 0.8  # shares of the work

HeldOut = dict[int, set[int]]


class MissingFeatures(Exception):
    """A pack was scored before features were kept."""


@dataclass(frozen=True)
class Judged:
    """Reviewed frames: activations (M, D), outlier scores (M,), whether the verdict was OUT (M,)."""

    activations: Activations
    scores: NDArray[np.float64]
    is_out: NDArray[np.bool_]


def run(lease: Lease, version: ModelVersion) -> None:
    """Fit to the verdicts there are now, then write every frame's probability and the threshold on it."""
    row = CalibrationRow(model_version=version, created_at=timezone.now(), in_reviews=0, out_reviews=0)
    try:
        _learn(lease, version, row)
    except MissingFeatures:
        _refuse(lease, row, NO_FEATURES)


def _refuse(lease: Lease, row: CalibrationRow, reason: str) -> None:
    """Kept as a row, so that the same is not tried again at every verdict; what stood before goes on to stand."""
    row.note, row.parameters = reason, {}
    row.save()
    lease.log(reason)


def _learn(lease: Lease, version: ModelVersion, row: CalibrationRow) -> None:
    heldout = _heldout(version)
    found = _fitted(lease, version, row, heldout)
    if isinstance(found, Refusal):
        _refuse(lease, row, found.reason)
        return
    row.parameters = found.as_json()
    writer = _Writer(lease, version, found, heldout)
    writer.write()
    _finish(lease, version, row, [np.concatenate(parts) for parts in writer.heldout_scores.values()])
    writer.write()  # packs that were scored in the meantime, some of them still by the fit before
    _renew_segments(version)


def _renew_segments(version: ModelVersion) -> None:
    """Where probabilities flag, other probabilities lie on other sides."""
    dataset = Dataset.objects.select_related("active_version").get(pk=version.dataset_id)
    if dataset.active_version_id == version.pk and scores.flag_score(dataset, version) == Score.PROBABILITY:
        segments.request(dataset=dataset)


def _fitted(lease: Lease, version: ModelVersion, row: CalibrationRow, heldout: HeldOut) -> Calibration | Refusal:
    judged = _judged(lease, version, heldout)
    row.out_reviews = int(judged.is_out.sum())
    row.in_reviews = len(judged.is_out) - row.out_reviews
    few = refusal(row.in_reviews, row.out_reviews)
    if few:
        return Refusal(few)
    detector = load_version(version)
    start, scores = detector.start_activations, detector.start_scores
    if start is None or scores is None:  # a file of before: the verdicts have to do
        start, scores = judged.activations[:0], np.zeros(0, np.float32)
    return calibrate(judged.activations, judged.scores, judged.is_out, start, scores)


def _heldout(version: ModelVersion) -> HeldOut:
    """Rows by pack that were known to belong and kept from the training: the threshold is measured on them."""
    run = TrainingRun.objects.filter(version=version).first()
    if run is None:
        return {}
    packs = Pack.objects.filter(video__dataset_id=version.dataset_id).select_related("video")
    by_key = {pack.inputs_key: pack.pk for pack in packs}
    entries = [e for e in training.read_set(run) if e["heldout"] and not e.get("out") and e["key"] in by_key]
    return {by_key[each["key"]]: set(each["rows"]) for each in entries}


def _judged(lease: Lease, version: ModelVersion, heldout: HeldOut) -> Judged:
    """Frames with a verdict, but none IN that was held out: those have to be new to the regression."""
    frames = Frame.objects.filter(video__dataset_id=version.dataset_id, verdict__in=[Verdict.IN, Verdict.OUT])
    verdicts: dict[int, dict[int, bool]] = defaultdict(dict)
    for pack_id, number, verdict in frames.values_list("pack_id", "number", "verdict"):
        verdicts[pack_id][number] = verdict == Verdict.OUT
    packs = _scored(version).filter(pk__in=list(verdicts))
    activations, scores, is_out = [np.zeros((0, 0), np.float16)], [np.zeros(0)], list[bool]()
    for done, pack in enumerate(packs):
        lease.progress(READING * done / len(packs), "reading what was reviewed")
        said, kept = verdicts[pack.pk], heldout.get(pack.pk, set())
        rows = [n - pack.first_number for n, out in sorted(said.items()) if out or n - pack.first_number not in kept]
        activations.append(_activations(version, pack)[rows])
        scores.append(_scores(version, pack).ood_score[rows])
        is_out += [said[row + pack.first_number] for row in rows]
    return Judged(np.concatenate(activations[1:] or activations), np.concatenate(scores), np.array(is_out, dtype=bool))


def _scored(version: ModelVersion) -> QuerySet[Pack]:
    packs = Pack.objects.filter(scored__model_version=version).select_related("video")
    return packs.order_by("video_id", "chunk")


@dataclass(frozen=True)
class PackScores:
    """Ids of a pack's rows of FrameScore and their outlier scores, (N,), in the order of the frames."""

    ids: list[int]
    ood_score: NDArray[np.float64]


def _scores(version: ModelVersion, pack: Pack) -> PackScores:
    rows = FrameScore.objects.of_version(version).filter(frame__pack=pack).order_by("frame__number")
    pairs = list(rows.values_list("pk", "ood_score"))
    return PackScores([pk for pk, _ in pairs], np.array([value for _, value in pairs]))


def _activations(version: ModelVersion, pack: Pack) -> Activations:
    """One row per frame of the pack. Raises MissingFeatures."""
    try:
        return features_from_bytes(storage.read(pack.features_key(version)))[0]
    except storage.MissingObject:
        raise MissingFeatures from None


@dataclass
class _Writer:
    """Writes the probabilities of a fit, a pack at a time, and keeps those of held-out frames by video."""

    lease: Lease
    version: ModelVersion
    calibration: Calibration
    heldout: HeldOut
    heldout_scores: dict[int, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    written: set[int] = field(default_factory=set)
    frames: int = 0

    def write(self) -> None:
        """Every scored pack that was not written yet."""
        packs = [pack for pack in _scored(self.version) if pack.pk not in self.written]
        total = self.frames + sum(pack.frame_count for pack in packs)
        for pack in packs:
            self.lease.progress(READING + WRITING * self.frames / total, f"{self.frames:,} of {total:,} frames")
            self._write(pack)

    def _write(self, pack: Pack) -> None:
        rows = _scores(self.version, pack)
        probability = self.calibration.probability(_activations(self.version, pack), rows.ood_score)
        write_probabilities(self.lease, self.version, rows.ids, probability)
        if pack.pk in self.heldout:
            self.heldout_scores[pack.video_id].append(probability[sorted(self.heldout[pack.pk])])
        self.written.add(pack.pk)
        self.frames += pack.frame_count


def write_probabilities(lease: Lease, version: ModelVersion, ids: list[int], probability: NDArray[np.float64]) -> None:
    """Row by row in one go: an UPDATE that chooses between many values takes many times as long."""
    table = connection.ops.quote_name(FrameScore._meta.db_table)
    values = list(zip(probability.tolist(), ids, strict=True))
    for start in range(0, len(values), ROWS_PER_TRANSACTION):
        with lease.transaction(), connection.cursor() as cursor:
            few = values[start : start + ROWS_PER_TRANSACTION]
            tally_changes.probabilities_changed(version, {pk: value for value, pk in few})
            cursor.executemany(f"UPDATE {table} SET probability = %s WHERE id = %s", few)  # noqa: S608  (a constant)


def _finish(lease: Lease, version: ModelVersion, row: CalibrationRow, heldout: list[NDArray[np.float64]]) -> None:
    """The fit, its threshold and the word that it stands, at once."""
    with lease.transaction():
        now = ModelVersion.objects.select_for_update().select_related("dataset").get(pk=version.pk)
        if heldout:
            now.thresholds[Score.PROBABILITY] = entry(heldout, now.dataset.target_tpr)
            now.save(update_fields=["thresholds"])
        row.applied_at = timezone.now()
        row.save()
        version.calibrations.exclude(pk=row.pk).update(parameters={})  # half a megabyte each, and nobody asks again
    lease.log(f"Learned from {row.in_reviews} IN and {row.out_reviews} OUT verdicts; every frame has its probability.")


def newest(version: ModelVersion) -> Calibration | None:
    """The calibration that stands for a version, for frames that come after it."""
    row = version.calibrations.applied().first()
    return Calibration.from_json(row.parameters) if row else None
