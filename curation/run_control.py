"""Stopping a training run, and trying one again."""

from __future__ import annotations

from django.contrib.auth.models import User

from curation import jobs
from curation.models import Job, TrainingRun
from curation.problems import Problem
from curation.progress import run_jobs


def cancel(*, run: TrainingRun, by: User) -> None:
    """Stop the run: at once while it waits, at the next step while it works. Raises Problem when it has ended."""
    jobs.cancel(job=_last_job(run), by=by.get_username())


def retry(*, run: TrainingRun, by: User) -> None:
    """Go on where the run stopped: from its last checkpoint, or with the scores that its version lacks.

    Raises Problem when the run is still open, and while another run of the data set is under way.
    """
    jobs.retry(job=_last_job(run), by=by.get_username())


def _last_job(run: TrainingRun) -> Job:
    job = run_jobs(run).first()
    if job is None:
        raise Problem("The record of this run's work has been cleared; start a new run.", status=409)
    return job
