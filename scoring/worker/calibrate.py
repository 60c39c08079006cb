"""Learning from the verdicts: features of reviewed frames -> regression -> a probability beside every frame's score."""

from __future__ import annotations

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from curation import audits, probability_rows, scores, segments, storage
from curation.leases import Lease
from curation.models import Calibration as CalibrationRow
from curation.models import Dataset, ModelVersion, Score
from scoring.recalibrate import Calibration, Refusal, calibrate, refusal
from scoring.refit import Digest, reduced
from scoring.worker.judged import Judged, MissingFeatures, heldout_rows, judged_frames
from scoring.worker.probabilities import Writer
from scoring.worker.thresholds import entry
from scoring.worker.weights import load_version

NO_FEATURES = "This version kept no features of its frames, which probabilities need. Train a version and activate it."
ASIDE = "Verdicts on the videos that an audit keeps don't count."
READING, WRITTEN = 0.2, 0.85  # shares of the work that are done when reading and when writing ends


def run(lease: Lease, version: ModelVersion) -> None:
    """Fit to the verdicts there are now, then write every frame's probability and the threshold on it."""
    probability_rows.forget(lease, version)  # of a job that was stopped
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
    heldout = heldout_rows(version)
    judged = judged_frames(lease, version, heldout, READING)
    start = _start(version, judged)
    found = _fitted(row, judged, start)
    if isinstance(found, Refusal):
        _refuse(lease, row, found.reason)
        return
    row.parameters = found.as_json()
    row.save()
    writer = Writer(lease, row, found, heldout, READING, WRITTEN)
    writer.write()
    storage.write(row.digest_key, _digest(found, judged, start, writer).as_bytes())
    _finish(lease, version, row, [np.concatenate(parts) for parts in writer.heldout_scores.values()])
    _forget_digests(row)
    writer.write()  # packs that were scored in the meantime, by the fit before
    lease.log(f"Learned from {row.in_reviews} IN and {row.out_reviews} OUT verdicts; every frame has its probability.")
    probability_rows.forget(lease, version, _Forgetting(lease, writer.frames))
    _renew_segments(version)


class _Forgetting:
    """Progress while the rows of the fit before go."""

    def __init__(self, lease: Lease, frames: int) -> None:
        self.lease, self.frames, self.gone = lease, max(frames, 1), 0

    def __call__(self, gone: int) -> None:
        self.gone += gone
        share = min(1.0, self.gone / self.frames)
        self.lease.progress(WRITTEN + (1 - WRITTEN) * share, f"{self.gone:,} numbers of before cleared away")


def _renew_segments(version: ModelVersion) -> None:
    """Where probabilities flag, other probabilities lie on other sides."""
    dataset = Dataset.objects.select_related("active_version").get(pk=version.dataset_id)
    if dataset.active_version_id == version.pk and scores.flag_score(dataset, version) == Score.PROBABILITY:
        segments.request(dataset=dataset)


def _start(version: ModelVersion, judged: Judged) -> Judged:
    """Frames that were trained on; of a file of before none, then the verdicts have to do."""
    detector = load_version(version)
    activations, found = detector.start_activations, detector.start_scores
    if activations is None or found is None:
        activations, found = judged.activations[:0], np.zeros(0, np.float32)
    nobody = np.full(len(found), -1, np.int64)
    return Judged(activations, found.astype(np.float64), np.zeros(len(found), bool), nobody)


def _fitted(row: CalibrationRow, judged: Judged, start: Judged) -> Calibration | Refusal:
    row.out_reviews = int(judged.is_out.sum())
    row.in_reviews = len(judged.is_out) - row.out_reviews
    few = refusal(row.in_reviews, row.out_reviews)
    if few:
        return Refusal(f"{few} {ASIDE}" if audits.set_aside(row.model_version.dataset) else few)
    return calibrate(judged.activations, judged.scores, judged.is_out, start.activations, start.scores)


def _digest(found: Calibration, judged: Judged, start: Judged, writer: Writer) -> Digest:
    """What the web process refits from as people go on."""
    few = len(found.basis.offset)
    held, held_distance = writer.held.all(few)
    sampled, sampled_distance = writer.sampled.all(few)
    told, begun = (
        reduced(found.basis, part.activations, part.scores, part.ids, part.is_out.astype(np.int64))
        for part in (judged, start)
    )
    return Digest(found, begun, told, held, sampled, held_distance, sampled_distance, writer.frames)


def _forget_digests(row: CalibrationRow) -> None:
    """Those of the fits before."""
    folder = row.digest_key.rpartition("/")[0]
    storage.delete(key for key in storage.keys_under(f"{folder}/") if key != row.digest_key)


def _finish(lease: Lease, version: ModelVersion, row: CalibrationRow, heldout: list[NDArray[np.float64]]) -> None:
    """The fit, its threshold and the word that it stands, at once."""
    with lease.transaction():
        now = ModelVersion.objects.select_for_update().select_related("dataset").get(pk=version.pk)
        if heldout:
            now.thresholds[Score.PROBABILITY] = entry(heldout, now.dataset.target_tpr)
            now.save(update_fields=["thresholds"])
        # Half a megabyte each, and nobody asks again.
        version.calibrations.exclude(pk=row.pk).update(parameters={}, stands=False)
        row.applied_at, row.stands = timezone.now(), True
        row.save()
