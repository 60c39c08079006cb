"""What an older installation holds is still there, and means the same, after the tables changed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone


def migrated(name: str) -> Any:
    """The tables as they stood at a migration; the models of that time."""
    executor = MigrationExecutor(connection)
    executor.migrate([("curation", name)])
    return executor.loader.project_state([("curation", name)]).apps


@pytest.mark.django_db(transaction=True)
def test_it_carries_thresholds_and_sides_over() -> None:
    MigrationExecutor(connection).migrate([("curation", None)])
    then = migrated("0001_initial")
    dataset = then.get_model("curation", "Dataset").objects.create(name="Cup", slug="cup")
    version = then.get_model("curation", "ModelVersion").objects.create(
        dataset=dataset, number=1, config={}, weights_key="w", weights_sha256="0", weights_bytes=1, tensors={},
        threshold=50.0, target_tpr=0.95, heldout_quantiles=[1.0, 50.0, 90.0], heldout_frames=9, heldout_videos=2,
    )  # fmt: skip
    video = then.get_model("curation", "Video").objects.create(dataset=dataset, name="a", key="a", size_bytes=1)
    pack = then.get_model("curation", "Pack").objects.create(
        video=video, chunk=0, first_number=0, frame_count=1, thumbs_bytes=1, inputs_bytes=1
    )
    frame = then.get_model("curation", "Frame").objects.create(
        video=video, pack=pack, number=0, time_s=0.0, thumb_offset=0, thumb_bytes=1
    )
    for loss in (70.0, 50.0, None):
        then.get_model("curation", "Review").objects.create(
            dataset=dataset, frame=frame, client_uuid=uuid4(), verdict="out", seen_version=0, model_version=version,
            reconstruction_loss=loss, threshold=50.0,
        )  # fmt: skip
    now = migrated("0002_trusted_scores")
    row = now.get_model("curation", "ModelVersion").objects.get()
    assert row.thresholds["reconstruction_loss"]["value"] == 50.0
    assert row.thresholds["reconstruction_loss"]["quantiles"] == [1.0, 50.0, 90.0]
    assert now.get_model("curation", "Dataset").objects.get().bars == "keep"
    reviews = now.get_model("curation", "Review").objects.order_by("id")
    assert list(reviews.values_list("was_flagged", flat=True)) == [True, False, None]
    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_it_carries_probabilities_over_to_the_fit_that_stands() -> None:
    MigrationExecutor(connection).migrate([("curation", None)])
    then = migrated("0008_second_looks")
    dataset = then.get_model("curation", "Dataset").objects.create(name="Cup", slug="cup")
    version = then.get_model("curation", "ModelVersion").objects.create(
        dataset=dataset, number=1, config={}, weights_key="w", weights_sha256="0", weights_bytes=1, tensors={},
        target_tpr=0.95, heldout_frames=9, heldout_videos=2,
    )  # fmt: skip
    video = then.get_model("curation", "Video").objects.create(dataset=dataset, name="a", key="a", size_bytes=1)
    pack = then.get_model("curation", "Pack").objects.create(
        video=video, chunk=0, first_number=0, frame_count=3, thumbs_bytes=1, inputs_bytes=1
    )
    for number, (value, verdict) in enumerate([(0.25, "in"), (0.75, "out"), (None, "")]):
        frame = then.get_model("curation", "Frame").objects.create(
            video=video, pack=pack, number=number, time_s=0.0, thumb_offset=0, thumb_bytes=1, verdict=verdict
        )
        then.get_model("curation", "FrameScore").objects.create(
            frame=frame, model_version=version, video=video, reconstruction_loss=1.0, kl=1.0, ood_score=1.0,
            probability=value, verdict=verdict,
        )  # fmt: skip
    fits = then.get_model("curation", "Calibration").objects
    at = timezone.now()
    for applied_at in (at, at, None):
        fits.create(model_version=version, in_reviews=20, out_reviews=5, applied_at=applied_at)
    tallies = then.get_model("curation", "Tally").objects
    tallies.create(dataset=dataset, model_version=version, counts={"probability": {"3": [1, 0, 0, 0]}})
    tallies.create(dataset=dataset, counts={"frames": {"0": [1, 1, 1, 0]}})
    now = migrated("0010_no_probability_beside_scores")
    standing = now.get_model("curation", "Calibration").objects.get(stands=True)
    assert standing.applied_at == at and standing.pk == fits.filter(applied_at=at).latest("pk").pk
    rows = now.get_model("curation", "FrameProbability").objects.order_by("frame__number")
    assert list(rows.values_list("calibration", "value", "verdict")) == [
        (standing.pk, 0.25, "in"), (standing.pk, 0.75, "out"),
    ]  # fmt: skip
    kept = now.get_model("curation", "Tally").objects.get()
    assert kept.model_version is None, "those of the version are counted anew, by fit"
    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())
