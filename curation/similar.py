"""Frames like a frame, and the training frames nearest to it: asked of a worker when somebody looks.

Near is what the version's encoder saw alike (scoring/neighbours.py). The answer lies in the object store, beside the
frame's pictures; the worker's part is scoring/worker/similar.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.db.models import Count, Max

from curation import explain, selections, storage
from curation.models import Dataset, Frame, ModelVersion, ScoredPack, Selection
from curation.models.video import revision_folder
from curation.problems import Problem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Among = Literal["all", "training"]
AMONG: tuple[Among, ...] = ("all", "training")
TASK = "scoring.tasks.find_similar"
MOST = {"all": 300, "training": 12}
STANDS_S = 30.0  # an answer of before the last frames were scored is good enough for so long
NOT_YET = "The frames like this one are still being looked for. Try again in a moment."


@dataclass(frozen=True, kw_only=True)
class Similar:
    """`near`: (frame id, distance), the nearest first, and `seen`, whether the version was trained on the frame itself,
    once `is_ready`. `trained`: how many frames it was trained on that are still there. Until then `progress`: share of
    the frames, 0 to 1, that have been gone through. `problem`: in one sentence what stands in the way."""

    is_ready: bool
    near: list[tuple[int, float]]
    seen: bool = False
    trained: int = 0
    progress: float | None = None
    problem: str = ""

    @property
    def percent(self) -> int | None:
        return None if self.progress is None else round(100 * self.progress)


def key(frame: Frame, version: ModelVersion, among: Among) -> str:
    """Where the answer lies: beside the frame's pictures, and removed with them."""
    return f"{explain.PREFIX}/{version.uuid}/{frame.pk}/{revision_folder(frame.pack.revision)}near-{among}.json"


def progress_key(version: ModelVersion) -> str:
    """Where the worker says how far it is with the version's index."""
    return f"{explain.PREFIX}/{version.uuid}/near-progress.json"


def stamp(version: ModelVersion) -> str:
    """Changes with every pack of frames that the version scores."""
    found = ScoredPack.objects.filter(model_version=version).aggregate(packs=Count("pk"), last=Max("pk"))
    return f"{found['packs']}-{found['last']}"


def similar(frame: Frame, version: ModelVersion, among: Among) -> Similar:
    """The answer that is there; asks a worker for one when it is missing or out of date."""
    try:
        found = _read(key(frame, version, among))
        if found and _stands(found, version):
            return Similar(is_ready=not found["problem"], **{name: found[name] for name in _TOLD})
        refused = explain.ask_worker(TASK, frame.pk, version.pk, among)
        return Similar(is_ready=False, near=[], progress=_progress(version), problem=refused)
    except storage.StoreUnavailable:
        return Similar(is_ready=False, near=[], problem=explain.STORE_DOWN)


_TOLD = ("near", "seen", "trained", "problem")


def _stands(found: dict[str, Any], version: ModelVersion) -> bool:
    """One that was made by the same frames, or a moment ago; what stood in the way may have gone."""
    if time.time() - float(found["at"]) < STANDS_S:
        return True
    return not found["problem"] and bool(found["stamp"] == stamp(version))


def _read(object_key: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(storage.read(object_key))
    except storage.MissingObject:
        return None
    return found


def _progress(version: ModelVersion) -> float | None:
    found = _read(progress_key(version))
    return found["share"] if found and found["share"] < 1 else None


def as_list(*, dataset: Dataset, user: User, frame: Frame, version: ModelVersion) -> Selection:
    """The frame and those like it as a frozen list, nearest first, which the gallery shows. The same list is made once
    per person. Raises Problem while they are not known."""
    found = similar(frame, version, "all")
    if not found.is_ready:
        raise Problem(found.problem or NOT_YET, status=503 if found.problem else 409)
    ids = [frame.pk, *(pk for pk, _ in found.near)]
    versions = dict(Frame.objects.filter(video__dataset=dataset, pk__in=ids).values_list("pk", "review_version"))
    rows = [(pk, versions[pk]) for pk in ids if pk in versions]
    query = f"like={frame.pk}&version={version.number}"
    before = Selection.objects.filter(dataset=dataset, user=user, query=query).first()
    if before is not None and list(selections.frames_of(before)) == rows:
        return before
    return selections.keep(dataset=dataset, user=user, frames=rows, query=query)
