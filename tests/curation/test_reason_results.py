"""Per reason, what a run gained and what it lost, on the run's page and the version's."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from curation import reason_results
from curation.models import Dataset, Job, ModelVersion, TrainingRun
from tests.conftest import signed_in
from tests.curation.review_rows import make_dataset, make_version

pytestmark = pytest.mark.django_db


def figure(before: float, after: float, low: float, high: float) -> dict[str, object]:
    return {
        "before": [before, before - 0.05, before + 0.05],
        "after": [after, after - 0.05, min(1.0, after + 0.05)],
        "gained": [after - before, low, high],
        "few": False,
    }


def row(reason: str | None, auroc: dict[str, object], *, seen: bool = False) -> dict[str, object]:
    both = {"auroc": auroc, "fpr_at_tpr": figure(0.5, 0.2, -0.4, -0.1)}
    scores = {"reconstruction_loss": both, "ood_score": both}
    return {"reason": reason, "frames": 12, "videos": 2, "seen": seen, "scores": scores}


@pytest.fixture
def run() -> TrainingRun:
    dataset = make_dataset("cup", olga="admin", vera="viewer")
    make_version(dataset)
    version = make_version(dataset, is_active=False)
    version.parent = dataset.active_version
    version.metrics = {
        "reasons": [
            row("advertisement", figure(0.80, 0.95, 0.05, 0.25)),
            row("American football", figure(0.90, 0.70, -0.30, -0.10)),
            row("", figure(0.80, 0.81, -0.05, 0.06)),
            row(None, figure(0.85, 0.86, -0.05, 0.06)),
        ]
    }
    version.save()
    return TrainingRun.objects.create(
        dataset=dataset, config={}, state=TrainingRun.State.DONE, version=version, finished_at=timezone.now()
    )


def test_it_says_losses_first_and_as_plainly_as_gains(run: TrainingRun) -> None:
    assert run.version is not None
    first, second = reason_results.tables(run.version, run.dataset)
    assert (first.label, second.label) == ("reconstruction loss", "outlier score")
    assert first.sentence == (
        "Worse on American football. Better on advertisement. No clear change on frames without a reason."
    )
    assert [each.auroc.change for each in first.rows] == ["better", "worse", "", ""]
    assert {each.fpr95.change for each in first.rows} == {"better"}
    Dataset.objects.update(flag_by="ood_score")
    assert reason_results.tables(run.version, Dataset.objects.get())[0].label == "outlier score"


def test_it_shows_them_on_the_run_and_on_the_version(run: TrainingRun) -> None:
    client = signed_in(User.objects.get(username="vera"))
    for path in (f"/d/cup/runs/{run.pk}/", "/d/cup/models/2/"):
        page = " ".join(client.get(path).content.decode().split())
        assert "Worse on American football. Better on advertisement." in page
        assert "0.90 →</span> <b>0.70</b>" in page and "✗ worse" in page and "0.65 to 0.75" in page
        assert "trained on</span>" not in page and "all OUT frames" in page
    ModelVersion.objects.update(metrics={})
    assert "How it tells each kind apart" not in client.get("/d/cup/models/2/").content.decode()


def test_it_marks_what_was_trained_on_and_gives_no_total_of_unlike_things(run: TrainingRun) -> None:
    assert run.version is not None
    run.version.metrics["reasons"][1]["seen"] = True
    run.version.save()
    page = signed_in(User.objects.get(username="vera")).get("/d/cup/models/2/").content.decode()
    assert page.count(">trained on</span>") == 2  # once in each table
    assert "all OUT frames" not in page


def test_it_shows_the_folds_while_the_run_is_done_otherwise(run: TrainingRun) -> None:
    client = signed_in(User.objects.get(username="vera"))
    path = f"/d/cup/runs/{run.pk}/"
    assert "hx-trigger" not in client.get(path, headers={"HX-Request": "true"}).content.decode()
    Job.objects.create(
        kind=Job.Kind.TRAIN, key="train:1", dataset=run.dataset, training_run=run, state=Job.State.RUNNING,
        progress=0.5, progress_note="measuring the threshold: fold 2 of 3",
    )  # fmt: skip
    page = client.get(path, headers={"HX-Request": "true"}).content.decode()
    assert "Measuring the threshold: fold 2 of 3" in page and 'hx-trigger="every 1s"' in page
