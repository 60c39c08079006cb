"""Django admin: logs and machine-written rows are there to read; Retrain goes through the rule."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse

from curation import models
from curation.models import Job, TrainingRun
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_video, scored_dataset

pytestmark = pytest.mark.django_db

READ_ONLY = [models.Review, models.Activation, models.FrameScore, models.Frame, models.Job, models.ModelVersion]


def changelist(model: type[Model]) -> str:
    return reverse(f"admin:curation_{model._meta.model_name}_changelist")


@pytest.mark.parametrize("model", READ_ONLY)
def test_it_lets_nobody_write_what_is_append_only(model: type[Model], admin: User) -> None:
    scored_dataset([10.0])
    client = signed_in(admin)
    assert client.get(changelist(model)).status_code == 200
    assert client.get(reverse(f"admin:curation_{model._meta.model_name}_add")).status_code == 403
    row = model._default_manager.first()
    if row is not None:
        change = reverse(f"admin:curation_{model._meta.model_name}_change", args=[row.pk])
        assert client.get(change).status_code == 200
        assert client.post(change, {"verdict": "in"}).status_code == 403


@pytest.mark.parametrize("model", list(admin.site._registry))
def test_it_lists_every_table(model: type[Model], admin: User) -> None:
    scored_dataset([10.0])
    app = model._meta.app_label
    assert signed_in(admin).get(reverse(f"admin:{app}_{model._meta.model_name}_changelist")).status_code == 200


def test_it_retrains_the_chosen_datasets(admin: User, store: str) -> None:
    dataset = make_dataset("cup")
    make_video(dataset, 40)
    dataset.videos.update(is_reference=True)
    empty = make_dataset("empty")
    form = {"action": "retrain", "_selected_action": [dataset.pk, empty.pk]}
    page = signed_in(admin).post(changelist(models.Dataset), form, follow=True)
    run = TrainingRun.objects.get()
    assert (run.dataset, run.train_frames, run.heldout_frames) == (dataset, 32, 8)
    assert Job.objects.get().kind == Job.Kind.TRAIN
    words = [str(message) for message in page.context["messages"]]
    assert any("Cup: training is queued" in word and f"/d/cup/runs/{run.pk}/" in word for word in words)
    assert any(word.startswith("Empty: Nothing is marked") for word in words)


def test_it_can_not_delete_a_dataset_whose_videos_are_stored(admin: User) -> None:
    dataset = make_dataset("cup")
    client = signed_in(admin)
    assert client.post(reverse("admin:curation_dataset_delete", args=[dataset.pk]), {"post": "yes"}).status_code == 403


def test_it_needs_no_inline_script(admin: User) -> None:
    page = signed_in(admin).get(changelist(models.Dataset)).content.decode()
    assert "onclick=" not in page
    assert all("src=" in part.split(">")[0] for part in page.split("<script")[1:])
