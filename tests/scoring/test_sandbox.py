"""The parent's side: frames arrive whole, the child always ends, and nothing that it says is believed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from scoring import child, sandbox
from scoring.errors import Stopped
from scoring.frames import SampledFrame, VideoInfo
from scoring.inbox import Inbox
from scoring.limits import MEBIBYTE, MediaError, MediaLimits
from scoring.preprocessing import Preprocessing
from scoring.sampling import Sampling
from scoring.sandbox import Extraction, SandboxError, extract, layers, require_network_isolation
from scoring.wire import write_message
from tests.scoring.videos import make_video, number_of

ROOT = Path(__file__).resolve().parents[2]
ALL = Sampling("nth", 1)

both_ways = pytest.mark.parametrize("with_bwrap", [True, False], ids=["bwrap", "bare"])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "a.mp4", seconds=3)


@pytest.fixture
def long_video(tmp_path: Path) -> Path:
    """More frames than fit into the pipe."""
    return make_video(tmp_path / "long.mp4", seconds=20, fps=30)


def reason_of(extraction: Extraction) -> str:
    with pytest.raises(MediaError) as caught:
        list(extraction)
    return caught.value.reason


def gone(pid: int, within_s: float = 5.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@both_ways
def test_it_hands_on_every_frame(video: Path, with_bwrap: bool) -> None:
    seen: list[VideoInfo] = []
    progress: list[float] = []
    extraction = Extraction(
        video, sampling=ALL, on_info=seen.append, on_progress=progress.append, with_bwrap=with_bwrap
    )
    frames = list(extraction)
    assert [frame.number for frame in frames] == list(range(30))
    assert [number_of(frame.pixels) for frame in frames] == list(range(30))
    assert frames[7].time_s == pytest.approx(0.7)
    assert frames[0].pixels.shape == (60, 80, 3)
    assert Image.open(io.BytesIO(frames[0].thumbnail)).size == (64, 48)
    assert extraction.summary is not None
    assert (extraction.summary.frames, extraction.summary.warnings) == (30, ())
    assert seen == [extraction.info]
    assert (seen[0].width, seen[0].height, seen[0].codec, seen[0].fps) == (64, 48, "h264", 10.0)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


def test_it_gives_the_size_that_the_model_wants(video: Path) -> None:
    (frame, *_) = extract(video, sampling=Sampling(), preprocessing=Preprocessing(24, 32))
    assert frame.pixels.shape == (24, 32, 3)
    with pytest.raises(ValueError, match="between 1 and"):
        extract(video, sampling=Sampling(), preprocessing=Preprocessing(0, 32))


@both_ways
def test_it_hands_on_the_reason_of_a_refusal(tmp_path: Path, with_bwrap: bool) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no video at all")
    extraction = Extraction(path, sampling=ALL, with_bwrap=with_bwrap)
    assert reason_of(extraction) == "Not a video file that Framesift can read."
    assert reason_of(Extraction(tmp_path / "none.mp4", sampling=ALL)) == "There is no such file."
    assert reason_of(Extraction(tmp_path, sampling=ALL)) == "There is no such file."


@both_ways
def test_it_lets_no_part_of_the_name_reach_the_decoder(video: Path, with_bwrap: bool) -> None:
    odd = video.rename(video.parent / "-i http:x|concat:é $(id) 'secretname'\n%d.mp4")
    extraction = Extraction(odd, sampling=ALL, with_bwrap=with_bwrap)
    frames = iter(extraction)
    next(frames)
    assert extraction.pid is not None
    words = Path(f"/proc/{extraction.pid}/cmdline").read_bytes()
    assert with_bwrap or b"secretname" not in words
    assert len(list(frames)) == 29


@both_ways
def test_it_passes_no_secret_on(video: Path, monkeypatch: pytest.MonkeyPatch, with_bwrap: bool) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    extraction = Extraction(video, sampling=ALL, with_bwrap=with_bwrap)
    frames = iter(extraction)
    next(frames)
    try:
        environment = Path(f"/proc/{extraction.pid}/environ").read_bytes()
    except PermissionError:
        return  # Hidden from its own user, even.
    assert b"PYTHONPATH=" in environment
    assert b"hunter2" not in environment


@both_ways
def test_it_ends_the_child_when_it_is_left_early(long_video: Path, with_bwrap: bool) -> None:
    extraction = Extraction(long_video, sampling=ALL, with_bwrap=with_bwrap)
    frames = iter(extraction)
    next(frames)
    assert extraction.pid is not None
    frames.close()  # type: ignore[attr-defined]
    assert gone(extraction.pid)


def test_it_stops_when_asked_to(long_video: Path) -> None:
    taken: list[SampledFrame] = []
    extraction = extract(long_video, sampling=ALL, should_stop=lambda: len(taken) >= 5)
    with pytest.raises(Stopped):
        for frame in extraction:
            taken.append(frame)
    assert len(taken) == 5
    assert extraction.pid is not None
    assert gone(extraction.pid)


STARTS_AND_WAITS = """
import os, signal, sys, time
from pathlib import Path
from scoring.sampling import Sampling
from scoring.sandbox import Extraction
extraction = Extraction(Path(sys.argv[1]), sampling=Sampling("nth", 1), with_bwrap=sys.argv[2] == "True")
frames = iter(extraction)
next(frames)
# Stopped, it can't notice by itself that nobody listens.
os.killpg(extraction.pid, signal.SIGSTOP)
print(extraction.pid, flush=True)
time.sleep(60)
"""


@both_ways
def test_it_takes_the_child_along_when_it_is_killed(long_video: Path, with_bwrap: bool) -> None:
    words = [sys.executable, "-c", STARTS_AND_WAITS, str(long_video), str(with_bwrap)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        family = _descendants(pid)
        parent.kill()
    assert all(gone(member) for member in (pid, *family))


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = (task / "children").read_text().split() if (task / "children").exists() else []
        for member in map(int, children):
            found += [member, *_descendants(member)]
    return found


def test_it_ends_a_decoder_that_hangs(long_video: Path) -> None:
    extraction = Extraction(long_video, sampling=ALL, limits=MediaLimits(stall_s=1.5), with_bwrap=False)
    with pytest.raises(MediaError, match=r"no progress for 1.5 s"):
        for frame in extraction:
            if frame.number == 0:
                assert extraction.pid is not None
                os.kill(extraction.pid, signal.SIGSTOP)
    assert gone(extraction.pid or 0)


def test_it_ends_a_decoder_that_takes_too_long(long_video: Path) -> None:
    limits = MediaLimits(wall_base_s=0.0, wall_per_1000_s=0.0)
    reason = reason_of(Extraction(long_video, sampling=ALL, limits=limits, with_bwrap=False))
    assert "took more than 0 s" in reason


def test_it_charges_the_decoder_for_its_own_time_only() -> None:
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as ours, os.fdopen(writable, "wb") as theirs:
        inbox = Inbox(ours.fileno(), MediaLimits(stall_s=0.3, wall_base_s=0.3, wall_per_1000_s=0.0), lambda: False)
        for number in range(3):
            write_message(theirs, "progress", {"number": number})
            time.sleep(0.2)
            assert inbox.next().body == {"number": number}
        with pytest.raises(MediaError):
            inbox.next()


def test_it_survives_a_decoder_that_crashes(long_video: Path) -> None:
    extraction = Extraction(long_video, sampling=ALL, with_bwrap=False)
    with pytest.raises(MediaError, match=r"^The decoder crashed on this file\.$"):
        for frame in extraction:
            if frame.number == 0:
                assert extraction.pid is not None
                os.kill(extraction.pid, signal.SIGSEGV)


def test_it_bounds_the_decoders_memory(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", size=(4000, 4000), times_s=[0.0, 0.1], options={"preset": "ultrafast"})
    limits = MediaLimits(memory_bytes=170 * MEBIBYTE)
    assert reason_of(Extraction(path, sampling=ALL, limits=limits)) == "The decoder ran out of memory on this file."


def test_it_leaves_nothing_behind(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        assert len(list(extract(video, sampling=ALL))) == 30
    assert list(scratch.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == open_before


HOSTILE = """
import sys
from scoring.wire import write_message
out = sys.stdout.buffer
def say(kind, body, *blobs): write_message(out, kind, body, blobs)
info = dict(width=1, height=1, codec="x", fps=None, declared_duration_s=None, declared_frames=None, rotation=0)
info["bars"] = dict(left=0, top=0, right=0, bottom=0)
frame = dict(time_s=0.0, keyframe=True, decoded=1, duration_s=0.0)
jpeg, rgb = b"\\xff\\xd8\\xff", bytes(60 * 80 * 3)
"""
GREETING = "say('hello', {'layers': ['rlimits', 'seccomp']});"

GOOD_ENDING = """
say('info', info); say('frame', frame, jpeg, rgb)
say('summary', {'duration_s': 1.0, 'warnings': []})
"""


def hostile(monkeypatch: pytest.MonkeyPatch, video: Path, program: str, greeting: str = GREETING) -> Extraction:
    """An extraction whose decoder was taken over, and says what `program` says."""
    monkeypatch.setattr(child, "_python", lambda *args, **kwargs: [sys.executable, "-c", HOSTILE + greeting + program])
    return Extraction(video, sampling=ALL, limits=MediaLimits(max_frames=3), with_bwrap=False)


@pytest.mark.parametrize(
    "program",
    [
        "out.write(b'\\xff' * 100)",
        "out.write(b'\\x00\\x00\\x00\\x04' + b'nope')",
        "out.write(b'\\x00\\x00\\x00\\x02[]')",
        "say('frame', frame, jpeg, rgb)",
        "say('info', info); say('frame', frame, b'<html>', rgb)",
        "say('info', info); say('frame', frame, jpeg, rgb[1:])",
        "say('info', info); say('frame', frame, jpeg)",
        "say('info', info); say('frame', {**frame, 'time_s': float('nan')}, jpeg, rgb)",
        "say('info', info); say('frame', {**frame, 'time_s': 'soon'}, jpeg, rgb)",
        "say('info', info); [say('frame', frame, jpeg, rgb) for _ in range(4)]",
        "say('info', {**info, 'width': [1]})",
        "say('info', {**info, 'bars': {'left': 1}})",
        "say('info', {**info, 'bars': {**info['bars'], 'top': -1}})",
        "say('summary', {'frames': 9, 'duration_s': 1.0, 'warnings': []})",
        "say('info', info); say('frame', frame, jpeg, rgb); say('summary', {'duration_s': 1.0, 'warnings': 7})",
        "say('surprise', {})",
        "say('progress', {'decoded': 10**400, 'duration_s': 1.0})",
        "say('progress', {})",
    ],
)
def test_it_believes_nothing(video: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    assert reason_of(hostile(monkeypatch, video, program + GOOD_ENDING)) == "The decoder crashed on this file."


@pytest.mark.parametrize(
    "program", ["pass", "import os; os.abort()", "say('info', info); say('frame', frame, jpeg, rgb)"]
)
def test_it_takes_an_end_without_summary_for_a_crash(
    video: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    assert reason_of(hostile(monkeypatch, video, program)) == "The decoder crashed on this file."


def test_it_would_believe_the_good_ending(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(list(hostile(monkeypatch, video, GOOD_ENDING))) == 1


def test_it_shows_reasons_as_one_plain_line(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "say('error', {'reason': 'Bad\\n\\x1b[31m\\x00 file.' + 'x' * 9999})"
    reason = reason_of(hostile(monkeypatch, video, program))
    assert reason.isprintable()
    assert reason.startswith("Bad")
    assert len(reason) <= 300


def test_it_names_its_layers() -> None:
    found = layers()
    assert "rlimits" in found
    if sys.platform == "linux":
        assert "seccomp" in found
    require_network_isolation()


def test_it_refuses_to_decode_where_the_network_stays_open(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_UNSANDBOXED", raising=False)
    monkeypatch.setattr(sandbox, "layers", lambda: ["rlimits"])
    with pytest.raises(SandboxError, match="Install bubblewrap, or set ALLOW_UNSANDBOXED=1"):
        list(extract(video, sampling=ALL))
    monkeypatch.setenv("ALLOW_UNSANDBOXED", "1")
    assert len(list(extract(video, sampling=ALL))) == 30


def test_it_refuses_a_child_that_could_not_cut_itself_off(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_UNSANDBOXED", raising=False)
    monkeypatch.setattr(sandbox, "layers", lambda: ["rlimits", "seccomp"])
    with pytest.raises(SandboxError, match="could not cut itself off"):
        list(hostile(monkeypatch, video, "pass", greeting="say('hello', {'layers': ['rlimits']});"))
