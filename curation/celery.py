"""The Celery app. Messages are hints only; the Job row is the truth (see curation/jobs.py)."""

import os

from scoring.runtime import keep_memory, prepare

prepare()  # before NumPy is loaded

from celery import Celery, signals  # noqa: E402

from curation import shutdown  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")

app = Celery("framesift")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ("curation.tasks", "scoring.tasks")


@signals.worker_init.connect
def get_ready(**_: object) -> None:
    """Workers compute; whoever only sends messages doesn't."""
    keep_memory()


@signals.worker_shutting_down.connect
def give_jobs_back(**_: object) -> None:
    """A stop that was asked for: running jobs go back to the queue at their next check, with their attempt."""
    shutdown.requested.set()
