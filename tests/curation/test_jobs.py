"""The Job row is the truth: claims, leases, fences, sweeps, cancel and retry."""

from __future__ import annotations

import datetime as dt
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection
from django.utils import timezone

from curation import jobs, leases, shutdown
from curation.local import broker
from curation.models import Dataset, Job, TrainingRun, Video
from curation.problems import Problem
from curation.storage import StoreUnavailable
from tests import environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(dataset: Dataset) -> Video:
    return Video.objects.create(dataset=dataset, name="a.mp4", key="uploads/a", size_bytes=1)


@pytest.fixture
def job(video: Video) -> Job:
    return jobs.request(kind=Job.Kind.EXTRACT, dataset=video.dataset, by="carla", video=video)


def claimed(job: Job) -> leases.Lease:
    lease = leases.claim(job.pk)
    assert lease is not None
    return lease


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))


def test_it_counts_the_attempt_before_the_work(job: Job) -> None:
    claimed(job)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.RUNNING, 1)
    assert job.lease_until is not None and job.lease_until > timezone.now()


def test_it_gives_a_job_to_one_worker_only(job: Job) -> None:
    assert leases.claim(job.pk) is not None
    assert leases.claim(job.pk) is None


def test_it_asks_for_the_same_work_once(job: Job, video: Video) -> None:
    assert jobs.request(kind=Job.Kind.EXTRACT, dataset=video.dataset, video=video).pk == job.pk
    assert Job.objects.count() == 1


def test_it_runs_once_more_when_asked_again_while_running(job: Job, video: Video) -> None:
    with leases.work(job.pk) as lease:
        assert lease is not None
        jobs.request(kind=Job.Kind.EXTRACT, dataset=video.dataset, video=video)
    job.refresh_from_db()
    assert (job.state, job.again, job.attempt) == (Job.State.QUEUED, False, 0)


def test_it_ends_as_done(job: Job) -> None:
    with leases.work(job.pk) as lease:
        assert lease is not None
    job.refresh_from_db()
    assert (job.state, job.progress, job.fence) == (Job.State.DONE, 1.0, None)


def test_it_takes_back_an_abandoned_job_and_refuses_the_zombie(job: Job) -> None:
    zombie = claimed(job)
    expire(job)
    jobs.sweep()
    heir = claimed(job)
    with pytest.raises(leases.LeaseLost), zombie.transaction():
        Video.objects.update(note="written by the zombie")
    with heir.transaction():
        Video.objects.update(note="written by the heir")
    assert Video.objects.get().note == "written by the heir"


def test_it_fails_after_the_third_crash_and_says_so_on_the_video(job: Job, video: Video) -> None:
    for _ in range(3):
        claimed(job)
        expire(job)
        jobs.sweep()
    job.refresh_from_db()
    video.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.FAILED, 3)
    assert video.state == Video.State.FAILED
    assert "died 3 times" in video.note
    assert leases.claim(job.pk) is None


def test_it_fails_at_once_on_a_refusal_that_trying_again_cannot_help(job: Job, video: Video) -> None:
    with leases.work(job.pk):
        raise Problem("The file holds no video stream.")
    video.refresh_from_db()
    assert (video.state, video.note) == (Video.State.FAILED, "The file holds no video stream.")


def test_it_waits_before_the_next_attempt_when_the_store_is_away(job: Job) -> None:
    with leases.work(job.pk):
        raise StoreUnavailable("connection refused")
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
    assert job.run_after is not None and job.run_after > timezone.now()
    assert leases.claim(job.pk) is None
    assert "connection refused" not in "".join(job.lines.values_list("text", flat=True))


def test_it_shows_no_traceback_after_three_unexpected_errors(job: Job) -> None:
    for _ in range(3):
        Job.objects.filter(pk=job.pk).update(run_after=None)
        with leases.work(job.pk):
            raise ZeroDivisionError("/secret/path.py")
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "secret" not in job.reason and str(job.pk) in job.reason


def test_it_cancels_a_waiting_job_at_once(job: Job, video: Video) -> None:
    jobs.cancel(job=job, by="olga")
    job.refresh_from_db()
    video.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    assert "olga" in video.note


def test_it_stops_a_running_job_at_its_next_check(job: Job) -> None:
    with leases.work(job.pk) as lease:
        assert lease is not None
        jobs.cancel(job=job, by="olga")
        lease.renew()
        lease.check()
    job.refresh_from_db()
    assert (job.state, job.reason) == (Job.State.CANCELLED, "Cancelled.")


def test_it_gives_the_attempt_back_when_the_worker_is_asked_to_stop(job: Job) -> None:
    shutdown.requested.set()
    try:
        with leases.work(job.pk) as lease:
            assert lease is not None
            lease.check()
    finally:
        shutdown.requested.clear()
    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.QUEUED, 0)


def test_it_retries_with_fresh_attempts(job: Job, video: Video) -> None:
    with leases.work(job.pk):
        raise Problem("Broken.")
    job.refresh_from_db()
    fresh = jobs.retry(job=job, by="olga")
    video.refresh_from_db()
    assert (fresh.state, fresh.attempt, video.state) == (Job.State.QUEUED, 0, Video.State.UPLOADED)


def test_it_does_not_retry_an_open_job(job: Job) -> None:
    with pytest.raises(Problem, match="still open"):
        jobs.retry(job=job, by="olga")


def test_it_does_not_retry_a_training_beside_an_open_one(dataset: Dataset) -> None:
    run = TrainingRun.objects.create(dataset=dataset, config={}, state=TrainingRun.State.FAILED)
    failed = Job.objects.create(kind=Job.Kind.TRAIN, key="t", dataset=dataset, training_run=run, state=Job.State.FAILED)
    TrainingRun.objects.create(dataset=dataset, config={})
    with pytest.raises(Problem, match="Another run is under way"):
        jobs.retry(job=failed, by="olga")


@pytest.mark.django_db(transaction=True)
def test_it_keeps_the_lease_alive_by_heartbeat(job: Job, settings: object) -> None:
    settings.JOB_HEARTBEAT_S, settings.JOB_LEASE_S = 0.05, 5.0  # type: ignore[attr-defined]
    with leases.work(job.pk) as lease:
        assert lease is not None
        expire(job)
        done = threading.Event()
        for _ in range(100):
            if not Job.objects.abandoned().exists():
                done.set()
                break
            threading.Event().wait(0.05)
        assert done.is_set()
    connection.close()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[redis.Redis]:
    """A real broker with nothing in it; what lies in `media` are hints for the media workers."""
    config = broker.write_config(tmp_path, port=environment.BROKER_PORT, password=environment.BROKER_PASSWORD)
    with subprocess.Popen([broker.server_binary(), str(config)], stdout=subprocess.DEVNULL) as server:
        while not broker.answers(environment.BROKER_PORT, environment.BROKER_PASSWORD):
            time.sleep(0.02)
        yield redis.Redis(port=environment.BROKER_PORT, password=environment.BROKER_PASSWORD)
        server.terminate()


@pytest.mark.django_db(transaction=True)
def test_it_sends_hints_again_when_the_queue_was_lost(queue: redis.Redis, job: Job) -> None:
    assert queue.llen("media") == 1
    queue.flushall()
    assert jobs.sweep() == 1
    assert queue.llen("media") == 1


@pytest.mark.django_db(transaction=True)
def test_it_lets_no_hints_pile_up_while_workers_are_busy(queue: redis.Redis, job: Job) -> None:
    for _ in range(5):
        jobs.sweep()
    assert queue.llen("media") == 1


def test_every_state_is_open_or_finished() -> None:
    """The two filters partition the table."""
    dataset = Dataset.objects.create(name="x", slug="x")
    for state in Job.State.values:
        Job.objects.create(kind=Job.Kind.EXTRACT, key=state, dataset=dataset, state=state)
    opened, finished = set(Job.objects.open()), set(Job.objects.finished())
    assert opened | finished == set(Job.objects.all()) and not opened & finished
