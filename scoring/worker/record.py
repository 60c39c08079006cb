"""Recording what a training made: a model version with its weights, its thresholds and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from curation import jobs, storage
from curation.label_efficiency import reviews_given
from curation.leases import Lease
from curation.models import Dataset, Job, ModelVersion, Score, TrainingRun
from curation.training_set import learned_from
from scoring.config import TrainConfig
from scoring.detector import Detector, save_detector
from scoring.model_file import sha256, tensor_table
from scoring.score import Scores
from scoring.splits import group_by_video
from scoring.train import TrainResult
from scoring.worker.thresholds import entry
from scoring.worker.training_frames import TrainingFrames

Values = NDArray[np.float64]
MEASURED = (Score.RECONSTRUCTION_LOSS, Score.OOD_SCORE)  # a probability has its threshold from its calibration


@dataclass(frozen=True)
class Trained:
    """A finished training and what it was made from."""

    result: TrainResult
    config: TrainConfig
    frames: TrainingFrames
    reasons: list[dict[str, Any]]


def record_version(lease: Lease, training_run: TrainingRun, trained: Trained) -> ModelVersion:
    """Weights under a key of their own, then one transaction makes the version and asks for its scores."""
    weights = save_detector(trained.result.detector)
    version = _version(training_run, trained, weights)
    version.weights_key = f"models/{version.uuid}.safetensors"
    storage.write(version.weights_key, weights)
    _save(lease, training_run, version, trained.result)
    lease.log(f"Version {version.number} recorded; every frame is scored with it now.")
    return version


def _version(training_run: TrainingRun, trained: Trained, weights: bytes) -> ModelVersion:
    result, config = trained.result, trained.config
    heldout = scores_by_video(result.heldout, trained.frames.heldout.video_of_frame)
    entries = thresholds(heldout, config.target_tpr)
    headline = entries[Score.RECONSTRUCTION_LOSS]
    return ModelVersion(
        dataset=training_run.dataset,
        parent=training_run.start_from,
        config=shape_of(result.detector),
        preprocessing=trained.frames.preprocessing.as_json(),
        weights_sha256=sha256(weights),
        weights_bytes=len(weights),
        tensors=tensor_table(weights),
        target_tpr=config.target_tpr,
        note=headline["note"],
        thresholds=entries,
        heldout_frames=headline["frames"],
        heldout_videos=headline["videos"],
        metrics=_metrics(training_run, trained),
    )


def shape_of(detector: Detector) -> dict[str, Any]:
    """The network's configuration as JSON; a retrained one has a head that its training's configuration lacked."""
    shape = asdict(detector.vae.config)
    return {**shape, "channels": list(shape["channels"])}


def _metrics(training_run: TrainingRun, trained: Trained) -> dict[str, Any]:
    """Numbers of the best epoch, figures per reason, and which videos a later training must not measure itself by."""
    result, before = trained.result, training_run.start_from
    seen = trained.frames.trained_videos | (learned_from(before) if before else set())
    return {
        "best_epoch": result.best_epoch,
        "skipped_steps": result.skipped_steps,
        "trained_videos": sorted(seen),
        "reasons": trained.reasons,
        "reviews": reviews_given(training_run.dataset_id, training_run.created_at),
        **result.history[result.best_epoch - 1],
    }


def scores_by_video(scores: Scores, video_of_frame: Sequence[int]) -> dict[str, list[Values]]:
    """Score -> values of each video apart, in the order of the frames."""
    return {name: group_by_video(getattr(scores, name), video_of_frame) for name in MEASURED}


def thresholds(scores: dict[str, list[Values]], target_tpr: float, *, folds: int = 1) -> dict[str, dict[str, Any]]:
    """What a version keeps of held-out scores, of each video apart."""
    return {name: entry(per_video, target_tpr, folds=folds) for name, per_video in scores.items()}


def _save(lease: Lease, training_run: TrainingRun, version: ModelVersion, result: TrainResult) -> None:
    with lease.transaction():
        dataset = Dataset.objects.select_for_update().get(pk=training_run.dataset_id)
        version.number = (dataset.model_versions.aggregate(last=Max("number"))["last"] or 0) + 1
        version.activate_when_ready = dataset.active_version_id is None
        version.save()
        TrainingRun.objects.filter(pk=training_run.pk).update(
            version=version,
            state=TrainingRun.State.RESCORING,
            best_epoch=result.best_epoch,
            parameters=sum(p.numel() for p in result.model.parameters()),
        )
        jobs.request(kind=Job.Kind.RESCORE, dataset=dataset, by=lease.job.requested_by, model_version=version)
