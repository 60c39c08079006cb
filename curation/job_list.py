"""The list of a data set's jobs: filters, a keyset page, and per job what its row shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse

from curation import jobs
from curation.models import Dataset, Job
from curation.problems import Problem

PAGE_SIZE = 50
OPEN = (Job.State.QUEUED, Job.State.RUNNING)
SUBJECTS = ("dataset", "video", "model_version", "training_run", "export")
SHOWN: dict[str, tuple[str, Q]] = {
    "": ("All", Q()),
    "open": ("Open", Q(state__in=OPEN)),
    "finished": ("Finished", Q(state__in=[Job.State.DONE, Job.State.CANCELLED])),
    "failed": ("Failed", Q(state=Job.State.FAILED)),
}


@dataclass(frozen=True)
class Row:
    """A job as the pages show it; `subject` is what it works on, `url` the page of that."""

    job: Job
    subject: str
    url: str
    eta_s: float | None


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    count: int


@dataclass(frozen=True)
class JobList:
    rows: list[Row]
    choices: list[Choice]
    show: str
    next_before: int | None
    is_live: bool


def build(dataset: Dataset, *, show: str = "", before: str = "") -> JobList:
    """One page of jobs, newest first. Raises Problem for a filter or cursor that doesn't exist."""
    if show not in SHOWN:
        raise Problem(f"The list of jobs can show {', '.join(name for name in SHOWN if name)}; not {show[:20]!r}.")
    chosen = dataset.jobs.filter(SHOWN[show][1]).select_related(*SUBJECTS)
    if before:
        if not (before.isascii() and before.isdigit() and len(before) < 19):
            raise Problem("That isn't a place in the list of jobs.")
        chosen = chosen.filter(pk__lt=int(before))
    page = list(chosen.order_by("-pk")[: PAGE_SIZE + 1])
    choices = _choices(dataset)
    return JobList(
        rows=[row_of(job) for job in page[:PAGE_SIZE]],
        choices=choices,
        show=show,
        next_before=page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else None,
        is_live=any(choice.value == "open" and choice.count for choice in choices),
    )


def row_of(job: Job) -> Row:
    subject, url = _subject(job)
    return Row(job=job, subject=subject, url=url, eta_s=jobs.eta_s(job))


def _subject(job: Job) -> tuple[str, str]:
    slug = job.dataset.slug
    if job.video:
        return job.video.name, reverse("video", args=[slug, job.video.pk])
    if job.training_run:
        return str(job.training_run), reverse("run", args=[slug, job.training_run.pk])
    if job.model_version:
        return str(job.model_version), reverse("model", args=[slug, job.model_version.number])
    return (job.export.file_name, reverse("exports", args=[slug])) if job.export else ("", "")


def _choices(dataset: Dataset) -> list[Choice]:
    wanted = {f"n_{value}": Count("pk", filter=test) if test else Count("pk") for value, (_, test) in SHOWN.items()}
    counts = dataset.jobs.order_by().aggregate(**wanted)
    return [Choice(value, label, counts[f"n_{value}"]) for value, (label, _) in SHOWN.items()]
