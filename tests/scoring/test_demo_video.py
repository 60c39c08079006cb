import json
import subprocess
import sys

import av
import numpy as np
import pytest

from scoring.demo import make_clip, script
from scoring.demo.encode import EncodingFailed, write_video

KINDS = [("match", 1.5), ("ad", 1.0), ("american_football", 1.0), ("ad_green", 1.0)]


def decode(path):
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return path, make_clip(path, KINDS, seed=1)


def test_a_clip_decodes_to_the_frames_of_its_script(clip):
    path, video = clip
    frames = decode(path)
    assert [time for time, _ in frames] == [n / script.FPS for n in range(video.frames)]
    assert {picture.shape for _, picture in frames} == {(360, 640, 3)}


def test_the_picture_changes_where_the_script_cuts(clip):
    path, video = clip
    pictures = [picture.astype(int) for _, picture in decode(path)]
    change = [np.abs(after - before).mean() for before, after in zip(pictures, pictures[1:], strict=False)]
    cuts = [scene.start_frame for scene in video.scenes[1:]]
    strongest = sorted(int(n) + 1 for n in np.argsort(change)[-len(cuts) :])
    assert strongest == cuts


def test_truth_matches_the_frames_sampled_by_the_product(clip):
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


def test_a_browser_can_play_it_from_the_first_bytes(clip):
    path, _ = clip
    head = path.read_bytes()
    assert 0 < head.index(b"moov") < head.index(b"mdat")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        keys = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
    assert keys[0] == 0 and max(np.diff(keys)) <= 2.0


def test_the_same_seed_gives_the_same_pictures(tmp_path):
    first, second = tmp_path / "first" / "a.mp4", tmp_path / "second" / "a.mp4"
    for path in (first, second):
        path.parent.mkdir()
        make_clip(path, [("match", 0.5), ("ad", 0.5)], seed=5)
    assert first.read_bytes() == second.read_bytes()


def test_the_command_makes_every_video_of_a_short_demo(tmp_path):
    command = [sys.executable, "-m", "scoring.demo", "--out", str(tmp_path), "--scale", "0.01", "--truth"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert {entry["file"] for entry in manifest["videos"]} == {path.name for path in tmp_path.glob("*.mp4")}
    for entry in manifest["videos"]:
        assert len(decode(tmp_path / entry["file"])) == entry["frames"] == round(entry["duration_s"] * script.FPS)
    progress = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["video"] for line in progress if line["progress"] == 1.0} == {e["file"] for e in manifest["videos"]}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "scoring.demo", "--out", str(tmp_path / "file" / "demo"), "--scale", "0.01"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error" in json.loads(done.stderr)


def test_an_interrupted_video_leaves_no_file(tmp_path):
    def pictures():
        yield np.zeros((36, 64, 3), np.uint8)
        raise OSError(28, "No space left on device")

    with pytest.raises(EncodingFailed, match="No space left"):
        write_video(tmp_path / "a.mp4", pictures())
    assert list(tmp_path.iterdir()) == []
