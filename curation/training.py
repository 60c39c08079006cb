"""Asking for a training run: which frames it learns from, frozen with the run.

The set: frames of reference videos and frames with verdict IN, without those with verdict OUT.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from curation import jobs, storage
from curation.models import Dataset, Frame, Job, ModelVersion, Pack, TrainingRun, Verdict
from curation.problems import Problem
from scoring.config import TrainConfig
from scoring.errors import ModelError, TrainingError
from scoring.splits import split_by_video

FEW_VIDEOS = 5
MIN_FRAMES = 16
NEAR = "Frames of few videos look alike: the threshold may not hold on a new video. Mark more videos as reference."
NOTHING_MARKED = "Nothing is marked as in distribution yet. Mark reference videos, or train on everything."
EVERYTHING = (
    "Trains on every frame that nobody judged OUT. This finds outliers only while they are rare: "
    "what the model sees often in training, it takes as normal."
)


@dataclass
class FrozenSet:
    """Rows of packs by their place: `rows` are indexes into the pack's inputs."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    heldout_videos: set[int] = field(default_factory=set)
    heldout_frames: int = 0
    train_frames: int = 0

    def add(self, pack: Pack, rows: list[int], *, heldout: bool) -> None:
        if not rows:
            return
        self.entries.append({"key": pack.inputs_key, "video": pack.video_id, "rows": rows, "heldout": heldout})
        if heldout:
            self.heldout_frames += len(rows)
            self.heldout_videos.add(pack.video_id)
        else:
            self.train_frames += len(rows)
            self.frames[pack.video_id] += len(rows)

    def to_bytes(self) -> bytes:
        """Deterministic, so that the same set has the same sha256."""
        return gzip.compress(json.dumps({"entries": self.entries}, separators=(",", ":")).encode(), mtime=0)


@dataclass(frozen=True)
class SetPreview:
    """What a run asked for now would learn from. `problem` says why it can't; `warning` what to mind."""

    train_frames: int
    train_videos: int
    heldout_frames: int
    heldout_videos: int
    is_everything: bool
    confirmed_in: int
    excluded_out: int
    warning: str
    problem: str


def preview(dataset: Dataset, *, everything: bool = False) -> SetPreview:
    """Count the set without freezing it."""
    frozen = freeze(dataset, everything=everything)
    verdicts = Frame.objects.filter(video__dataset=dataset)
    total = frozen.train_frames + frozen.heldout_frames
    problem = ""
    if not total:
        problem = "There are no frames yet. Upload videos first." if everything else NOTHING_MARKED
    elif total < MIN_FRAMES:
        problem = f"{total} frames are too few to learn from; at least {MIN_FRAMES} are needed."
    return SetPreview(
        train_frames=frozen.train_frames,
        train_videos=len(frozen.frames),
        heldout_frames=frozen.heldout_frames,
        heldout_videos=len(frozen.heldout_videos),
        is_everything=everything,
        confirmed_in=verdicts.filter(verdict=Verdict.IN).count(),
        excluded_out=verdicts.filter(verdict=Verdict.OUT).count(),
        warning=_warning(frozen, everything),
        problem=problem,
    )


def _warning(frozen: FrozenSet, everything: bool) -> str:
    if everything:
        return EVERYTHING
    videos = set(frozen.frames) | frozen.heldout_videos
    return NEAR if 0 < len(videos) < FEW_VIDEOS else ""


def freeze(dataset: Dataset, *, everything: bool = False, seed: int = 0, heldout_fraction: float = 0.2) -> FrozenSet:
    """Choose the frames and hold out whole videos; with a single video, the last part of its frames."""
    chosen = _chosen_rows(dataset, everything=everything)
    per_video: dict[int, int] = defaultdict(int)
    for pack, rows in chosen:
        per_video[pack.video_id] += len(rows)
    per_video = {video: count for video, count in per_video.items() if count}
    frozen = FrozenSet()
    if len(per_video) == 1:
        _split_one_video(frozen, chosen, heldout_fraction)
        return frozen
    heldout = split_by_video(per_video, fraction=heldout_fraction, seed=seed) if per_video else set()
    for pack, rows in chosen:
        frozen.add(pack, rows, heldout=pack.video_id in heldout)
    return frozen


def _split_one_video(frozen: FrozenSet, chosen: list[tuple[Pack, list[int]]], fraction: float) -> None:
    left = round(sum(len(rows) for _, rows in chosen) * (1 - fraction))
    for pack, rows in chosen:
        frozen.add(pack, rows[:left], heldout=False)
        frozen.add(pack, rows[left:], heldout=True)
        left = max(0, left - len(rows))


def _chosen_rows(dataset: Dataset, *, everything: bool) -> list[tuple[Pack, list[int]]]:
    """Per complete pack, the chosen rows in order. Costs one row per pack and one per judged frame, not per frame."""
    judged = Frame.objects.filter(video__dataset=dataset, verdict__in=[Verdict.IN, Verdict.OUT])
    verdicts: dict[int, dict[int, str]] = defaultdict(dict)
    for pack_id, number, verdict in judged.values_list("pack_id", "number", "verdict"):
        verdicts[pack_id][number] = verdict
    packs = Pack.objects.filter(video__dataset=dataset, is_complete=True).select_related("video")
    packs = packs.order_by("video_id", "chunk")
    return [(pack, _rows(pack, verdicts[pack.pk], take_all=everything or pack.video.is_reference)) for pack in packs]


def _rows(pack: Pack, verdicts: dict[int, str], *, take_all: bool) -> list[int]:
    first = pack.first_number
    if not take_all:
        return sorted(number - first for number, verdict in verdicts.items() if verdict == Verdict.IN)
    return [row for row in range(pack.frame_count) if verdicts.get(row + first) != Verdict.OUT]


def request_run(
    *,
    dataset: Dataset,
    by: User | None,
    preset: str = "small",
    epochs: int | None = None,
    start_from: ModelVersion | None = None,
    everything: bool = False,
    seed: int = 0,
) -> TrainingRun:
    """Freeze the set and queue the training. Raises Problem when it can't start, with the reason."""
    config = _config(dataset, preset=preset, epochs=epochs, start_from=start_from, seed=seed)
    found = preview(dataset, everything=everything)
    if found.problem:
        raise Problem(found.problem)
    frozen = freeze(dataset, everything=everything, seed=seed, heldout_fraction=config.heldout_fraction)
    run = TrainingRun(
        dataset=dataset,
        config=config.as_json(),
        start_from=start_from,
        is_everything=everything,
        train_frames=frozen.train_frames,
        train_videos=len(frozen.frames),
        heldout_frames=frozen.heldout_frames,
        heldout_videos=len(frozen.heldout_videos),
        requested_by=by,
        note=found.warning,
    )
    return _queue(run, frozen.to_bytes(), by)


def _queue(run: TrainingRun, data: bytes, by: User | None) -> TrainingRun:
    run.set_key = run.key("set.json.gz")
    run.set_sha256 = hashlib.sha256(data).hexdigest()
    try:
        storage.write(run.set_key, data, "application/gzip")
    except storage.StoreUnavailable as error:
        raise Problem("The object store does not answer; try again in a minute.", status=503) from error
    try:
        with transaction.atomic():
            run.save()
            name = by.get_username() if by else ""
            jobs.request(kind=Job.Kind.TRAIN, dataset=run.dataset, by=name, training_run=run)
    except IntegrityError as error:
        raise Problem("A training run is under way in this data set; wait for it or cancel it.", status=409) from error
    return run


def _config(
    dataset: Dataset, *, preset: str, epochs: int | None, start_from: ModelVersion | None, seed: int
) -> TrainConfig:
    size = {"height": dataset.input_height, "width": dataset.input_width}
    values: dict[str, Any] = {"preset": preset, "seed": seed, "target_tpr": dataset.target_tpr, "vae": size}
    if epochs:
        values["epochs"] = epochs
    if start_from is not None:
        values["vae"] = start_from.config
    try:
        return TrainConfig.from_json(values)
    except (TrainingError, ModelError) as error:
        raise Problem(str(error)) from error


def read_set(run: TrainingRun) -> list[dict[str, Any]]:
    """The frozen entries, checked against the run's sha256."""
    data = storage.read(run.set_key)
    if hashlib.sha256(data).hexdigest() != run.set_sha256:
        raise Problem("The frozen training set in the object store is not the one this run was asked for.")
    entries: list[dict[str, Any]] = json.loads(gzip.decompress(data))["entries"]
    return entries
