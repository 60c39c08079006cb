"""Brings a filled data set to where verdicts can be learned from: features of every frame, held-out ones, a model file.

Generated features: as wide as those of the small preset, 1 080 a frame; frames whose made-up probability is high lie
apart. Runs inside an instance.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from bench.progress import set_reviewed
from curation import storage
from curation.fill_objects import WRITERS
from curation.models import Calibration, Dataset, FrameScore, Job, ModelVersion, Pack, TrainingRun
from scoring.config import VAEConfig
from scoring.detector import Detector, save_detector
from scoring.features import Activations, features_to_bytes, rounded
from scoring.model_file import sha256, tensor_table
from scoring.preprocessing import Preprocessing
from scoring.vae import VAE

WIDTH, CAUSES, START = 1080, 60, 512
BLOCKS = 40  # of a pack each, used in turn
HELD_VIDEOS, HELD_ROWS = 30, 30


def prepare(slug: str, reviews: int) -> None:
    """So many frames judged, one in twelve OUT; features and a model file where they aren't there yet."""
    dataset = Dataset.objects.select_related("active_version").get(slug=slug)
    version = dataset.active_version
    assert version is not None
    set_reviewed(slug, reviews / FrameScore.objects.of_version(version).count())
    if not storage.exists(_ready(version)):
        _write_features(version)
        _write_model(version)
        _hold_out(version)
        storage.write(_ready(version), b"-")


def _ready(version: ModelVersion) -> str:
    return f"features/{version.uuid}/ready"


def _blocks() -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(CAUSES, WIDTH)).astype(np.float32) / 8
    causes = rng.normal(size=(BLOCKS, 256, CAUSES)).astype(np.float32)
    noise = rng.normal(0, 0.3, (BLOCKS, 256, WIDTH)).astype(np.float32)
    return list(causes @ mixing + noise)


def _apart() -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 0.25, WIDTH).astype(np.float32)


def _write_features(version: ModelVersion) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(lambda each: storage.write(*each), _objects(version)):
            pass


def _objects(version: ModelVersion) -> Iterator[tuple[str, bytes]]:
    blocks, apart = _blocks(), _apart()
    packs = Pack.objects.filter(scored__model_version=version).select_related("video").order_by("pk")
    for place, pack in enumerate(packs):
        rows = FrameScore.objects.filter(frame__pack=pack).order_by("frame__number")
        is_out = np.array(list(rows.values_list("reconstruction_loss", flat=True))) > version.threshold
        found = blocks[place % BLOCKS][: len(is_out)] + apart * is_out[:, None]
        numbers = pack.first_number + np.arange(len(is_out))
        yield pack.features_key(version), features_to_bytes(rounded(found), numbers)


def _write_model(version: ModelVersion) -> None:
    start: Activations = rounded(np.concatenate(_blocks())[:START])
    detector = Detector(
        VAE(VAEConfig()), Preprocessing(60, 80), start_activations=start, start_scores=np.zeros(START, np.float32)
    )
    weights = save_detector(detector)
    storage.write(version.weights_key, weights)
    version.weights_sha256, version.weights_bytes = sha256(weights), len(weights)
    version.tensors = tensor_table(weights)
    version.save()


def _hold_out(version: ModelVersion) -> None:
    """The first frames of some videos, as if they had been kept from a training."""
    packs = Pack.objects.filter(video__dataset=version.dataset, chunk=0).select_related("video").order_by("pk")
    entries = [
        {"key": p.inputs_key, "video": p.video_id, "rows": list(range(min(HELD_ROWS, p.frame_count))), "heldout": True}
        for p in packs[:HELD_VIDEOS]
    ]
    run = TrainingRun(dataset=version.dataset, config={}, version=version, state=TrainingRun.State.DONE)
    data = gzip.compress(json.dumps({"entries": entries}).encode(), mtime=0)
    run.set_sha256 = hashlib.sha256(data).hexdigest()
    run.save()
    run.set_key = run.key("set.json.gz")
    storage.write(run.set_key, data)
    run.save()


def unreviewed(slug: str, count: int) -> str:
    """Frames that nobody judged, from the middle of the order by loss, as JSON: [id, review version]."""
    version = Dataset.objects.select_related("active_version").get(slug=slug).active_version
    assert version is not None
    rows = FrameScore.objects.of_version(version).unreviewed().filter(reconstruction_loss__lt=version.threshold)
    places = rows.worst_first().values_list("frame_id", "frame__review_version")
    return json.dumps(list(places[:count]))


def last_job(slug: str) -> str:
    """The newest learning from verdicts, as JSON: state, seconds until its numbers stood, seconds in all, reason."""
    job = Job.objects.filter(kind=Job.Kind.CALIBRATE, dataset__slug=slug).order_by("-pk").first()
    if job is None:
        return json.dumps(["none", 0, 0, ""])
    fit = Calibration.objects.standing().get(model_version=job.model_version)
    ends = (fit.applied_at, job.finished_at)
    stood, spent = ((end - job.started_at).total_seconds() if end and job.started_at else 0 for end in ends)
    return json.dumps([job.state, stood, spent, job.reason])
