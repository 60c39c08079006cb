import json
import subprocess
import sys
from itertools import pairwise

import pytest

from scoring.demo import script


def test_it_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert script.demo(3) == script.demo(3)
    assert script.demo(3) != script.demo(4)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.02])
def test_it_partitions_time_without_holes(scale: float) -> None:
    for video in script.demo(0, scale):
        assert video.scenes[0].start_frame == 0
        for before, after in pairwise(video.scenes):
            assert before.end_frame == after.start_frame
        assert all(scene.frames >= script.SHORTEST_SCENE_FRAMES for scene in video.scenes)
        assert video.frames == video.scenes[-1].end_frame
        assert [video.scene_at(n) for n in range(video.frames)] == [s for s in video.scenes for _ in range(s.frames)]


@pytest.mark.parametrize("seed", range(6))
def test_it_shows_only_matches_in_references_and_every_kind_in_recordings(seed: int) -> None:
    videos = script.demo(seed)
    references = [video for video in videos if video.reference]
    recordings = [video for video in videos if not video.reference]
    assert len(references) == script.REFERENCES == 6 and len(recordings) == 2
    assert {scene.kind for video in references for scene in video.scenes} == {"match"}
    for video in recordings:
        assert {scene.kind for scene in video.scenes} == set(script.KINDS)


@pytest.mark.parametrize("seed", range(6))
def test_it_shows_every_shot_of_a_match_in_every_video(seed: int) -> None:
    for video in script.demo(seed):
        assert {scene.shot for scene in video.scenes if scene.kind == "match"} == set(script.MATCH_LENGTHS_S)


def test_it_makes_about_a_third_of_the_recordings_out_of_distribution() -> None:
    frames = [frame for video in script.demo(0) if not video.reference for frame in script.truth(video)]
    share = sum(not frame.in_distribution for frame in frames) / len(frames)
    football = sum(frame.kind == "american_football" for frame in frames) / len(frames)
    assert 0.25 < share < 0.35
    assert 0.08 < football < 0.14


@pytest.mark.parametrize("step", [0.5, 0.3, 1.0, 7.0, 1000.0, 0.01])
def test_it_tells_the_truth_of_the_first_frame_at_or_after_each_step(step: float) -> None:
    video = script.demo(1, 0.1)[-1]
    expected, due = [], 0
    for n in range(video.frames):
        if n / script.FPS >= due * step - 1e-9:
            expected.append(n / script.FPS)
            while due * step - 1e-9 <= n / script.FPS:
                due += 1
    found = script.truth(video, step)
    assert [frame.time_s for frame in found] == expected
    assert [frame.number for frame in found] == list(range(len(expected)))
    for frame in found:
        scene = next(s for s in video.scenes if s.start_s <= frame.time_s < s.end_s)
        assert (frame.kind, frame.in_distribution) == (scene.kind, scene.kind == "match")


def test_it_refuses_what_it_cannot_make_in_words() -> None:
    with pytest.raises(ValueError, match="scale"):
        script.demo(0, 0)
    with pytest.raises(ValueError, match="no kind 'tennis'"):
        script.clip("x", [("tennis", 2.0)])
    with pytest.raises(ValueError, match="shorter than one frame"):
        script.clip("x", [("match", 0.0)])
    with pytest.raises(ValueError, match="step"):
        script.truth(script.clip("x", [("match", 1.0)]), 0)


def test_it_prints_the_truth_without_drawing_anything() -> None:
    command = [sys.executable, "-m", "scoring.demo", "--truth", "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == sum(len(script.truth(video)) for video in script.demo(2))
    assert set(lines[0]) == {"video", "number", "time_s", "kind", "in_distribution"}


def test_it_knows_the_truth_without_loading_a_decoder() -> None:
    code = "import sys; from scoring.demo import script; print([m for m in ('av', 'torch', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
