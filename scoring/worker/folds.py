"""Thresholds by folds, once a version stands: each of few videos is scored by models that were trained on the others.

One held-out video says little about the next one. The folds follow the version's recording, so that nobody waits for
them; each fold's scores are an object of the run, so that a killed worker's successor goes on with the next fold.
"""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any

from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from curation import segments, storage, training
from curation.leases import Lease
from curation.models import Dataset, Job, ModelVersion, Score, TrainingRun
from scoring.config import TrainConfig
from scoring.crossfit import FOLDS, crossfit
from scoring.errors import Stopped, TrainingError
from scoring.frames import Pixels
from scoring.outliers import Outliers
from scoring.score import Scores
from scoring.worker import training_frames
from scoring.worker.processes import wanted_processes
from scoring.worker.record import MEASURED, Values, thresholds
from scoring.worker.training_frames import Part, TrainingFrames

ENOUGH_VIDEOS = 10  # from here on the videos held out from the training are enough by themselves
PATIENCE_S = 300.0  # how long the first scores of a version go before its folds
ARRAYS = [entry.name for entry in fields(Scores) if entry.name != "activations"]

ByVideo = dict[int, Scores]


def wanted(training_run: TrainingRun, version: ModelVersion) -> set[int]:
    """The videos whose scores by folds would make the threshold surer; none when that is done, or can't be. Whole
    videos while there are two: of the others people judged the hardest frames, which are no fair sample."""
    if version.thresholds.get(MEASURED[0], {}).get("folds", 0) > 1:
        return set()
    inside = [entry for entry in training.read_set(training_run) if not entry.get("out")]
    whole = {entry["video"] for entry in inside if entry.get("whole", True)}
    videos = whole if len(whole) > 1 else {entry["video"] for entry in inside}
    return videos if 2 <= len(videos) < ENOUGH_VIDEOS else set()


def measure(lease: Lease, training_run: TrainingRun, version: ModelVersion, videos: set[int]) -> None:
    """Set the version's thresholds from these videos, each scored by a model that has not seen it. What can't be
    measured leaves them as they are, and the log says why."""
    frames = training_frames.load(lease, training_run, what_for="measuring the threshold: ")
    _let_first_scores_pass(lease, version)
    watch = _Watch(lease, training_run, min(FOLDS, len(videos)))
    try:
        found = crossfit(
            _by_video(frames),
            _config(training_run),
            measured=videos,
            outliers=_outliers(frames.out),
            preprocessing=frames.preprocessing,
            done=watch.earlier(),
            on_fold=watch.keep,
            should_stop=watch.should_stop,
            processes=wanted_processes(),
        )
    except Stopped:
        lease.check()
        raise
    except TrainingError as error:
        lease.log(f"The thresholds stay as they are: {error}")
        return
    _update(lease, version, found, folds=watch.folds)


def _let_first_scores_pass(lease: Lease, version: ModelVersion) -> None:
    """On a small machine both would share the processor, and people wait for the first scores."""
    until = time.monotonic() + PATIENCE_S
    scoring = Job.objects.open().filter(kind=Job.Kind.RESCORE, model_version=version)
    while time.monotonic() < until and scoring.exists():
        lease.progress(0.0, "measuring the threshold: waiting for the first scores")
        time.sleep(0.5)


def _by_video(frames: TrainingFrames) -> dict[int, list[Pixels]]:
    found: dict[int, list[Pixels]] = {}
    for part in (frames.inside, frames.heldout):
        for video, pixels in part.by_video().items():
            found.setdefault(video, []).extend(pixels)
    return dict(sorted(found.items()))


def _config(training_run: TrainingRun) -> TrainConfig:
    """The run's; but the epochs asked for a retraining are not those of the models that its folds begin with."""
    config = TrainConfig.from_json(training_run.config)
    return replace(config, epochs=None) if training_run.start_from_id else config


def _outliers(part: Part) -> dict[int, Outliers]:
    pixels, reasons = part.by_video(), dict[int, list[str]]()
    for video, reason in zip(part.video_of_frame, part.reason_of_frame, strict=True):
        reasons.setdefault(video, []).append(reason)
    return {video: Outliers(arrays, reasons[video]) for video, arrays in pixels.items()}


class _Watch:
    """Follows the folds of a run: shows them, keeps their scores, finds those of an earlier attempt."""

    def __init__(self, lease: Lease, training_run: TrainingRun, folds: int) -> None:
        self.lease, self.run, self.folds = lease, training_run, folds
        self.done: set[int] = set()

    def earlier(self) -> ByVideo:
        """Scores of the folds that an attempt before this one has kept."""
        found: ByVideo = {}
        for number in range(1, self.folds + 1):
            try:
                found |= _scores(storage.read(self._key(number)))
            except storage.MissingObject:
                continue
            self.done.add(number)
        if self.done:
            self.lease.log(f"Going on after {len(self.done)} of {self.folds} folds.")
        return found

    def keep(self, number: int, _folds: int, scores: ByVideo) -> None:
        storage.write(self._key(number), _to_bytes(scores))
        self.done.add(number)
        self.lease.log(f"Fold {number} of {self.folds} is measured.")

    def should_stop(self) -> bool:
        """Asked between two steps of a training."""
        under_way = min(set(range(1, self.folds + 1)) - self.done, default=self.folds)
        self.lease.progress(len(self.done) / self.folds, f"measuring the threshold: fold {under_way} of {self.folds}")
        return self.lease.should_stop()

    def _key(self, number: int) -> str:
        return self.run.key(f"fold-{number}.safetensors")


def _to_bytes(scores: ByVideo) -> bytes:
    return save_arrays({f"{video}/{name}": getattr(found, name) for video, found in scores.items() for name in ARRAYS})


def _scores(data: bytes) -> ByVideo:
    arrays = load_arrays(data)
    videos = {int(name.partition("/")[0]) for name in arrays}
    return {video: Scores(**{name: arrays[f"{video}/{name}"] for name in ARRAYS}) for video in videos}


def _update(lease: Lease, version: ModelVersion, found: ByVideo, *, folds: int) -> None:
    """One transaction, for the aim that the version has by now; the log says what changed."""
    per_score: dict[str, list[Values]] = {
        name: [getattr(scores, name) for scores in found.values()] for name in MEASURED
    }
    with lease.transaction():
        row = ModelVersion.objects.select_for_update().get(pk=version.pk)
        before, fresh = row.thresholds, thresholds(per_score, row.target_tpr, folds=folds)
        note = fresh[MEASURED[0]]["note"] if row.note == before[MEASURED[0]].get("note") else row.note
        ModelVersion.objects.filter(pk=row.pk).update(thresholds={**before, **fresh}, note=note)
        dataset = Dataset.objects.select_related("active_version").get(pk=row.dataset_id)
        if dataset.active_version_id == row.pk:
            segments.request(dataset=dataset)
    for name in MEASURED:
        lease.log(_change(name, before.get(name), fresh[name]))


def _change(name: Score, before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    was = f"{before['value']:.4g}" if before else "none"
    return (
        f"Threshold of the {name.label.lower()}: {was} before, {after['value']:.4g} now "
        f"({after['low']:.4g} to {after['high']:.4g}), from {after['folds']} folds over {after['videos']} videos."
    )
