"""A rescoring reads packs ahead, and nobody sees the new version before every frame has its score."""

from __future__ import annotations

from typing import Any

import pytest

from curation import gallery
from curation.models import Dataset, FrameScore, ModelVersion
from scoring.worker import score
from tests.scoring.frames_for_tests import turf_frames
from tests.worker.test_calibrate import blue_frames, scored, version_of, video_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def next_version(version: ModelVersion) -> ModelVersion:
    """Another version with the same weights, to be shown as soon as all is scored."""
    fields = {field.attname: getattr(version, field.attname) for field in ModelVersion._meta.concrete_fields}
    del fields["id"], fields["uuid"]
    fields |= {"number": 2, "state": ModelVersion.State.RESCORING, "activate_when_ready": True}
    return ModelVersion.objects.create(**fields)


def test_it_shows_a_new_version_all_at_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    video_of(dataset, turf_frames(40, seed=3), "turf.mp4")
    video_of(dataset, blue_frames(40), "blue.mp4")
    old = version_of(dataset)
    scored(old)
    new = next_version(old)
    shown, store_pack = [], score.store_pack

    def watched(*args: Any) -> None:
        store_pack(*args)
        now = Dataset.objects.get(pk=dataset.pk)
        shown.append((now.active_version_id, gallery.counts(now).scored))

    monkeypatch.setattr(score, "store_pack", watched)
    scored(new)
    assert shown == [(old.pk, 80)] * 4
    dataset.refresh_from_db()
    assert dataset.active_version_id == new.pk and gallery.counts(dataset).scored == 80


@pytest.mark.parametrize(("at_once", "ahead"), [(1, 1), (2, 3), (64, 2)])
def test_it_scores_each_pack_once_however_far_it_reads_ahead(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, at_once: int, ahead: int
) -> None:
    frames = turf_frames(40, seed=3)
    videos = [video_of(dataset, frames[: 33 + number], f"{number}.mp4") for number in range(3)]
    monkeypatch.setattr(score, "PACKS_AT_ONCE", at_once)
    monkeypatch.setattr(score, "FETCHED_AHEAD", ahead)
    version = version_of(dataset)
    scored(version)
    for number, video in enumerate(videos):
        losses = FrameScore.objects.filter(video=video).order_by("frame__number").values_list("reconstruction_loss")
        assert len(losses) == 33 + number
        assert list(losses[:33]) == list(
            FrameScore.objects.filter(video=videos[0]).order_by("frame__number").values_list("reconstruction_loss")[:33]
        )
