"""Jobs of a data set: what waits, runs and has ended, with progress and log; cancel and retry."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from curation import job_list, jobs
from curation.models import Dataset, Job, Role
from curation.permissions import dataset_for
from curation.problems import Problem
from curation.views.errors import error
from curation.views.requests import person, wants_fragment

LINES = 200
ADMINS_ONLY = (Job.Kind.TRAIN, Job.Kind.RESCORE)


@login_required
@require_safe
def index(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = dataset_for(request, slug)
    try:
        found = job_list.build(dataset, show=request.GET.get("show", ""), before=request.GET.get("before", ""))
    except Problem as problem:
        return error(request, problem.status, str(problem))
    template = "fragments/job_list.html" if wants_fragment(request) else "jobs.html"
    return render(request, template, {"dataset": dataset, "tab": "jobs", "list": found})


@login_required
@require_safe
def detail(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    dataset = dataset_for(request, slug)
    job = get_object_or_404(dataset.jobs.select_related(*job_list.SUBJECTS), pk=pk)
    lines = list(job.lines.order_by("-id")[:LINES])[::-1]
    template = "fragments/job_detail.html" if wants_fragment(request) else "job.html"
    content = {
        "dataset": dataset,
        "tab": "jobs",
        "row": job_list.row_of(job),
        "lines": lines,
        "may_change": _may(dataset, job),
    }
    return render(request, template, content)


@login_required
@require_POST
def cancel(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    job = _changeable(request, slug, pk)
    try:
        jobs.cancel(job=job, by=person(request).get_username())
        return _say(
            request, "It will stop at the next safe point." if job.state == Job.State.RUNNING else "Cancelled.", job
        )
    except Problem as problem:
        return _refuse(request, problem, job)


@login_required
@require_POST
def retry(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    job = _changeable(request, slug, pk)
    try:
        fresh = jobs.retry(job=job, by=person(request).get_username())
    except Problem as problem:
        return _refuse(request, problem, job)
    return _say(request, "It waits for a worker.", fresh)


def _changeable(request: HttpRequest, slug: str, pk: int) -> Job:
    """Curators look after videos and exports; what touches the models is for admins."""
    dataset = dataset_for(request, slug, Role.CURATOR)
    job: Job = get_object_or_404(dataset.jobs, pk=pk)
    if not _may(dataset, job):
        raise PermissionDenied("Training and rescoring are for admins.")
    return job


def _may(dataset: Dataset, job: Job) -> bool:
    needed = Role.ADMIN if job.kind in ADMINS_ONLY else Role.CURATOR
    return dataset.my_role is not None and dataset.my_role.rank >= needed.rank


def _say(request: HttpRequest, sentence: str, job: Job) -> HttpResponse:
    messages.success(request, sentence)
    return redirect("job", job.dataset.slug, job.pk)


def _refuse(request: HttpRequest, problem: Problem, job: Job) -> HttpResponse:
    messages.error(request, str(problem))
    return redirect("job", job.dataset.slug, job.pk)
