"""A run's page: live while it lasts, the record afterwards."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from curation import jobs, storage
from curation.models import Dataset, EpochMetric, Job, JobLine, TrainingRun
from scoring.config import TrainConfig
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_version

pytestmark = pytest.mark.django_db
State = TrainingRun.State


def make_run(state: str = State.TRAINING, epochs: int = 2) -> TrainingRun:
    dataset = make_dataset("cup", olga="admin", vera="viewer")
    config = TrainConfig(epochs=9).as_json()
    run = TrainingRun.objects.create(
        dataset=dataset, config=config, state=state, train_frames=100, heldout_frames=20, epochs_done=epochs,
        best_epoch=epochs or None, set_sha256="ab" * 32, started_at=timezone.now(),
        requested_by=User.objects.get(username="olga"),
    )  # fmt: skip
    for epoch in range(1, epochs + 1):
        EpochMetric.objects.create(
            run=run, epoch=epoch, train_reconstruction_loss=100.0 / epoch, train_kl=3.0, frames_per_second=400.0,
            heldout_reconstruction_loss=110.0 / epoch, heldout_kl=2.5, elapsed_s=5.0 * epoch,
        )  # fmt: skip
    jobs.request(kind=Job.Kind.TRAIN, dataset=dataset, training_run=run)
    return run


def client_of(name: str) -> Client:
    return signed_in(User.objects.get(username=name))


def path_of(run: TrainingRun) -> str:
    return f"/d/cup/runs/{run.pk}/"


def fragment(run: TrainingRun, name: str = "vera") -> str:
    answer = client_of(name).get(path_of(run), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def working(run: TrainingRun) -> Job:
    run.jobs.update(
        state=Job.State.RUNNING, progress=0.25, progress_note="epoch 3 of 9, 412 frames/s",
        started_at=timezone.now() - dt.timedelta(seconds=10), lease_until=timezone.now() + dt.timedelta(hours=1),
    )  # fmt: skip
    return run.jobs.get()


def test_it_shows_a_run_at_work() -> None:
    run = make_run()
    job = working(run)
    JobLine.objects.create(job=job, text="Epoch 2 of 9: held-out loss 55.0")
    page = fragment(run)
    assert "<html" not in page and 'hx-trigger="every 1s"' in page and "hx-morph-skip" in page
    assert "Epoch 3 of 9, 412 frames/s" in page and 'value="0.2500"' in page and re.search(r"0:3\d left", page)
    assert "Epoch 2 of 9: held-out loss 55.0" in page and f"samples/{2}.png" in page
    assert "100 frames of 0 videos" in page and "abababababab" in page


def test_it_stops_asking_when_the_run_has_ended() -> None:
    for state in (State.DONE, State.FAILED, State.CANCELLED):
        run = make_run(state)
        assert "hx-trigger" not in fragment(run)
        Dataset.objects.all().delete()
        User.objects.all().delete()


def test_it_marks_the_steps_on_the_way() -> None:
    run = make_run()
    steps = {"training": "done now next next", "rescoring": "done done now next",
             "done": "done done done done", "failed": "done stopped next next"}  # fmt: skip
    for state, marks in steps.items():
        TrainingRun.objects.update(state=state)
        page = fragment(run)
        assert [part.split('"')[0] for part in page.split('class="step step-')[1:]] == marks.split()


def test_it_says_why_a_run_failed_and_lets_an_admin_try_again() -> None:
    run = make_run(State.FAILED)
    run.jobs.update(state=Job.State.FAILED)
    TrainingRun.objects.update(note="The worker died 3 times at this.")
    assert "The worker died 3 times" in fragment(run) and "Try again" not in fragment(run)
    assert "Try again" in fragment(run, "olga")
    client_of("olga").post(path_of(run), {"action": "retry"})
    run.refresh_from_db()
    assert run.state == State.QUEUED and run.jobs.filter(state=Job.State.QUEUED).count() == 1


def test_it_goes_on_scoring_when_only_that_failed() -> None:
    run = make_run(State.FAILED)
    run.jobs.update(state=Job.State.DONE)
    version = make_version(run.dataset, is_active=False)
    rescoring = jobs.request(kind=Job.Kind.RESCORE, dataset=run.dataset, model_version=version)
    Job.objects.filter(pk=rescoring.pk).update(state=Job.State.FAILED)
    TrainingRun.objects.update(version=version, finished_at=timezone.now())
    client_of("olga").post(path_of(run), {"action": "retry"})
    run.refresh_from_db()
    assert run.state == State.RESCORING
    assert Job.objects.get(state=Job.State.QUEUED).kind == Job.Kind.RESCORE
    rescoring_again = Job.objects.get(state=Job.State.QUEUED)
    JobLine.objects.create(job=rescoring_again, text="Going on.")
    assert "Going on." in fragment(run)


def test_it_does_not_try_again_beside_another_run() -> None:
    run = make_run(State.FAILED)
    run.jobs.update(state=Job.State.FAILED)
    TrainingRun.objects.create(dataset=run.dataset, config=run.config, state=State.TRAINING)
    page = client_of("olga").post(path_of(run), {"action": "retry"}, follow=True)
    assert "Another run is under way" in page.content.decode()
    run.refresh_from_db()
    assert run.state == State.FAILED


def test_it_cancels_a_run_that_waits_at_once_and_one_at_work_at_its_next_check() -> None:
    run = make_run(State.QUEUED)
    client_of("olga").post(path_of(run), {"action": "cancel"})
    run.refresh_from_db()
    assert run.state == State.CANCELLED
    TrainingRun.objects.update(state=State.TRAINING)
    working(run)
    client_of("olga").post(path_of(run), {"action": "cancel"})
    assert run.jobs.get().cancel_requested and "Stopping…" in fragment(run, "olga")


def test_it_lets_only_admins_steer() -> None:
    run = make_run()
    assert client_of("vera").post(path_of(run), {"action": "cancel"}).status_code == 403
    assert not run.jobs.get().cancel_requested


def test_it_leads_to_the_comparison_when_it_is_done() -> None:
    run = make_run(State.DONE)
    make_version(run.dataset)
    candidate = make_version(run.dataset, is_active=False)
    TrainingRun.objects.update(version=candidate, finished_at=timezone.now())
    assert "Compare version 2 with the active one" in fragment(run)
    Dataset.objects.update(active_version=candidate)
    assert "Review frames" in fragment(run)


def test_it_keeps_the_training_log_while_the_version_is_scored() -> None:
    run = make_run(State.RESCORING)
    JobLine.objects.create(job=run.jobs.get(), text="Epoch 9 of 9: held-out loss 50.0")
    version = make_version(run.dataset, is_active=False)
    TrainingRun.objects.update(version=version)
    rescoring = jobs.request(kind=Job.Kind.RESCORE, dataset=run.dataset, model_version=version)
    JobLine.objects.create(job=rescoring, text="Scoring began.")
    page = fragment(run)
    assert "Epoch 9 of 9" in page and "Scoring began." in page


def test_it_gives_the_epochs_as_columns() -> None:
    run = make_run()
    told = client_of("vera").get(f"{path_of(run)}metrics.json").json()
    assert told["epoch"] == [1, 2] and told["heldout_reconstruction_loss"] == [110.0, 55.0]
    assert (told["best_epoch"], told["is_open"]) == (2, True)


def test_it_serves_the_samples_of_an_epoch_to_members_alone(store: str) -> None:
    run = make_run()
    storage.write(run.key("samples-2.png"), b"\x89PNG picture", "image/png")
    answer = client_of("vera").get(f"{path_of(run)}samples/2.png")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"\x89PNG picture", "image/png")
    assert client_of("vera").get(f"{path_of(run)}samples/3.png").status_code == 404
    make_dataset("other", bob="admin")
    for path in ("", "metrics.json", "samples/2.png"):
        assert client_of("bob").get(f"{path_of(run)}{path}").status_code == 404
        assert client_of("bob").get(f"{path_of(run).replace('cup', 'other')}{path}").status_code == 404
