"""Celery tasks of the engine: the one place that knows both the tables and the engine.

Heavy imports stay inside the bodies, so that a worker which never trains never loads torch.
"""

from __future__ import annotations

from curation.celery import app
from curation.leases import work


@app.task
def extract(job_id: int) -> None:
    from scoring.limits import MediaError
    from scoring.worker import extract as body

    with work(job_id, MediaError) as lease:
        if lease and lease.job.video:
            body.run(lease, lease.job.video)


@app.task
def score(job_id: int) -> None:
    from scoring.errors import ModelError
    from scoring.worker import score as body

    with work(job_id, ModelError) as lease:
        if lease and lease.job.model_version:
            body.run(lease, lease.job.model_version, video=lease.job.video)


@app.task
def rescore(job_id: int) -> None:
    score(job_id)


@app.task
def train(job_id: int) -> None:
    from scoring.errors import ModelError, TrainingError
    from scoring.worker import train as body

    with work(job_id, ModelError, TrainingError) as lease:
        if lease and lease.job.training_run:
            body.run(lease, lease.job.training_run)


@app.task
def calibrate(job_id: int) -> None:
    from scoring.errors import ModelError
    from scoring.worker import calibrate as body

    with work(job_id, ModelError) as lease:
        if lease and lease.job.model_version:
            body.run(lease, lease.job.model_version)


@app.task
def find_segments(job_id: int) -> None:
    from scoring.worker import segments as body

    with work(job_id) as lease:
        if lease:
            body.run(lease, lease.job.dataset)


@app.task
def explain_frame(frame_id: int, version_id: int) -> None:
    from scoring.worker import explain as body

    body.run(frame_id, version_id)


@app.task
def find_similar(frame_id: int, version_id: int, among: str) -> None:
    from curation.similar import AMONG
    from scoring.worker import similar as body

    for known in AMONG:
        if among == known:
            body.run(frame_id, version_id, known)
