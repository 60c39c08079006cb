"""Stopping a training run, and trying one again."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

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
    job = _last_job(run)
    with transaction.atomic():
        others = TrainingRun.objects.filter(dataset=run.dataset_id, state__in=TrainingRun.OPEN_STATES)
        if others.exclude(pk=run.pk).exists():
            raise Problem("Another run is under way in this data set; wait for its end or cancel it.", status=409)
        jobs.retry(job=job, by=by.get_username())
        if job.kind == Job.Kind.RESCORE:
            TrainingRun.objects.filter(pk=run.pk).update(state=TrainingRun.State.RESCORING, note="", finished_at=None)


def _last_job(run: TrainingRun) -> Job:
    job = run_jobs(run).first()
    if job is None:
        raise Problem("The record of this run's work has been cleared; start a new run.", status=409)
    return job
