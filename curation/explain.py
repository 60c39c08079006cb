"""Why the model said so: input, reconstruction and error heat map of one frame, made by a worker when somebody looks.

The pictures lie in the object store, so they are made once per frame and version; the worker's part is
scoring/worker/explain.py.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.utils import timezone

from curation import storage
from curation.celery import app
from curation.models import Frame, ModelVersion
from curation.models.video import revision_folder

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

log = structlog.get_logger(__name__)

PREFIX = "explanations"
KINDS = ("input", "reconstruction", "heatmap")
LAST_WRITTEN = "heatmap"
TASK = "scoring.tasks.explain_frame"
QUEUE = "inspect"
ASK_AGAIN_S = 5.0
REMEMBERED = 1000
KEEP = dt.timedelta(days=30)
QUEUE_DOWN = "The queue can't be reached, so no worker could be asked. The answer comes once it is back."
STORE_DOWN = "The object store doesn't answer, so these pictures can't be read. They come once it is back."


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Whether the pictures are there, their keys by kind, and in one sentence what stands in the way."""

    is_ready: bool
    keys: dict[str, str] = field(default_factory=dict)
    problem: str = ""


Question = tuple[str | int, ...]  # the task's name and its arguments


class _Asked:
    """When each question was last put to the workers by this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._times: dict[Question, float] = {}

    def is_due(self, question: Question, now: float) -> bool:
        """True at most once in ASK_AGAIN_S seconds per question."""
        with self._lock:
            if now - self._times.get(question, -ASK_AGAIN_S) < ASK_AGAIN_S:
                return False
            self._times.pop(question, None)
            self._times[question] = now
            while len(self._times) > REMEMBERED:
                del self._times[next(iter(self._times))]
            return True


_asked = _Asked()
_refused: dict[Question, str] = {}


def key(frame: Frame, version: ModelVersion, kind: str) -> str:
    """Where a picture lies in the object store; a frame that was extracted anew has new ones."""
    return f"{PREFIX}/{version.uuid}/{frame.pk}/{revision_folder(frame.pack.revision)}{kind}.png"


def explanation(frame: Frame, version: ModelVersion) -> Explanation:
    """The pictures of a frame by a version; asks a worker for them when they are missing."""
    keys = {kind: key(frame, version, kind) for kind in KINDS}
    try:
        if storage.exists(keys[LAST_WRITTEN]):
            return Explanation(is_ready=True, keys=keys)
    except storage.StoreUnavailable:
        return Explanation(is_ready=False, keys=keys, problem=STORE_DOWN)
    return Explanation(is_ready=False, keys=keys, problem=ask(frame, version))


def ask(frame: Frame, version: ModelVersion) -> str:
    """Ask a worker for the pictures; a sentence when the queue can't be reached."""
    return ask_worker(TASK, frame.pk, version.pk)


def ask_worker(task: str, *args: str | int) -> str:
    """Ask a worker of the queue whose tasks are short, at most every 5 seconds for the same; a sentence when the queue
    can't be reached."""
    question = (task, *args)
    if _asked.is_due(question, time.monotonic()):
        _refused.pop(question, None)
        try:
            app.send_task(task, args=list(args), queue=QUEUE, expires=60, ignore_result=True)
        except Exception as error:  # kombu lets the transport's own errors through
            log.warning("no worker asked", task=task, args=args, error=str(error))
            _refused[question] = QUEUE_DOWN
    return _refused.get(question, "")


def ask_ahead(frame: Frame, version: ModelVersion) -> None:
    """Ask for a frame that will probably be looked at next; it is no matter when that doesn't work."""
    try:
        is_there = storage.exists(key(frame, version, LAST_WRITTEN))
    except storage.StoreUnavailable:
        return
    if not is_there:
        ask(frame, version)


def image(frame: Frame, version: ModelVersion, kind: str) -> bytes | None:
    """The PNG of one kind, or None while it isn't made. Raises storage.StoreUnavailable."""
    if kind not in KINDS:
        return None
    try:
        return storage.read(key(frame, version, kind))
    except storage.MissingObject:
        return None


def clear_old() -> int:
    """Remove pictures older than 30 days: they are made again when somebody looks. Returns how many went."""
    before = timezone.now() - KEEP
    old = [row["Key"] for row in _listed() if row["LastModified"] < before]
    storage.delete(old)
    return len(old)


def _listed() -> Iterator[ObjectTypeDef]:
    pages = storage.client().get_paginator("list_objects_v2").paginate(Bucket=settings.S3_BUCKET, Prefix=f"{PREFIX}/")
    for page in pages:
        yield from page.get("Contents", [])
