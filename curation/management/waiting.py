"""What the commands that ask for work share: finding the data set, and waiting for a worker to do it."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.base import CommandError

from curation.models import Dataset, Job

POLL_S = 1.0


def dataset_named(slug: str) -> Dataset:
    """The data set, or CommandError with what there is."""
    found = Dataset.objects.select_related("active_version").filter(slug=slug).first()
    if found is None:
        known = ", ".join(Dataset.objects.values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no data set {slug!r}. Data sets: {known}.")
    return found


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def wait_for(job: Job, say: Callable[[str], object]) -> None:
    """Wait until the job has ended, telling its progress. Raises CommandError when it ends without its result."""
    told = ""
    while job.is_open:
        time.sleep(POLL_S)
        job.refresh_from_db()
        note = f"{job.get_kind_display()}: {job.progress:.0%} {job.progress_note}".rstrip()
        if job.state == Job.State.RUNNING and note != told:
            say(note)
            told = note
    if job.state != Job.State.DONE:
        raise CommandError(f"{job.get_kind_display()}: {job.get_state_display().lower()}. {job.reason}".rstrip())
