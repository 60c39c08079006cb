"""`manage.py train` and `score`: the same rules as the pages, for scripts."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from curation.models import Dataset, Job, ModelVersion, ScoredPack, TrainingRun
from tests.curation.review_rows import make_dataset, make_version, make_video, scored_dataset

pytestmark = pytest.mark.django_db


def marked(frames: int = 40) -> Dataset:
    dataset = make_dataset("cup")
    make_video(dataset, frames)
    dataset.videos.update(is_reference=True)
    return dataset


def said(name: str, *args: str, **options: object) -> str:
    out = StringIO()
    call_command(name, *args, stdout=out, stderr=out, **options)
    return out.getvalue()


def ends_as(state: str, monkeypatch: pytest.MonkeyPatch, reason: str = "") -> None:
    """While the command waits, its job ends."""
    monkeypatch.setattr(
        "curation.management.waiting.time.sleep", lambda _: Job.objects.open().update(state=state, reason=reason)
    )


def test_it_queues_a_run_and_tells_its_set(store: str) -> None:
    dataset = marked()
    version = make_version(dataset)
    ModelVersion.objects.update(config={"height": 60, "width": 80, "channels": [8, 16], "latent": 4})
    told = said("train", "cup", epochs=2, seed=5, number=version.number)
    run = TrainingRun.objects.get()
    assert "32 frames of 1 video, 8 held out" in told and "few videos" in told
    assert (run.config["epochs"], run.config["seed"], run.start_from) == (2, 5, version)


def test_it_trains_on_everything_only_when_asked(store: str) -> None:
    dataset = make_dataset("cup")
    make_video(dataset, 20)
    with pytest.raises(CommandError, match="Nothing is marked"):
        said("train", "cup")
    said("train", "cup", everything=True)
    assert TrainingRun.objects.get().is_everything


def test_it_refuses_what_is_not_there() -> None:
    marked()
    with pytest.raises(CommandError, match="no data set 'nope'"):
        said("train", "nope")
    with pytest.raises(CommandError, match="no version 3"):
        said("train", "cup", number=3)
    with pytest.raises(CommandError, match="no preset"):
        said("train", "cup", preset="huge")
    with pytest.raises(CommandError, match="train first"):
        said("score", "cup")
    assert not Job.objects.exists()


def test_it_waits_for_the_end_and_fails_with_the_job(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    marked()
    ends_as(Job.State.FAILED, monkeypatch, "The worker died 3 times at this.")
    with pytest.raises(CommandError, match=r"Train a model: failed\. The worker died 3 times"):
        said("train", "cup", wait=True)


def test_it_scores_only_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, _ = scored_dataset([1.0, 2.0])
    assert "1 pack of" in said("score", dataset.slug)
    job = Job.objects.get()
    assert (job.kind, job.model_version) == (Job.Kind.RESCORE, dataset.active_version)
    ends_as(Job.State.DONE, monkeypatch)
    said("score", dataset.slug, wait=True)
    pack = dataset.videos.get().packs.get()
    ScoredPack.objects.create(pack=pack, model_version=ModelVersion.objects.get())
    assert "has scored every frame" in said("score", dataset.slug)
    assert Job.objects.count() == 1
