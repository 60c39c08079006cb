"""The worker's side of a job: claim it with a lease and a fence, keep the lease alive, write only while it holds.

Pattern: a lease renewed by heartbeat plus a fencing token checked in the same transaction as the results
(M. Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from curation import jobs, shutdown
from curation.models import Job
from curation.problems import Problem
from curation.storage import StoreUnavailable

log = structlog.get_logger(__name__)
PROGRESS_EVERY_S = 0.5
FIRST_BACK_OFF_S = 5.0


class Cancelled(Exception):
    """A person asked for the job to stop."""


class Interrupted(Exception):
    """The worker is stopping; the job goes back to the queue with its attempt given back."""


class LeaseLost(Exception):
    """Another worker has the job, or nobody may have it: nothing more may be written."""


class Lease:
    """The right to work on one job for a while. All results go through `transaction()`."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._cancelled = False
        self._lost = False
        self._told_at = 0.0

    def check(self) -> None:
        """Raise Cancelled, Interrupted or LeaseLost when the work should stop. Cheap: call it often."""
        if self._lost:
            raise LeaseLost
        if self._cancelled:
            raise Cancelled
        if shutdown.requested.is_set():
            raise Interrupted

    def should_stop(self) -> bool:
        return self._lost or self._cancelled or shutdown.requested.is_set()

    def renew(self) -> None:
        """Heartbeat: push the lease out by the database's clock, and see whether somebody asked to cancel."""
        held = Job.objects.filter(pk=self.job.pk, fence=self.job.fence)
        if not held.update(lease_until=Now() + dt.timedelta(seconds=settings.JOB_LEASE_S)):
            self._lost = True
            return
        self._cancelled = bool(held.values_list("cancel_requested", flat=True).first())

    def progress(self, fraction: float, note: str = "") -> None:
        """Show how far the work is (0 to 1), at most twice a second."""
        if time.monotonic() - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            Job.objects.filter(pk=self.job.pk, fence=self.job.fence).update(
                progress=min(1.0, max(0.0, fraction)), progress_note=note[:200]
            )
        self.check()

    def log(self, text: str) -> None:
        jobs.add_line(self.job, text)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction that commits only while this claim holds. Keep it small: <= 64 rows on SQLite."""
        with transaction.atomic():
            if not Job.objects.select_for_update().filter(pk=self.job.pk, fence=self.job.fence).exists():
                self._lost = True
                raise LeaseLost
            yield


def claim(job_id: int) -> Lease | None:
    """Take the job if it is free: one UPDATE that counts the attempt before the work. None when it is not to be had."""
    fence = uuid.uuid4()
    free = Q(state=Job.State.QUEUED) & (Q(run_after=None) | Q(run_after__lte=Now()))
    abandoned = Q(state=Job.State.RUNNING, lease_until__lt=Now())
    taken = (
        Job.objects.filter(free | abandoned, pk=job_id, attempt__lt=settings.JOB_MAX_ATTEMPTS, cancel_requested=False)
        .update(
            state=Job.State.RUNNING,
            attempt=F("attempt") + 1,
            fence=fence,
            lease_until=Now() + dt.timedelta(seconds=settings.JOB_LEASE_S),
            started_at=Now(),
            worker=socket.gethostname()[:100],
        )
    )  # fmt: skip
    if not taken:
        return None
    job = Job.objects.select_related(
        "dataset", "video", "model_version", "training_run", "export", "decision__user"
    ).get(pk=job_id)
    return Lease(job) if job.fence == fence else None


@contextmanager
def _heartbeat(lease: Lease) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(settings.JOB_HEARTBEAT_S):
            try:
                lease.renew()
            except DatabaseError as error:
                log.warning("heartbeat missed", job=lease.job.pk, error=str(error))
        connection.close()

    thread = threading.Thread(target=beat, name=f"heartbeat-{lease.job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


@contextmanager
def work(job_id: int, *refusals: type[Exception]) -> Iterator[Lease | None]:
    """Claim a job, keep it alive while the body runs, and settle its end whatever happens.

    Yields None when the job is not to be had (done, cancelled, someone else's). `refusals` are exceptions whose
    text is a sentence for people: they fail the job at once, because trying again can't help.
    """
    lease = claim(job_id)
    if lease is None:
        yield None
        return
    try:
        with _heartbeat(lease):
            yield lease
        _finish(lease)
    except LeaseLost:
        log.warning("lease lost, results dropped", job=job_id)
    except Cancelled:
        _settle(lease, Job.State.CANCELLED, "Cancelled.")
    except Interrupted:
        _give_back(lease)
    except Exception as error:
        if isinstance(error, (Problem, *refusals)):
            _settle(lease, Job.State.FAILED, str(error))
        else:
            log.exception("job failed", job=job_id)
            _try_again(lease, error)


def _finish(lease: Lease) -> None:
    with lease.transaction():
        job = Job.objects.get(pk=lease.job.pk)
        if not job.again:
            Job.objects.filter(pk=job.pk).update(progress=1)
            jobs.end(job, Job.State.DONE)
            return
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.QUEUED, again=False, attempt=0, fence=None, lease_until=None, progress=0, started_at=None
        )
        jobs.hint(job)


def _settle(lease: Lease, state: Job.State, reason: str) -> None:
    try:
        with lease.transaction():
            jobs.end(lease.job, state, reason)
    except LeaseLost:
        log.warning("lease lost, end dropped", job=lease.job.pk)


def _give_back(lease: Lease) -> None:
    """A stop that was asked for costs no attempt."""
    lease.log("The worker is stopping; the job goes back to the queue.")
    Job.objects.filter(pk=lease.job.pk, fence=lease.job.fence).update(
        state=Job.State.QUEUED, attempt=F("attempt") - 1, fence=None, lease_until=None
    )


def _try_again(lease: Lease, error: Exception) -> None:
    job = lease.job
    what = "The object store does not answer." if isinstance(error, StoreUnavailable) else "Something went wrong here."
    if job.attempt >= settings.JOB_MAX_ATTEMPTS:
        _settle(lease, Job.State.FAILED, f"{what} Tried {job.attempt} times; the worker's log names job {job.pk}.")
        return
    wait_s = FIRST_BACK_OFF_S * 3 ** (job.attempt - 1)
    lease.log(f"{what} Attempt {job.attempt} ended; the next one follows in {wait_s:.0f} s.")
    Job.objects.filter(pk=job.pk, fence=job.fence).update(
        state=Job.State.QUEUED, fence=None, lease_until=None, run_after=Now() + dt.timedelta(seconds=wait_s)
    )
