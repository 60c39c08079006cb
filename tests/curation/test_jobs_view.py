"""The pages of jobs: state, progress, log, cancel and retry."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from curation import job_list
from curation.models import Dataset, Job, JobLine
from curation.problems import Problem
from tests.conftest import signed_in
from tests.curation.review_rows import make_version, make_video

pytestmark = pytest.mark.django_db
HTMX: dict[str, Any] = {"headers": {"HX-Request": "true"}}


def make_job(dataset: Dataset, state: Job.State = Job.State.QUEUED, **more: Any) -> Job:
    count = Job.objects.count()
    video = make_video(dataset, 1, name=f"v{count}.mp4")
    return Job.objects.create(
        **{"kind": Job.Kind.EXTRACT, "key": f"k{count}", "dataset": dataset, "video": video, "state": state} | more
    )


def test_it_shows_progress_worker_attempt_and_time_left(dataset: Dataset, viewer: User) -> None:
    started = timezone.now() - dt.timedelta(seconds=60)
    make_job(dataset, Job.State.RUNNING, progress=0.5, attempt=2, worker="media@box", started_at=started)
    page = signed_in(viewer).get("/d/matches/jobs/").content.decode()
    for words in ("Extract frames", "v0.mp4", "50 %", "2 <span", "media@box"):
        assert words in page, words
    assert re.search(r"1:0\d left", page), "as long again as it took, by the clock"


def test_it_looks_every_second_while_work_is_open_and_seldom_after(dataset: Dataset, viewer: User) -> None:
    job = make_job(dataset)
    assert '"every 1s"' in signed_in(viewer).get("/d/matches/jobs/", **HTMX).content.decode()
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE)
    assert '"every 10s"' in signed_in(viewer).get("/d/matches/jobs/", **HTMX).content.decode()


def test_it_puts_every_state_under_one_filter(dataset: Dataset) -> None:
    for state in Job.State:
        make_job(dataset, state)
    shown = [
        row.job.state for show in ("open", "finished", "failed") for row in job_list.build(dataset, show=show).rows
    ]
    assert sorted(shown) == sorted(Job.State)
    with pytest.raises(Problem, match="can show"):
        job_list.build(dataset, show="x")


def test_it_shows_the_log_as_text_and_the_reason(dataset: Dataset, viewer: User) -> None:
    job = make_job(dataset, Job.State.FAILED, reason="There is no video in this file.")
    JobLine.objects.create(job=job, text="<b>bold</b> line")
    page = signed_in(viewer).get(f"/d/matches/jobs/{job.pk}/").content.decode()
    assert "&lt;b&gt;bold&lt;/b&gt; line" in page and "There is no video in this file." in page
    assert "every 1s" not in page


def test_it_cancels_a_waiting_job(dataset: Dataset, curator: User) -> None:
    job = make_job(dataset)
    assert signed_in(curator).post(f"/d/matches/jobs/{job.pk}/cancel/").status_code == 302
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_it_says_why_a_finished_job_can_not_be_cancelled(dataset: Dataset, curator: User) -> None:
    job = make_job(dataset, Job.State.DONE)
    page = signed_in(curator).post(f"/d/matches/jobs/{job.pk}/cancel/", follow=True).content.decode()
    assert "already ended" in page


def test_it_retries_with_a_fresh_job(dataset: Dataset, curator: User) -> None:
    job = make_job(dataset, Job.State.FAILED)
    response = signed_in(curator).post(f"/d/matches/jobs/{job.pk}/retry/")
    fresh = Job.objects.open().get()
    assert response["Location"] == f"/d/matches/jobs/{fresh.pk}/" and fresh.pk != job.pk


def test_it_leaves_training_to_admins(dataset: Dataset, curator: User, viewer: User, owner: User) -> None:
    version = make_version(dataset)
    job = make_job(dataset, kind=Job.Kind.RESCORE, video=None, model_version=version)
    url = f"/d/matches/jobs/{job.pk}/cancel/"
    assert [signed_in(who).post(url).status_code for who in (viewer, curator, owner)] == [403, 403, 302]
    assert "job-cancel" not in signed_in(curator).get(f"/d/matches/jobs/{job.pk}/").content.decode()


def test_it_hides_jobs_of_other_data_sets(dataset: Dataset, owner: User) -> None:
    other = make_job(Dataset.objects.create(name="Other", slug="other"))
    client = signed_in(owner)
    assert client.get(f"/d/matches/jobs/{other.pk}/").status_code == 404
    assert client.post(f"/d/matches/jobs/{other.pk}/cancel/").status_code == 404
