"""Frames like a frame: the worker keeps an index of what the version scored, and answers who looks."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as configured
from pytest_django import Settings

from curation import selections, similar, storage
from curation.models import Dataset, Frame, ModelVersion, Pack, ScoredPack, TrainingRun, Video
from curation.similar import Among, Similar
from scoring import tasks
from scoring.features import features_to_bytes
from scoring.worker import similar as body
from tests import seed
from tests.conftest import person
from tests.curation.review_rows import make_dataset, make_version

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store", "scratch")]
FRAMES = 12
World = tuple[Dataset, ModelVersion, Video, Video]


@pytest.fixture
def scratch(settings: Settings, tmp_path: Path) -> None:
    settings.SCRATCH_DIR = tmp_path / "scratch"


def scored(dataset: Dataset, version: ModelVersion, name: str, looks: list[float]) -> Video:
    """A video whose frames look like `looks` to the version: activations are a point on a line, and some noise."""
    video = seed.video_with_frames(dataset, frames=len(looks), name=name, with_objects=True)
    pack = video.packs.get()
    noise = np.random.default_rng(len(name)).normal(0, 1e-3, (len(looks), 24))
    line = np.outer(looks, np.linspace(1, 2, 24)) + noise
    data = features_to_bytes(line.astype(np.float16), np.arange(len(looks), dtype=np.int64))
    storage.write(pack.features_key(version), data)
    ScoredPack.objects.create(pack=pack, model_version=version)
    return video


@pytest.fixture
def world() -> World:
    dataset = make_dataset(ana="viewer")
    version = make_version(dataset)
    one = scored(dataset, version, "one.mp4", [float(n) for n in range(FRAMES)])
    two = scored(dataset, version, "two.mp4", [n + 0.1 for n in range(FRAMES)])
    return dataset, version, one, two


def frame(video: Video, number: int) -> Frame:
    return Frame.objects.select_related("video", "pack__video").get(video=video, number=number)


def answered(row: Frame, version: ModelVersion, among: Among = "all") -> Similar:
    tasks.find_similar(row.pk, version.pk, among)
    return similar.similar(row, version, among)


def trained_on(version: ModelVersion, rows: dict[Pack, list[int]], *, held: Pack) -> None:
    """Freezes the set of the version's run: these rows, and a pack that was held out."""
    entries = [
        {"key": pack.inputs_key, "video": pack.video_id, "rows": n, "heldout": False} for pack, n in rows.items()
    ]
    entries.append({"key": held.inputs_key, "video": held.video_id, "rows": [0, 1], "heldout": True})
    entries.append({"key": held.inputs_key, "video": held.video_id, "rows": [2], "heldout": False, "out": True})
    data = gzip.compress(json.dumps({"entries": entries}).encode())
    run = TrainingRun(dataset=version.dataset, version=version, state=TrainingRun.State.DONE, config={})
    run.set_key, run.set_sha256 = run.key("set.json.gz"), hashlib.sha256(data).hexdigest()
    storage.write(run.set_key, data)
    run.save()


def test_it_finds_frames_of_all_videos_that_look_alike(world: World) -> None:
    _, version, one, two = world
    asked = frame(one, 5)
    assert not similar.similar(asked, version, "all").is_ready
    found = answered(asked, version)
    assert found.is_ready
    assert found.near[0][0] == frame(two, 5).pk
    assert len(found.near) == 2 * FRAMES - 1
    assert asked.pk not in dict(found.near)


def test_it_finds_the_nearest_training_frames(world: World) -> None:
    _, version, one, two = world
    trained_on(version, {one.packs.get(): [0, 1, 2, 8, 9]}, held=two.packs.get())
    found = answered(frame(two, 1), version, "training")
    assert (found.trained, found.seen) == (5, False)
    assert [pk for pk, _ in found.near] == [frame(one, 1).pk, frame(one, 8).pk]  # 0, 2 and 9 stand right beside
    assert answered(frame(one, 8), version, "training").seen


def test_it_takes_in_what_was_scored_since_and_forgets_what_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, version, one, two = world
    monkeypatch.setattr(similar, "STANDS_S", -1.0)
    asked = frame(one, 5)
    answered(asked, version)
    three = scored(dataset, version, "three.mp4", [5.0])
    assert not similar.similar(asked, version, "all").is_ready  # of before that was scored
    gone = frame(two, 5).pk
    two.delete()
    found = answered(asked, version)
    assert found.near[0][0] == frame(three, 0).pk
    assert gone not in dict(found.near)


def test_it_reads_a_pack_again_that_was_extracted_anew(world: World) -> None:
    _, version, one, two = world
    answered(frame(one, 5), version)
    pack = two.packs.get()
    Pack.objects.filter(pk=pack.pk).update(revision=3)
    pack.refresh_from_db()
    looks = np.full((FRAMES, 24), 40, np.float16)
    looks[7] = np.linspace(5, 10, 24)
    storage.write(pack.features_key(version), features_to_bytes(looks, np.arange(FRAMES, dtype=np.int64)))
    ScoredPack.objects.filter(pack=pack).delete()
    ScoredPack.objects.create(pack=pack, model_version=version)
    body.run(frame(one, 5).pk, version.pk, "all")
    answer = json.loads(storage.read(similar.key(frame(one, 5), version, "all")))
    assert answer["near"][0][0] == frame(two, 7).pk


def test_it_goes_through_many_frames_a_part_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, version, one, _ = world
    scored(dataset, version, "three.mp4", [3.0, 4.0])
    monkeypatch.setattr(body, "SLICE_S", -1.0)
    shares = []
    for _ in range(3):
        found = answered(frame(one, 5), version)
        shares.append(found.progress)
    assert [round(share or 1, 2) for share in shares] == [0.33, 0.67, 1.0]
    assert found.is_ready
    assert len(found.near) == 2 * FRAMES + 1


def test_it_makes_a_damaged_index_anew(world: World) -> None:
    _, version, one, _ = world
    before = answered(frame(one, 5), version).near
    (configured.SCRATCH_DIR / "similar" / str(version.uuid) / "features").write_bytes(b"")
    storage.delete([similar.key(frame(one, 5), version, "all")])
    assert answered(frame(one, 5), version).near == before


def test_it_keeps_few_indexes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, first, one, _ = world
    monkeypatch.setattr(body, "KEPT", 1)
    answered(frame(one, 5), first)
    second = make_version(dataset)
    scored(dataset, second, "three.mp4", [1.0, 2.0])
    answered(frame(one, 5), second)
    assert [path.name for path in (configured.SCRATCH_DIR / "similar").iterdir() if path.is_dir()] == [str(second.uuid)]


def test_it_says_why_frames_cannot_be_compared(world: World) -> None:
    dataset, version, one, _ = world
    kept = storage.read(one.packs.get().features_key(version))
    storage.delete([one.packs.get().features_key(version)])
    without = answered(frame(one, 5), version)
    storage.write(one.packs.get().features_key(version), kept)
    unscored = seed.video_with_frames(dataset, name="new.mp4")
    assert answered(frame(unscored, 0), version).problem == "Version 1 has not scored this frame yet."
    assert not without.is_ready
    assert without.problem.startswith("Version 1 kept no features")
    assert answered(frame(one, 5), make_version(dataset)).problem == "Version 2 has not scored any frame yet."


def test_it_freezes_the_answer_as_a_list_once_per_person(world: World) -> None:
    dataset, version, one, two = world
    answered(frame(one, 5), version)
    ana, bea = person("ana2"), person("bea2")
    made = similar.as_list(dataset=dataset, user=ana, frame=frame(one, 5), version=version)
    ids = [pk for pk, _ in selections.frames_of(made)]
    assert ids[:2] == [frame(one, 5).pk, frame(two, 5).pk]
    assert similar.as_list(dataset=dataset, user=ana, frame=frame(one, 5), version=version).pk == made.pk
    assert similar.as_list(dataset=dataset, user=bea, frame=frame(one, 5), version=version).pk != made.pk
