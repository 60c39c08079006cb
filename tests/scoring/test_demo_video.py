import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.demo import make_clip, script
from scoring.demo.encode import EncodingFailed, write_video

Pixels = NDArray[np.uint8]
Clip = tuple[Path, script.Video]
KINDS = [("match", 1.5), ("ad", 1.0), ("american_football", 1.0), ("ad_green", 1.0)]


def decode(path: Path) -> list[tuple[float, Pixels]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), frame.to_ndarray(format="rgb24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return path, make_clip(path, KINDS, seed=1)


def test_it_makes_a_clip_with_the_frames_of_its_script(clip: Clip) -> None:
    path, video = clip
    frames = decode(path)
    assert [time for time, _ in frames] == [n / script.FPS for n in range(video.frames)]
    assert {picture.shape for _, picture in frames} == {(360, 640, 3)}


def test_it_cuts_the_picture_where_the_script_cuts(clip: Clip) -> None:
    path, video = clip
    pictures = [picture.astype(int) for _, picture in decode(path)]
    change = [np.abs(after - before).mean() for before, after in pairwise(pictures)]
    cuts = [scene.start_frame for scene in video.scenes[1:]]
    strongest = sorted(int(n) + 1 for n in np.argsort(change)[-len(cuts) :])
    assert strongest == cuts


def test_it_tells_the_truth_of_the_frames_that_are_sampled(clip: Clip) -> None:
    path, video = clip
    sampled, due = [], 0.0
    for time, picture in decode(path):
        if time >= due:
            sampled.append((time, picture))
            due += script.STEP_S
    truth = script.truth(video)
    assert [time for time, _ in sampled] == [frame.time_s for frame in truth]
    green = [float((p[..., 1] > p[..., 0] * 1.15).mean()) for _, p in sampled]
    assert min(g for g, frame in zip(green, truth, strict=True) if frame.kind == "match") > 0.4


def test_it_plays_in_a_browser_from_the_first_bytes(clip: Clip) -> None:
    path, _ = clip
    head = path.read_bytes()
    assert 0 < head.index(b"moov") < head.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        keys = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
    assert keys[0] == 0 and max(np.diff(keys)) <= 2.0


def test_it_gives_the_same_pictures_for_the_same_seed(tmp_path: Path) -> None:
    first, second = tmp_path / "first" / "a.mp4", tmp_path / "second" / "a.mp4"
    for path in (first, second):
        path.parent.mkdir()
        make_clip(path, [("ad", 0.5), ("match", 0.25)], seed=5)
    assert first.read_bytes() == second.read_bytes()


def test_it_makes_every_video_of_a_short_demo(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scoring.demo", "--out", str(tmp_path), "--scale", "0.01", "--truth"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert {entry["file"] for entry in manifest["videos"]} == {path.name for path in tmp_path.glob("*.mp4")}
    for entry in manifest["videos"]:
        assert len(decode(tmp_path / entry["file"])) == entry["frames"] == round(entry["duration_s"] * script.FPS)
    progress = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["video"] for line in progress if line["progress"] == 1.0} == {e["file"] for e in manifest["videos"]}


def test_it_says_in_one_line_that_a_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "scoring.demo", "--out", str(tmp_path / "file" / "demo"), "--scale", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error" in json.loads(done.stderr)


def test_it_leaves_no_file_of_an_interrupted_video(tmp_path: Path) -> None:
    def pictures() -> Iterator[Pixels]:
        yield from (np.full((36, 64, 3), n, np.uint8) for n in range(60))
        raise OSError(28, "No space left on device")

    with pytest.raises(EncodingFailed, match="No space left"):
        write_video(tmp_path / "a.mp4", pictures())
    assert list(tmp_path.iterdir()) == []
