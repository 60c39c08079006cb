"""What a run learns from: reference videos and frames judged IN, without those judged OUT, frozen with the run."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from curation import storage, training
from curation.models import Dataset, Frame, Job, Video
from curation.problems import Problem
from tests import seed
from tests.environment import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


def reference(dataset: Dataset, name: str, frames: int = 20) -> Video:
    video = seed.video_with_frames(dataset, frames=frames, name=name)
    Video.objects.filter(pk=video.pk).update(is_reference=True)
    return video


def judge(video: Video, verdict: str, *numbers: int) -> None:
    Frame.objects.filter(video=video, number__in=numbers).update(verdict=verdict)


def rows_of(frozen: training.FrozenSet, video: Video) -> list[int]:
    """Rows in distribution."""
    entries = [entry for entry in frozen.entries if entry["video"] == video.pk and not entry.get("out")]
    return sorted(row for entry in entries for row in entry["rows"])


def test_it_takes_reference_frames_without_those_judged_out(dataset: Dataset) -> None:
    video = reference(dataset, "a.mp4")
    judge(video, "out", 3, 4)
    judge(video, "unsure", 5)
    assert rows_of(training.freeze(dataset), video) == [n for n in range(20) if n not in (3, 4)]


def test_it_takes_of_other_videos_only_what_was_judged_in(dataset: Dataset) -> None:
    reference(dataset, "a.mp4")
    other = seed.video_with_frames(dataset, frames=20, name="b.mp4")
    judge(other, "in", 2, 7)
    judge(other, "out", 8)
    assert rows_of(training.freeze(dataset), other) == [2, 7]


def test_it_holds_out_whole_videos(dataset: Dataset) -> None:
    for name in "abcde":
        reference(dataset, f"{name}.mp4")
    frozen = training.freeze(dataset)
    assert frozen.heldout_videos and not frozen.heldout_videos & set(frozen.frames)
    assert frozen.train_frames + frozen.heldout_frames == 100


def test_it_holds_out_the_end_of_a_single_video(dataset: Dataset) -> None:
    reference(dataset, "a.mp4")
    held = [row for entry in training.freeze(dataset).entries if entry["heldout"] for row in entry["rows"]]
    assert held == [16, 17, 18, 19]


def test_it_freezes_the_set_with_the_run(dataset: Dataset, owner: User) -> None:
    video = reference(dataset, "a.mp4")
    run = training.request_run(dataset=dataset, by=owner)
    judge(video, "out", 0, 1, 2)
    entries = training.read_set(run)
    assert sum(len(entry["rows"]) for entry in entries) == 20
    assert run.jobs.get().kind == Job.Kind.TRAIN


def test_it_refuses_a_set_that_was_tampered_with(dataset: Dataset, owner: User) -> None:
    reference(dataset, "a.mp4")
    run = training.request_run(dataset=dataset, by=owner)
    storage.write(run.set_key, b"other")
    with pytest.raises(Problem, match="not the one"):
        training.read_set(run)


def test_it_says_what_to_do_when_nothing_is_marked(dataset: Dataset, owner: User) -> None:
    seed.video_with_frames(dataset, frames=20)
    with pytest.raises(Problem, match="Mark reference videos, or train on everything"):
        training.request_run(dataset=dataset, by=owner)
    everything = training.preview(dataset, everything=True)
    assert everything.train_frames + everything.heldout_frames == 20
    assert "only while they are rare" in everything.warning


def test_it_runs_one_training_at_a_time(dataset: Dataset, owner: User) -> None:
    reference(dataset, "a.mp4")
    training.request_run(dataset=dataset, by=owner)
    with pytest.raises(Problem, match="under way"):
        training.request_run(dataset=dataset, by=owner)


def test_it_says_so_when_the_store_is_away(dataset: Dataset, owner: User, settings: Settings) -> None:
    reference(dataset, "a.mp4")
    settings.S3_ENDPOINT = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Problem, match="does not answer"):
        training.request_run(dataset=dataset, by=owner)
    assert not dataset.training_runs.exists()


def test_it_warns_when_there_are_few_videos(dataset: Dataset) -> None:
    for name in "abcd":
        reference(dataset, f"{name}.mp4")
    assert "Mark more videos" in training.preview(dataset).warning
    reference(dataset, "e.mp4")
    assert not training.preview(dataset).warning


def test_it_refuses_too_few_frames(dataset: Dataset) -> None:
    reference(dataset, "a.mp4", frames=5)
    assert "too few" in training.preview(dataset).problem


def test_it_starts_from_a_version_with_that_versions_shape(dataset: Dataset, owner: User) -> None:
    reference(dataset, "a.mp4")
    version = seed.version_with_scores(dataset)
    run = training.request_run(dataset=dataset, by=owner, start_from=version)
    assert run.start_from == version
    assert run.config["vae"]["height"] == version.config["height"]
