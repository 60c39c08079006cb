"""Frames like a frame, for those who look: keeps an index per version in the worker's scratch folder and asks it.

The index grows a few seconds at a time, whenever somebody asks, so that a large data set doesn't hold up what else the
queue has to do; what was gone through stays gone through.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from curation import similar, storage, training
from curation.models import Frame, ModelVersion, Pack, TrainingRun
from curation.problems import Problem
from curation.similar import MOST, Among
from scoring.errors import ModelError
from scoring.features import Activations, features_from_bytes
from scoring.neighbours import Index, IndexDamaged, Neighbour

SLICE_S = 4.5
SAMPLED_PACKS, SAMPLED_ROWS = 24, 64  # from which the directions are found
GROWN = 4  # so many times the frames: other directions may matter
WASTED = 0.5  # share of rows that belong to frames of before
KEPT = 4  # indexes on this machine; the one that nobody asked for longest goes first
BESIDE = 2  # frames so close in time show the same: one of them is enough to look at
NO_FEATURES = "Version {} kept no features of its frames, so frames can't be compared. Train a version and activate it."
NOT_SCORED = "Version {} has not scored this frame yet."

Rows = Mapping[str, NDArray[np.int64]]  # key of a pack's inputs -> rows that were trained on


def run(frame_id: int, version_id: int, among: Among) -> None:
    """Find the frames nearest to one and keep the answer under similar.key(). Does nothing more than a part of the
    index when that takes longer; then somebody asks again."""
    frame = Frame.objects.select_related("pack", "pack__video").filter(pk=frame_id).first()
    version = ModelVersion.objects.filter(pk=version_id).first()
    if frame is None or version is None:
        return
    stamp = similar.stamp(version)
    try:
        with _locked(version) as folder:
            index = _up_to_date(folder, version, time.monotonic() + SLICE_S)
            if index is not None:
                _write(frame, version, among, stamp, **_answer(index, frame, version, among))
    except storage.MissingObject:
        _write(frame, version, among, stamp, problem=NO_FEATURES.format(version.number))
    except ModelError as error:
        _write(frame, version, among, stamp, problem=str(error))


def _answer(index: Index, frame: Frame, version: ModelVersion, among: Among) -> dict[str, object]:
    row = frame.number - frame.pack.first_number
    feature = index.feature(frame.pack_id, row)
    if feature is None:
        return {"problem": NOT_SCORED.format(version.number)}
    count = MOST[among]
    if among == "all":
        near = index.nearest(feature, count + 1)
    else:
        near = _apart(index.nearest(feature, count * 8 * BESIDE, trained=True))
    return {
        "near": [(each.frame, round(each.distance, 4)) for each in near if each.frame != frame.pk][:count],
        "seen": index.is_trained(frame.pack_id, row),
        "trained": index.trained,
    }


def _apart(near: list[Neighbour]) -> list[Neighbour]:
    """Without those that stand right beside a nearer one."""
    places = Frame.objects.filter(pk__in=[each.frame for each in near]).values_list("pk", "video_id", "number")
    at = {pk: (video, number) for pk, video, number in places}
    taken: dict[int, list[int]] = defaultdict(list)
    kept = []
    for each in near:
        video, number = at.get(each.frame, (0, 0))
        if video and all(abs(number - other) > BESIDE for other in taken[video]):
            taken[video].append(number)
            kept.append(each)
    return kept


def _write(frame: Frame, version: ModelVersion, among: Among, stamp: str, **told: object) -> None:
    answer = {"near": [], "seen": False, "trained": 0, "problem": "", **told, "stamp": stamp, "at": time.time()}
    storage.write(similar.key(frame, version, among), json.dumps(answer).encode(), "application/json")


@contextmanager
def _locked(version: ModelVersion) -> Iterator[Path]:
    """The version's folder, for this process alone; its lock also says when it was last asked for."""
    home = settings.SCRATCH_DIR / "similar"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = home / f"{version.uuid}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lock.touch()
        _make_room(home)
        yield home / str(version.uuid)


def _make_room(home: Path) -> None:
    locks = sorted(home.glob("*.lock"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in locks[KEPT:]:
        shutil.rmtree(old.with_suffix(""), ignore_errors=True)
        old.unlink(missing_ok=True)


def _up_to_date(folder: Path, version: ModelVersion, until: float) -> Index | None:
    """The index of every frame that the version scored; None when the time is up before it is whole."""
    packs = {pack.pk: pack for pack in Pack.objects.filter(scored__model_version=version).select_related("video")}
    frames = sum(pack.frame_count for pack in packs.values())
    index = _opened(folder, version, packs, frames)
    index.drop([pk for pk, place in index.packs.items() if pk not in packs or packs[pk].revision != place.revision])
    todo = [pack for pack in packs.values() if pack.pk not in index.packs]
    trained = _trained_on(version.uuid) if todo else {}
    for done, pack in enumerate(todo, start=1):
        _add(index, version, pack, trained)
        if done < len(todo) and time.monotonic() > until:
            index.commit()
            _tell(version, len(index.packs) / len(packs))
            return None
    index.commit()
    if todo:
        _tell(version, 1.0)
    return index


def _opened(folder: Path, version: ModelVersion, packs: dict[int, Pack], frames: int) -> Index:
    """The index that is there; an empty one where that is damaged, mostly of frames of before, or of few of these."""
    try:
        index = Index.open(folder)
        alive = sum(place.count for place in index.packs.values())
        if frames <= GROWN * index.fitted_on and len(index) - alive <= WASTED * max(len(index), 1):
            return index
    except IndexDamaged:
        pass
    return Index.create(folder, _sample(version, list(packs.values())), frames=frames)


def _sample(version: ModelVersion, packs: list[Pack]) -> Activations:
    """Activations of frames from all over the data set. Raises ModelError when none are there."""
    places = np.linspace(0, len(packs) - 1, min(len(packs), SAMPLED_PACKS)).round().astype(int).tolist()
    parts = [_activations(version, packs[place]) for place in places]
    some = [part[:: -(-len(part) // SAMPLED_ROWS)] for part in parts if len(part)]
    if not some:
        raise ModelError(f"Version {version.number} has not scored any frame yet.")
    return np.concatenate(some)


def _activations(version: ModelVersion, pack: Pack) -> Activations:
    return features_from_bytes(storage.read(pack.features_key(version)))[0]


def _add(index: Index, version: ModelVersion, pack: Pack, trained: Rows) -> None:
    """A pack that is being extracted anew is left out until it has been scored again."""
    ids = np.array(list(pack.frames.order_by("number").values_list("pk", flat=True)), np.int64)
    activations = _activations(version, pack)
    if len(ids) != len(activations):
        return
    marks = np.zeros(len(ids), np.bool_)
    marks[trained.get(pack.inputs_key, np.zeros(0, np.int64))] = True
    index.add(pack.pk, pack.revision, ids, activations, marks)


@lru_cache(maxsize=4)
def _trained_on(version: UUID) -> Rows:
    """What the version's run learned as in distribution; a version's frozen set never changes."""
    run = TrainingRun.objects.filter(version__uuid=version).first()
    if run is None:
        return {}
    try:
        entries = training.read_set(run)
    except (Problem, storage.MissingObject):
        return {}
    inside = [entry for entry in entries if not entry["heldout"] and not entry.get("out")]
    return {entry["key"]: np.array(entry["rows"], np.int64) for entry in inside}


def _tell(version: ModelVersion, share: float) -> None:
    storage.write(similar.progress_key(version), json.dumps({"share": share}).encode(), "application/json")
