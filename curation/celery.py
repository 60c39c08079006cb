"""The Celery app. Messages are hints only; the Job row is the truth (see curation/jobs.py)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "curation.settings")

app = Celery("framesift")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.imports = ("curation.tasks", "scoring.tasks")
