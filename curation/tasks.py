"""Celery tasks that need no engine. A task takes an id, loads the row and calls one function."""

from __future__ import annotations

from curation import decisions, explain, exports, jobs, tally_changes, uploads
from curation.celery import app
from curation.leases import work


@app.task
def export(job_id: int) -> None:
    with work(job_id) as lease:
        if lease and lease.job.export:
            exports.write(lease.job.export, lease)


@app.task
def decide(job_id: int) -> None:
    with work(job_id) as lease:
        if lease and lease.job.decision:
            decisions.apply(lease.job.decision, lease)


@app.task
def sweep_jobs() -> int:
    return jobs.sweep()


@app.task
def clear_stray_uploads() -> int:
    return uploads.clear_strays()


@app.task
def clear_explanations() -> int:
    return explain.clear_old()


@app.task
def fold_tallies() -> int:
    tally_changes.adopt()
    return tally_changes.fold()
