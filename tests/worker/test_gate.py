"""The gate on real trainings: what was learned from wrong corrections is refused, from right ones promoted."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User

from curation import audit_reviews, audits, reviews, training
from curation.leases import work
from curation.models import Dataset, Frame, GateDecision, Job, ModelVersion, Review, TrainingRun, Video
from curation.reviews import ReviewRequest
from scoring.frames import Pixels
from scoring.worker import folds
from scoring.worker import score as scoring_body
from scoring.worker import train as training_body
from tests import seed
from tests.scoring.frames_for_tests import turf_frames
from tests.scoring.test_retrain import mown_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
MATCH, LAWN = 12, 8  # frames of a recording


def pictures(number: int) -> Pixels:
    """A recording: a match, then a lawn with faint mown lines, which a fresh model takes for a match."""
    return np.concatenate([turf_frames(MATCH, seed=20 + number), mown_frames(LAWN, seed=40 + number)])


@pytest.fixture
def turf(dataset: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """One reference match and nine recordings."""
    monkeypatch.setattr(folds, "ENOUGH_VIDEOS", 0)  # the gate doesn't wait for the folds, nor need this test
    Dataset.objects.update(input_height=24, input_width=32, flag_by="ood_score")
    dataset.refresh_from_db()
    for number in range(2):
        video = seed.video_with_frames(
            dataset, name=f"ref{number}.mp4", pictures=turf_frames(28, seed=number), with_objects=True
        )
        Video.objects.filter(pk=video.pk).update(is_reference=True)
    for number in range(9):
        seed.video_with_frames(dataset, name=f"{number}.mp4", pictures=pictures(number), with_objects=True)
    return dataset


def carried_out(run: TrainingRun) -> ModelVersion:
    """What the training worker and the scoring worker do, in few steps; the run's version."""
    run.config["outliers"] |= {"steps": 60, "batch_in": 12, "batch_out": 6}
    run.save()
    with work(run.jobs.get().pk) as lease:
        assert lease is not None
        training_body.run(lease, TrainingRun.objects.get(pk=run.pk))
    run.refresh_from_db()
    version = run.version
    assert version is not None, run.note
    with work(version.jobs.get(kind=Job.Kind.RESCORE).pk) as lease:
        assert lease is not None
        scoring_body.run(lease, version)
    version.refresh_from_db()
    assert version.state == ModelVersion.State.READY
    return version


def say(dataset: Dataset, frames: list[Frame], source: str, *, is_wrong: bool = False) -> None:
    """Each frame judged by the truth, or by its opposite."""
    asked = []
    for frame in frames:
        is_out = (frame.number >= MATCH) != is_wrong
        asked.append(
            ReviewRequest(
                frame_id=frame.pk, verdict="out" if is_out else "in", client_uuid=uuid4(), source=source,
                seen_version=frame.review_version, reason="other content" if is_out else "",
            )
        )  # fmt: skip
    outcomes = reviews.record(dataset=dataset, user=User.objects.get(username="carla"), requests=asked)
    assert {outcome.status for outcome in outcomes} == {"applied"}


def test_it_refuses_what_wrong_corrections_taught_and_promotes_what_right_ones_did(turf: Dataset) -> None:
    first = carried_out(training.request_run(dataset=turf, by=None, epochs=2))
    turf.refresh_from_db()
    assert turf.active_version == first and turf.videos.filter(state=Video.State.READY).count() == 11
    sample = audits.draw(dataset=turf, by=None, frames=120, share=0.6, seed=5)
    say(turf, [row.frame for row in sample.frames.select_related("frame")], Review.Source.AUDIT)
    assert audit_reviews.progress(sample).judged == 120
    Dataset.objects.update(promotion=Dataset.Promotion.GATE, gate_confidence=0.9)
    free = Frame.objects.filter(video__dataset=turf, video__is_reference=False).exclude(
        video__in=audits.set_aside(turf)
    )
    for is_wrong in (True, False):
        say(turf, list(free.all()), Review.Source.GALLERY, is_wrong=is_wrong)
        turf.refresh_from_db()
        carried_out(training.request_run(dataset=turf, by=None, retrain=True))
    wrong, right = GateDecision.objects.order_by("id")
    assert (wrong.outcome, right.outcome) == ("refused", "promoted"), (wrong.sentences, right.sentences)
    assert wrong.figures["auroc"]["value"] < 0 < right.figures["auroc"]["low"]
    assert "AUROC is higher" in right.sentences[0] and "AUROC is higher" not in wrong.sentences[0]
    assert right.figures["reason: other content"] == right.figures["auroc"]
    turf.refresh_from_db()
    assert turf.active_version == right.model_version != wrong.model_version
    assert wrong.base == right.base == first
