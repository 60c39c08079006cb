"""Training: a frozen set -> epochs with metrics, samples and checkpoints -> a new model version."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from curation import storage
from curation.leases import Lease
from curation.models import EpochMetric, ModelVersion, TrainingRun
from scoring.errors import ProcessError, Stopped
from scoring.outliers import Outliers
from scoring.train import EpochReport, StepReport, TrainConfig, TrainResult, load_checkpoint, train
from scoring.worker import folds, reasons, training_frames
from scoring.worker.contact_sheet import contact_sheet
from scoring.worker.processes import device_name, wanted_processes
from scoring.worker.record import Trained, record_version
from scoring.worker.training_frames import TrainingFrames
from scoring.worker.weights import load_version


def run(lease: Lease, training_run: TrainingRun) -> None:
    """Train, or go on from the last checkpoint, then record the version and ask for the rescoring; then the folds that
    make its threshold surer. An attempt that finds the version recorded goes on with the folds."""
    version = training_run.version or _version(lease, training_run)
    if videos := folds.wanted(training_run, version):
        folds.measure(lease, training_run, version, videos)


def _version(lease: Lease, training_run: TrainingRun) -> ModelVersion:
    _open(lease, training_run)
    config = TrainConfig.from_json(training_run.config)
    frames = training_frames.load(lease, training_run)
    try:
        result = _train(lease, training_run, config, frames)
    except Stopped:
        lease.check()
        raise
    except ProcessError as error:
        lease.log(str(error))
        raise
    lease.progress(1.0, "measuring each reason")
    rows = reasons.measure(frames, result.detector, result.heldout, before=training_run.start_from)
    return record_version(lease, training_run, Trained(result, config, frames, rows))


def _train(lease: Lease, training_run: TrainingRun, config: TrainConfig, frames: TrainingFrames) -> TrainResult:
    out = frames.out
    return train(
        frames.inside.pixels,
        frames.heldout.pixels,
        config,
        outliers=Outliers(out.pixels, out.reason_of_frame) if len(out) else None,
        preprocessing=frames.preprocessing,
        start_from=load_version(training_run.start_from) if training_run.start_from else None,
        resume=_checkpoint(lease, training_run),
        on_step=lambda report: _on_step(lease, report),
        on_epoch=lambda report: _on_epoch(lease, training_run, report),
        on_checkpoint=lambda data: _on_checkpoint(lease, training_run, data),
        should_stop=lease.should_stop,
        processes=wanted_processes(),
    )


def _open(lease: Lease, training_run: TrainingRun) -> None:
    with lease.transaction():
        TrainingRun.objects.filter(pk=training_run.pk).update(
            state=TrainingRun.State.TRAINING,
            started_at=training_run.started_at or timezone.now(),
            device=device_name(),
        )


def _checkpoint(lease: Lease, training_run: TrainingRun) -> Any:
    if not training_run.checkpoint_key:
        return None
    lease.log(f"Going on from the checkpoint after epoch {training_run.epochs_done}.")
    return load_checkpoint(storage.read(training_run.checkpoint_key))


def _on_step(lease: Lease, report: StepReport) -> None:
    note = f"epoch {report.epoch} of {report.epochs}, {report.frames_per_second:,.0f} frames/s"
    lease.progress(report.step / report.steps, note)


def _on_epoch(lease: Lease, training_run: TrainingRun, report: EpochReport) -> None:
    training_run.epochs_done = report.epoch
    training_run.best_epoch = report.epoch if report.best else training_run.best_epoch
    storage.write(training_run.key(f"samples-{report.epoch}.png"), contact_sheet(*report.samples), "image/png")
    with lease.transaction():
        EpochMetric.objects.update_or_create(
            run=training_run,
            epoch=report.epoch,
            defaults={
                "train_reconstruction_loss": report.train_reconstruction_loss,
                "train_kl": report.train_kl,
                "heldout_reconstruction_loss": report.heldout_reconstruction_loss,
                "heldout_kl": report.heldout_kl,
                "frames_per_second": report.frames_per_second,
                "elapsed_s": report.elapsed_s,
            },
        )
    best = ", best so far" if report.best and not training_run.out_frames else ""
    lease.log(
        f"Epoch {report.epoch} of {report.epochs}: held-out loss {report.heldout_reconstruction_loss:.1f}{best}, "
        f"training loss {report.train_reconstruction_loss:.1f}, {report.frames_per_second:,.0f} frames/s."
    )


def _on_checkpoint(lease: Lease, training_run: TrainingRun, data: bytes) -> None:
    """The object first, then the row that points to it. Called right after `_on_epoch`, which notes the epoch."""
    epoch = training_run.epochs_done
    key = training_run.key(f"checkpoint-{epoch % 2}.safetensors")  # two in turn: the last good one stays whole
    storage.write(key, data)
    with lease.transaction():
        TrainingRun.objects.filter(pk=training_run.pk).update(
            checkpoint_key=key, epochs_done=epoch, best_epoch=training_run.best_epoch
        )
