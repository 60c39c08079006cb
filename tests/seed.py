"""Rows and objects that belong together, for tests that need a data set with something in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json

import numpy as np
from PIL import Image

from curation import storage
from curation.models import (
    Dataset,
    EpochMetric,
    Export,
    Frame,
    FrameScore,
    Job,
    ModelVersion,
    Pack,
    ScoredPack,
    Segment,
    TrainingRun,
    Video,
)
from scoring.frames import Pixels, SampledFrame
from scoring.packs import PackWriter
from scoring.preprocessing import Preprocessing

HEIGHT, WIDTH = 60, 80


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 18), (shade % 256, 90, 120)).save(buffer, "JPEG")
    return buffer.getvalue()


def video_with_frames(
    dataset: Dataset,
    *,
    frames: int = 4,
    name: str = "match.mp4",
    with_objects: bool = False,
    pictures: Pixels | None = None,
) -> Video:
    """A video with one pack (<= 32 frames), its rows, and on request its objects in the store. `pictures`: what the
    frames show; plain grey ones without."""
    if pictures is None:
        pictures = np.stack([np.full((HEIGHT, WIDTH, 3), number % 256, dtype=np.uint8) for number in range(frames)])
    frames = len(pictures)
    video = Video.objects.create(
        dataset=dataset,
        name=name,
        key=f"uploads/{dataset.slug}-{name}",
        size_bytes=5,
        content_type="video/mp4",
        state=Video.State.EXTRACTED,
        frame_count=frames,
        duration_s=float(frames),
        extracted_at=dataset.created_at,
    )
    writer = PackWriter(0, Preprocessing(*pictures.shape[1:3]))
    for number, pixels in enumerate(pictures):
        writer.add(SampledFrame(number, float(number), False, jpeg(number), pixels))
    thumbs, places = writer.thumbnails()
    inputs = writer.inputs()
    if with_objects:
        storage.write(video.key, b"video")
        storage.write(video.pack_key(0, "thumbs"), thumbs)
        storage.write(video.pack_key(0, "inputs"), inputs)
    pack = Pack.objects.create(
        video=video,
        chunk=0,
        first_number=0,
        frame_count=frames,
        thumbs_bytes=len(thumbs),
        inputs_bytes=len(inputs),
        is_complete=True,
    )
    Frame.objects.bulk_create(
        Frame(video=video, pack=pack, number=n, time_s=float(n), thumb_offset=offset, thumb_bytes=length)
        for n, (offset, length) in enumerate(places)
    )
    return video


def segment_of(video: Video) -> Segment:
    """One segment of all frames of a video, on the outlying side of a threshold of 50."""
    return Segment.objects.create(
        dataset=video.dataset,
        video=video,
        first=0,
        last=video.frame_count - 1,
        start_s=0.0,
        end_s=float(video.frame_count),
        is_outlier=True,
        mean=60.0,
        worst=90.0,
        worst_number=0,
        open_frames=video.frame_count,
        score="reconstruction_loss",
        threshold=50.0,
    )


def thresholds(value: float, quantiles: list[float]) -> dict[str, object]:
    """What a version keeps of its held-out losses."""
    return {"reconstruction_loss": {"value": value, "quantiles": quantiles}}


def version_with_scores(
    dataset: Dataset, *, number: int = 1, threshold: float = 50.0, active: bool = True
) -> ModelVersion:
    """A ready version that scored every frame of the data set: loss 10, 20, 30, ... in the order of the frames."""
    version = ModelVersion.objects.create(
        dataset=dataset,
        number=number,
        state=ModelVersion.State.READY,
        config={"height": HEIGHT, "width": WIDTH},
        weights_key=f"models/{dataset.slug}-{number}.safetensors",
        weights_sha256="0" * 64,
        weights_bytes=1,
        tensors={},
        thresholds=thresholds(threshold, [10.0, threshold, 100.0]),
        target_tpr=0.95,
        heldout_frames=3,
        heldout_videos=1,
    )
    frames = Frame.objects.filter(video__dataset=dataset).order_by("pk")
    FrameScore.objects.bulk_create(
        FrameScore(
            frame=frame,
            model_version=version,
            video_id=frame.video_id,
            reconstruction_loss=10.0 * (place + 1),
            kl=1.0,
            ood_score=0.1 * place,
            verdict=frame.verdict,
        )
        for place, frame in enumerate(frames)
    )
    for pack in Pack.objects.filter(video__dataset=dataset):
        ScoredPack.objects.create(pack=pack, model_version=version)
    if active:
        Dataset.objects.filter(pk=dataset.pk).update(active_version=version)
        dataset.active_version = version
        dataset.videos.update(state=Video.State.READY)
    return version


def finished_run(dataset: Dataset, version: ModelVersion) -> TrainingRun:
    run = TrainingRun.objects.create(
        dataset=dataset,
        config={"preset": "small"},
        version=version,
        state=TrainingRun.State.DONE,
        epochs_done=1,
        train_frames=100,
    )
    EpochMetric.objects.create(
        run=run,
        epoch=1,
        train_reconstruction_loss=3.0,
        train_kl=1.0,
        heldout_reconstruction_loss=4.0,
        heldout_kl=1.0,
        frames_per_second=100.0,
        elapsed_s=1.0,
    )
    storage.write(run.key("samples-1.png"), b"png", "image/png")
    return run


def finished_export(dataset: Dataset) -> Export:
    export = Export.objects.create(
        dataset=dataset, format="csv", state=Export.State.DONE, key=f"exports/{dataset.slug}.csv", manifest={"rows": 0}
    )
    storage.write(export.key, b"x")
    return export


def failed_job(video: Video) -> Job:
    return Job.objects.create(
        kind=Job.Kind.EXTRACT,
        key=f"extract:video={video.pk}",
        dataset=video.dataset,
        video=video,
        state=Job.State.FAILED,
    )


def freeze(run: TrainingRun, entries: list[dict[str, object]]) -> None:
    """Give a run this frozen set."""
    data = gzip.compress(json.dumps({"entries": entries}).encode(), mtime=0)
    run.set_key, run.set_sha256 = run.key("set.json.gz"), hashlib.sha256(data).hexdigest()
    storage.write(run.set_key, data)
    run.save()
