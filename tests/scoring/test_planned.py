"""Decoding by plan gives the frames of a full decoding: same numbers, times and pixels, on many kinds of file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring import planned as planning
from scoring.bitstream import begins_afresh, is_shown, is_spare
from scoring.decode import Decoding, sample_frames
from scoring.frames import Pixels
from scoring.limits import MediaLimits
from scoring.media import Declared
from scoring.plan import ENTRY, SHOWN, Packets, plan, planned
from scoring.sampling import Sampling
from tests.scoring.videos import make_video

H264 = {"preset": "veryfast", "bf": "3", "b-pyramid": "normal", "sc_threshold": "0"}
VP9 = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime", "cpu-used": "8"}


def textured(number: int, size: tuple[int, int]) -> Pixels:
    """A moving pattern: a picture decoded from wrong references looks different everywhere."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin((x * (c + 2) + y * 3 + number * (7 + c)) / 9.0) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def both(path: Path, sampling: Sampling, **options: object) -> tuple[Decoding, Decoding]:
    """The file decoded by plan and as a whole, after their frames and summaries were found equal."""
    by_plan = sample_frames(str(path), sampling, limits=options.get("limits"))  # type: ignore[arg-type]
    whole = sample_frames(str(path), sampling, limits=options.get("limits"), may_plan=False)  # type: ignore[arg-type]
    assert list(by_plan) == list(whole)
    assert by_plan.summary() == whole.summary() and by_plan.info == whole.info
    assert not whole.was_planned
    return by_plan, whole


CASES = {
    "h264 with B-frames": ("a.mp4", "libx264", H264),
    "h264, open groups": ("a.mkv", "libx264", {**H264, "x264-params": "open-gop=1:bframes=3:scenecut=0"}),
    "h264, intra refresh": ("a.ts", "libx264", {"x264-params": "intra-refresh=1:keyint=15:bframes=0"}),
    "h264, one group": ("a.mp4", "libx264", {**H264, "g": "9999"}),
    "h264 in a transport stream": ("a.ts", "libx264", H264),
    "hevc": ("a.mp4", "libx265", {"x265-params": "log-level=none:bframes=4:scenecut=0:open-gop=0:keyint=12"}),
    "hevc, open groups": (
        "a.mkv",
        "libx265",
        {"x265-params": "log-level=none:bframes=4:scenecut=0:open-gop=1:keyint=12"},
    ),
    "vp8": ("a.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime"}),
    "vp9": ("a.webm", "libvpx-vp9", VP9),
    "av1": ("a.mp4", "libsvtav1", {"preset": "12"}),
    "mpeg4": ("a.avi", "mpeg4", {"bf": "2"}),
    "mpeg2": ("a.ts", "mpeg2video", {"bf": "2"}),
}


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("planned")
    made = {}
    for place, (case, (name, codec, options)) in enumerate(CASES.items()):
        path = folder / f"{place}-{name}"
        rate = 25 if codec.startswith("mpeg") else 20
        made[case] = make_video(
            path, codec=codec, fps=rate, seconds=4, size=(96, 64), gop=15, picture=textured, options=options
        )
    return made


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "sampling", [Sampling("seconds", 0.5), Sampling("seconds", 1.3), Sampling("nth", 7), Sampling("nth", 3)], ids=str
)
def test_it_gives_the_frames_of_a_full_decoding(videos: dict[str, Path], case: str, sampling: Sampling) -> None:
    by_plan, _ = both(videos[case], sampling)
    assert by_plan.was_planned or case == "h264, intra refresh"


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    step=st.floats(0.05, 4.0),
    gop=st.integers(1, 40),
    bframes=st.integers(0, 4),
    start=st.floats(0, 5),
)
def test_it_gives_the_same_at_any_spacing_of_pictures(
    tmp_path: Path, seed: int, step: float, gop: int, bframes: int, start: float
) -> None:
    gaps = np.random.default_rng(seed).choice([0.02, 0.04, 0.04, 0.1, 0.9], size=60)
    path = make_video(
        tmp_path / "a.mkv",
        times_s=(start + np.cumsum(gaps)).tolist(),
        gop=gop,
        size=(48, 32),
        picture=textured,
        options={**H264, "bf": str(bframes)},
    )
    both(path, Sampling("seconds", step))
    path.unlink()


def test_it_decodes_side_by_side_and_as_it_reads(videos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(sample_frames(str(videos["hevc"]), Sampling("nth", 9), may_plan=False))
    for most in (1, 10**9):
        monkeypatch.setattr(planning, "HUGE_BYTES", most)
        decoding = sample_frames(str(videos["hevc"]), Sampling("nth", 9))
        assert list(decoding) == whole and decoding.was_planned


def test_it_leaves_out_what_no_sampled_frame_needs(videos: dict[str, Path]) -> None:
    found = plan(str(videos["h264 with B-frames"]), Sampling("seconds", 1.5), MediaLimits(), lambda: None)
    assert found is not None
    needed = sum(unit.last - unit.first + 1 for unit in found.units)
    assert len(found.time_s) == 3 and needed < found.packets / 2


def test_it_stops_at_the_limit_of_frames(videos: dict[str, Path]) -> None:
    by_plan, _ = both(videos["h264 with B-frames"], Sampling("nth", 5), limits=MediaLimits(max_frames=4))
    assert by_plan.was_planned and by_plan.summary().frames == 4


def test_it_decodes_whole_what_was_joined_from_two_recordings(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", seconds=3, fps=20, picture=textured)
    path.write_bytes(path.read_bytes() * 2)
    by_plan, _ = both(path, Sampling("seconds", 0.7))
    assert not by_plan.was_planned


@pytest.mark.parametrize("fraction", [0.35, 0.6, 0.9])
def test_it_gives_what_a_cut_file_holds(tmp_path: Path, fraction: float) -> None:
    path = make_video(tmp_path / "a.mkv", seconds=4, fps=20, picture=textured, options=H264)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    both(path, Sampling("seconds", 0.5))


def test_it_goes_on_with_a_full_decoding_where_the_decoder_gives_up(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.webm", codec="libvpx-vp9", seconds=6, fps=20, picture=textured, options=VP9, gop=10)
    with av.open(str(path)) as container:
        broken = [bytes(packet) for packet in container.demux(video=0)][70]
    data = path.read_bytes()
    path.write_bytes(data.replace(broken, b"\xff" * len(broken)))
    by_plan, whole = (sample_frames(str(path), Sampling("seconds", 0.5), may_plan=may) for may in (True, False))
    given = list(by_plan)
    assert given == list(whole) and len(given) == 12
    assert not by_plan.was_planned and by_plan.summary() == whole.summary()
    assert by_plan.summary().warnings


def packets(*rows: tuple[int, int]) -> Packets:
    """From (pts in tenths of a second, flags)."""
    found = Packets(Fraction(1, 10))
    for pts, flags in rows:
        found.add(pts, 100, flags)
    return found


DECLARED = Declared("h264", 10.0, 0.0, 2.0, True, None, Fraction(1))
PICTURE, KEY = SHOWN, SHOWN | ENTRY


def test_it_begins_only_where_nothing_reaches_across() -> None:
    # The second key frame is shown after a picture that stands behind it: an open group.
    listed = packets(
        (0, KEY), (2, PICTURE), (1, PICTURE), (5, KEY), (4, PICTURE), (8, KEY), (9, PICTURE), (10, PICTURE)
    )
    found = planned(listed, DECLARED, Sampling("nth", 5), 100)
    assert found is not None
    assert [(unit.first, unit.last, sorted(unit.wanted)) for unit in found.units] == [(0, 0, [0]), (5, 5, [8])]


def test_it_chooses_over_the_whole_file_what_is_sampled() -> None:
    listed = packets(*[(n, KEY if n % 4 == 0 else PICTURE) for n in range(24)])
    found = planned(listed, DECLARED, Sampling("seconds", 0.7), 100)
    assert found is not None and sorted(found.time_s) == [0, 7, 14, 21]
    assert found.duration_s == pytest.approx(2.4)


@pytest.mark.parametrize(
    "rows",
    [
        [(0, KEY), (1, PICTURE), (1, PICTURE), (2, PICTURE), (3, PICTURE), (4, PICTURE)],
        [(n, PICTURE) for n in range(20)],
        [(n % 30, KEY) for n in range(60)],
        [(2 * n % 61, KEY) for n in range(60)],
    ],
    ids=["repeated", "no key frame", "gone back", "gone back between the others"],
)
def test_it_plans_nothing_that_it_can_not_tell(rows: list[tuple[int, int]]) -> None:
    assert planned(packets(*rows), DECLARED, Sampling("nth", 6), 100) is None


def test_it_tells_a_picture_that_stands_alone_from_one_that_is_called_so() -> None:
    idr, recovery = b"\0\0\0\1\x67abc\0\0\1\x65slice", b"\0\0\0\1\x67abc\0\0\1\x41slice"
    assert begins_afresh("h264", None, memoryview(idr)) and not begins_afresh("h264", None, memoryview(recovery))
    prefixed = b"\0\0\0\2\x06m\0\0\0\3\x65sl"
    assert begins_afresh("h264", b"\1\x64\0\x1f\xff", memoryview(prefixed))
    assert begins_afresh("hevc", None, memoryview(b"\0\0\1\x26\1slice"))  # 19: IDR
    assert not begins_afresh("hevc", None, memoryview(b"\0\0\1\x02\1slice"))


def test_it_reads_what_vp9_pictures_are_for(videos: dict[str, Path]) -> None:
    with av.open(str(videos["vp9"])) as container:
        stream = container.streams.video[0]
        data = [memoryview(packet) for packet in container.demux(stream) if packet.size]
    assert all(is_shown("vp9", each) for each in data)
    assert not is_spare("vp9", data[0])
    assert not is_shown("vp8", memoryview(b"\x01")) and is_shown("vp8", memoryview(b"\x11"))
