"""Training: a frozen set -> epochs with metrics, samples and checkpoints -> a new model version."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from django.db.models import Max
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from curation import jobs, storage, training
from curation.leases import Lease
from curation.models import Dataset, EpochMetric, Job, ModelVersion, TrainingRun
from scoring.detector import save_detector
from scoring.errors import Stopped, TrainingError
from scoring.frames import Pixels
from scoring.model_file import sha256, tensor_table
from scoring.packs import read_inputs
from scoring.preprocessing import Preprocessing
from scoring.score import choose_device
from scoring.splits import group_by_video
from scoring.threshold import Threshold, quantiles, threshold_at_tpr
from scoring.train import EpochReport, StepReport, TrainConfig, TrainResult, load_checkpoint, train
from scoring.worker.weights import load_version

GAP = 2  # pixels between the pictures of a contact sheet


def run(lease: Lease, training_run: TrainingRun) -> None:
    """Train, or go on from the last checkpoint, then record the version and ask for the rescoring."""
    if training_run.version_id:
        return  # an earlier attempt got as far as the version; its rescoring is a job of its own
    _open(lease, training_run)
    config = TrainConfig.from_json(training_run.config)
    sets, video_of_heldout, preprocessing = _load_frames(lease, training_run)
    try:
        result = train(
            sets[False],
            sets[True],
            config,
            preprocessing=preprocessing,
            start_from=load_version(training_run.start_from) if training_run.start_from else None,
            resume=_checkpoint(lease, training_run),
            on_step=lambda report: _on_step(lease, report),
            on_epoch=lambda report: _on_epoch(lease, training_run, report),
            on_checkpoint=lambda data: _on_checkpoint(lease, training_run, data),
            should_stop=lease.should_stop,
        )
    except Stopped:
        lease.check()
        raise
    _record_version(lease, training_run, result, config, video_of_heldout)


def _open(lease: Lease, training_run: TrainingRun) -> None:
    with lease.transaction():
        TrainingRun.objects.filter(pk=training_run.pk).update(
            state=TrainingRun.State.TRAINING,
            started_at=training_run.started_at or timezone.now(),
            device=device_name(),
        )


def device_name() -> str:
    import torch

    device = choose_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)[:80]
    return f"CPU, {torch.get_num_threads()} threads"


def _load_frames(lease: Lease, training_run: TrainingRun) -> tuple[dict[bool, list[Pixels]], list[int], Preprocessing]:
    """Frames per pack, training and held-out apart, in the frozen order, the video of each held-out frame, and how the
    frames were made. Raises TrainingError when that is not the same for all."""
    entries = training.read_set(training_run)
    sets, ways = {False: list[Pixels](), True: list[Pixels]()}, set[Preprocessing]()
    for number, entry in enumerate(entries):
        lease.progress(0.0, f"loading frames, pack {number + 1} of {len(entries)}")
        inputs = read_inputs(storage.read(entry["key"]))
        ways.add(inputs.preprocessing)
        sets[entry["heldout"]].append(inputs.pixels[np.asarray(entry["rows"])])
    if len(ways) > 1:
        raise TrainingError(f"The frames were prepared in different ways: {'; '.join(sorted(map(str, ways)))}.")
    return sets, [entry["video"] for entry in entries if entry["heldout"] for _ in entry["rows"]], ways.pop()


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
    best = ", best so far" if report.best else ""
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


def contact_sheet(inputs: Pixels, reconstructions: Pixels) -> bytes:
    """PNG with a column per frame: input above, reconstruction below."""
    count, height, width, _ = inputs.shape
    sheet = np.full((2 * height + GAP, count * (width + GAP) - GAP, 3), 128, dtype=np.uint8)
    for column in range(count):
        left = column * (width + GAP)
        sheet[:height, left : left + width] = inputs[column]
        sheet[height + GAP :, left : left + width] = reconstructions[column]
    return png(sheet)


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _record_version(
    lease: Lease, training_run: TrainingRun, result: TrainResult, config: TrainConfig, video_of_heldout: list[int]
) -> None:
    """Weights under a key of their own, then one transaction makes the version and asks for its scores."""
    losses = group_by_video(result.heldout.reconstruction_loss, video_of_heldout)
    threshold = threshold_at_tpr(losses, config.target_tpr)
    weights = save_detector(result.detector)
    version = ModelVersion(
        dataset=training_run.dataset,
        config=config.as_json()["vae"],
        weights_sha256=sha256(weights),
        weights_bytes=len(weights),
        tensors=tensor_table(weights),
        target_tpr=config.target_tpr,
        note=threshold.note,
        thresholds={"reconstruction_loss": _entry(losses, threshold)},
        heldout_frames=threshold.n_frames,
        heldout_videos=threshold.n_videos,
        metrics={
            "best_epoch": result.best_epoch,
            "skipped_steps": result.skipped_steps,
            **result.history[result.best_epoch - 1],
        },
    )
    version.weights_key = f"models/{version.uuid}.safetensors"
    storage.write(version.weights_key, weights)
    _save_version(lease, training_run, version, result)
    lease.log(f"Version {version.number} recorded; every frame is scored with it now.")


def _entry(scores: list[NDArray[np.float64]], threshold: Threshold) -> dict[str, Any]:
    return {
        "value": threshold.value,
        "low": threshold.low,
        "high": threshold.high,
        "frames": threshold.n_frames,
        "videos": threshold.n_videos,
        "folds": threshold.folds,
        "note": threshold.note,
        "quantiles": [float(value) for value in quantiles(scores)],
    }


def _save_version(lease: Lease, training_run: TrainingRun, version: ModelVersion, result: TrainResult) -> None:
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
