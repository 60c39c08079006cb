"""Jobs: asking for work, and looking after what was asked. The Job row is the truth; a Celery message is a hint.

The worker's side of a job (claim, heartbeat, fence) is in curation/leases.py.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from curation import outcomes
from curation.celery import app
from curation.models import Dataset, Job, JobLine
from curation.problems import Problem

log = structlog.get_logger(__name__)

QUEUES = {
    Job.Kind.EXTRACT: "media",
    Job.Kind.EXPORT: "media",
    Job.Kind.SCORE: "gpu",
    Job.Kind.RESCORE: "gpu",
    Job.Kind.TRAIN: "train",
    Job.Kind.CALIBRATE: "inspect",
    Job.Kind.SEGMENT: "gpu",
    Job.Kind.DECIDE: "inspect",
}
TASKS = {
    Job.Kind.EXTRACT: "scoring.tasks.extract",
    Job.Kind.EXPORT: "curation.tasks.export",
    Job.Kind.SCORE: "scoring.tasks.score",
    Job.Kind.RESCORE: "scoring.tasks.rescore",
    Job.Kind.TRAIN: "scoring.tasks.train",
    Job.Kind.CALIBRATE: "scoring.tasks.calibrate",
    Job.Kind.SEGMENT: "scoring.tasks.find_segments",
    Job.Kind.DECIDE: "curation.tasks.decide",
}
SUBJECTS = ("video", "model_version", "training_run", "export", "decision")
KEEP_FINISHED = dt.timedelta(days=90)


def request(*, kind: Job.Kind, dataset: Dataset, by: str = "", **subject: Any) -> Job:
    """Ask for work on a subject (named as in SUBJECTS), once.

    When the same work is queued already, that job is returned; when it is running, it will run once more afterwards.
    """
    key = ":".join([kind.value, *(f"{name}={row.pk}" for name, row in sorted(subject.items()) if row is not None)])
    try:
        with transaction.atomic():
            job = Job.objects.create(kind=kind, key=key, dataset=dataset, requested_by=by, **subject)
    except IntegrityError:
        return _ask_again(key=key, kind=kind, dataset=dataset, by=by, subject=subject)
    hint(job)
    return job


def _ask_again(*, key: str, kind: Job.Kind, dataset: Dataset, by: str, subject: dict[str, Any]) -> Job:
    with transaction.atomic():
        job = Job.objects.select_for_update().open().filter(key=key).first()
        if job is not None:
            if job.state == Job.State.RUNNING:
                Job.objects.filter(pk=job.pk).update(again=True)
            return job
    return request(kind=kind, dataset=dataset, by=by, **subject)  # it ended between the two looks


def hint(job: Job) -> None:
    """Wake a worker once the transaction is committed; a lost hint is sent again by the sweep."""
    transaction.on_commit(lambda: _send(job.pk, Job.Kind(job.kind)))


def _send(job_id: int, kind: Job.Kind) -> None:
    try:
        app.send_task(TASKS[kind], args=[job_id], queue=QUEUES[kind], ignore_result=True)
    except Exception as error:  # the broker is down: the row stands, the sweep will send the hint
        log.warning("hint not sent", job=job_id, error=str(error))


def add_line(job: Job, text: str) -> None:
    JobLine.objects.create(job=job, text=text[:500])


def cancel(*, job: Job, by: str) -> None:
    """Stop a job: at once when it waits, at its next check when it runs."""
    with transaction.atomic():
        row = Job.objects.select_for_update().get(pk=job.pk)
        if not row.is_open:
            raise Problem("This job has already ended.", status=409)
        add_line(row, f"Cancel asked for by {by}.")
        if row.state == Job.State.RUNNING:
            Job.objects.filter(pk=row.pk).update(cancel_requested=True)
            return
        end(row, Job.State.CANCELLED, f"Cancelled by {by} before it started.")


def retry(*, job: Job, by: str) -> Job:
    """Ask for the same work again, with three fresh attempts."""
    if job.is_open:
        raise Problem("This job is still open.", status=409)
    subject = {name: getattr(job, name) for name in SUBJECTS}
    asked = {name: row for name, row in subject.items() if row is not None}
    try:
        with transaction.atomic():
            outcomes.reopened(job)
            fresh = request(kind=Job.Kind(job.kind), dataset=job.dataset, by=by, **asked)
            add_line(fresh, f"Retry of job {job.pk}, asked for by {by}.")
    except IntegrityError as error:
        sentence = "Another run is under way in this data set; wait for its end or cancel it."
        raise Problem(sentence, status=409) from error
    return fresh


def end(job: Job, state: Job.State, reason: str = "") -> None:
    """Close a job and tell its subject. Call inside a transaction that holds the row."""
    Job.objects.filter(pk=job.pk).update(
        state=state, reason=reason, finished_at=timezone.now(), fence=None, lease_until=None, cancel_requested=False
    )
    job.state, job.reason = state, reason
    if reason:
        add_line(job, reason)
    if state == Job.State.FAILED:
        outcomes.failed(job)
    elif state == Job.State.CANCELLED:
        outcomes.cancelled(job)


def sweep() -> int:
    """Send hints for what waits, take back what was abandoned, end what crashed too often. Returns hints sent."""
    for job in Job.objects.abandoned():
        _take_back(job)
    sent = sum(_wake(queue) for queue in sorted(set(QUEUES.values())))
    Job.objects.finished().filter(finished_at__lt=timezone.now() - KEEP_FINISHED).delete()
    return sent


def _wake(queue: str) -> int:
    """Hints for what waits, but only into an empty queue: else a long job would let them pile up with every sweep."""
    due = list(Job.objects.due().filter(kind__in=[kind for kind, name in QUEUES.items() if name == queue]))
    if not due or _messages_in(queue):
        return 0
    for job in due:
        _send(job.pk, Job.Kind(job.kind))
    return len(due)


def _messages_in(queue: str) -> int:
    try:
        with app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)
    except Exception:  # no such queue yet, or no broker: sending will tell
        return 0


def _take_back(job: Job) -> None:
    with transaction.atomic():
        row = Job.objects.select_for_update().abandoned().filter(pk=job.pk).first()
        if row is None:
            return
        if row.cancel_requested:
            end(row, Job.State.CANCELLED, "Cancelled.")
        elif row.attempt >= settings.JOB_MAX_ATTEMPTS:
            end(row, Job.State.FAILED, f"The worker died {row.attempt} times at this. {advice(row)}")
        else:
            Job.objects.filter(pk=row.pk).update(state=Job.State.QUEUED, fence=None, lease_until=None, run_after=None)
            add_line(row, f"Worker {row.worker} is gone; attempt {row.attempt} ended. It will be tried again.")


def advice(job: Job) -> str:
    """What a person can do about work that keeps killing its worker."""
    if job.kind == Job.Kind.EXTRACT:
        return "The file may be damaged: try to convert it, then upload it again."
    return "Look at the worker's memory and its log, then press Retry."


def eta_s(job: Job) -> float | None:
    """Seconds left at the pace so far, or None while that can't be said."""
    if job.state != Job.State.RUNNING or job.started_at is None or job.progress < 0.01:
        return None
    spent = (timezone.now() - job.started_at).total_seconds()
    return spent * (1 - job.progress) / job.progress
