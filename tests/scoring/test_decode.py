"""Decoding real, generated videos: which frames, when, how they look, and what is said of broken files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring import reading
from scoring.decode import DecodedFrame, Decoding, sample_frames
from scoring.frames import Pixels, Summary
from scoring.limits import MediaError, MediaLimits
from scoring.sampling import Sampling
from tests.scoring.videos import cut, make_video, number_of

ALL = Sampling("nth", 1)


@dataclass
class Decoded:
    frames: list[DecodedFrame]
    decoding: Decoding
    summary: Summary

    @property
    def times_s(self) -> list[float]:
        return [round(frame.time_s, 3) for frame in self.frames]

    @property
    def pictures(self) -> list[int]:
        return [number_of(pixels(frame)) for frame in self.frames]


def pixels(frame: DecodedFrame, height: int = 60, width: int = 80) -> Pixels:
    return np.frombuffer(frame.rgb, np.uint8).reshape(height, width, 3)


def thumbnail(frame: DecodedFrame) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(frame.thumbnail)))


def decode(path: Path, sampling: Sampling = ALL, limits: MediaLimits | None = None) -> Decoded:
    decoding = sample_frames(str(path), sampling, limits=limits)
    frames = list(decoding)
    return Decoded(frames, decoding, decoding.summary())


def test_it_gives_the_frames_of_each_second(tmp_path: Path) -> None:
    decoded = decode(make_video(tmp_path / "a.mp4", seconds=3.5), Sampling())
    assert [frame.number for frame in decoded.frames] == [0, 1, 2, 3]
    assert decoded.times_s == [0.0, 1.0, 2.0, 3.0]
    assert decoded.pictures == [0, 10, 20, 30]
    assert decoded.summary == Summary(4, 3.5, ())


def test_it_gives_one_frame_of_a_very_short_video(tmp_path: Path) -> None:
    assert decode(make_video(tmp_path / "a.mp4", seconds=0.1), Sampling("seconds", 60.0)).pictures == [0]


def test_it_gives_every_nth_frame(tmp_path: Path) -> None:
    assert decode(make_video(tmp_path / "a.mp4"), Sampling("nth", 7)).pictures == [0, 7, 14]


def test_it_gives_key_frames_and_the_whole_length(tmp_path: Path) -> None:
    decoded = decode(
        make_video(tmp_path / "a.mp4", seconds=3, gop=8, options={"sc_threshold": "0"}), Sampling("keyframes")
    )
    assert decoded.pictures == [0, 8, 16, 24]
    assert all(frame.keyframe for frame in decoded.frames)
    assert decoded.summary.duration_s == pytest.approx(3.0, abs=0.05)
    assert decoded.summary.warnings == ()


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9"), ("a.webm", "libvpx"), ("a.mp4", "libsvtav1")]
)
def test_it_decodes_nothing_else_for_key_frames(tmp_path: Path, name: str, codec: str) -> None:
    decoded = decode(make_video(tmp_path / name, codec=codec, seconds=3, gop=8), Sampling("keyframes"))
    assert decoded.times_s == [0.0, 0.8, 1.6, 2.4] and all(frame.keyframe for frame in decoded.frames)
    assert decoded.decoding.reader.decoded == 4
    assert decoded.summary.duration_s == pytest.approx(3.0, abs=0.05) and decoded.summary.warnings == ()


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mkv", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.mp4", "libsvtav1", "yuv420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mov", "prores_ks", "yuv422p10le"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.ts", "mpeg2video", "yuv420p"),
        ("a.mkv", "ffv1", "yuv444p"),
    ],
)
def test_it_reads_the_usual_codecs(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    path = make_video(tmp_path / name, codec=codec, pixel_format=pixel_format, fps=25, seconds=2, size=(128, 96))
    decoded = decode(path, Sampling("seconds", 0.4))
    assert decoded.pictures == [0, 10, 20, 30, 40]
    assert decoded.summary.warnings == ()


def test_it_counts_time_from_the_start_of_the_file(tmp_path: Path) -> None:
    # A transport stream begins at 1.4 s by itself.
    decoded = decode(make_video(tmp_path / "a.ts"), Sampling())
    assert decoded.times_s == [0.0, 1.0]


def test_it_gives_one_frame_for_a_gap(tmp_path: Path) -> None:
    times = [0.0, 0.5, 1.0, 600.0, 600.5, 601.0]
    decoded = decode(make_video(tmp_path / "a.mkv", times_s=times), Sampling())
    assert decoded.times_s == [0.0, 1.0, 600.0, 601.0]
    assert decoded.summary.warnings == ()


def test_it_gives_the_second_part_when_time_jumps_back(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", seconds=3)
    path.write_bytes(path.read_bytes() * 2)
    decoded = decode(path, Sampling())
    assert [frame.number for frame in decoded.frames] == [0, 1, 2, 3, 4, 5]
    assert decoded.pictures == [0, 10, 20, 0, 10, 20]
    assert decoded.summary.duration_s == pytest.approx(6.0, abs=0.2)


def corner(picture: Pixels) -> str:
    """Where the white corner is."""
    middle_y, middle_x = picture.shape[0] // 2, picture.shape[1] // 2
    means = {
        "top left": picture[:middle_y, :middle_x].mean(),
        "top right": picture[:middle_y, middle_x:].mean(),
        "bottom left": picture[middle_y:, :middle_x].mean(),
        "bottom right": picture[middle_y:, middle_x:].mean(),
    }
    return max(means, key=lambda name: float(means[name]))


@pytest.mark.parametrize(
    ("rotation", "where", "size"),
    [
        (0, "top left", (64, 48)),
        (90, "top right", (48, 64)),
        (180, "bottom right", (64, 48)),
        (270, "bottom left", (48, 64)),
    ],
)
def test_it_turns_pictures_as_players_do(tmp_path: Path, rotation: int, where: str, size: tuple[int, int]) -> None:
    decoded = decode(make_video(tmp_path / "a.mp4", rotation=rotation, seconds=0.3))
    frame, info = decoded.frames[0], decoded.decoding.info
    assert (info.width, info.height, info.rotation) == (*size, rotation)
    assert corner(pixels(frame)) == where
    assert corner(thumbnail(frame)) == where
    assert thumbnail(frame).shape == (size[1], size[0], 3)


def test_it_honours_the_shape_of_pixels(tmp_path: Path) -> None:
    decoded = decode(make_video(tmp_path / "a.mp4", size=(64, 64), pixel_aspect=Fraction(16, 9), seconds=0.3))
    assert (decoded.decoding.info.width, decoded.decoding.info.height) == (114, 64)
    assert thumbnail(decoded.frames[0]).shape == (64, 114, 3)


def test_it_makes_thumbnails_320_wide_and_enlarges_none(tmp_path: Path) -> None:
    large = decode(make_video(tmp_path / "a.mp4", size=(1280, 720), seconds=0.1))
    assert thumbnail(large.frames[0]).shape == (180, 320, 3)
    small = decode(make_video(tmp_path / "b.mp4", size=(64, 48), seconds=0.1))
    assert thumbnail(small.frames[0]).shape == (48, 64, 3)


def test_it_averages_rather_than_picks_pixels(tmp_path: Path) -> None:
    def checkers(number: int, size: tuple[int, int]) -> Pixels:
        rows, columns = np.indices((size[1], size[0])) // 2
        board = np.where((rows + columns) % 2 == 0, 235, 15).astype(np.uint8)
        return np.repeat(board[:, :, None], 3, axis=2)

    path = make_video(tmp_path / "a.mkv", codec="ffv1", size=(1280, 960), seconds=0.1, picture=checkers)
    found = pixels(decode(path).frames[0])
    assert abs(float(found.mean()) - 125) < 4
    assert float(found.std()) < 10


def test_it_warns_that_a_file_ends_early(tmp_path: Path) -> None:
    path = cut(make_video(tmp_path / "a.mkv", seconds=10, size=(320, 240)), 0.6)
    decoded = decode(path)
    assert 20 < len(decoded.frames) < 90
    (warning,) = [text for text in decoded.summary.warnings if "ends early" in text]
    assert warning == f"The file ends early: {decoded.summary.duration_s:.1f} s of 10.0 s could be read."


def test_it_keeps_the_good_frames_before_and_behind_damage(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=6, gop=10, size=(320, 240))
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat")
    middle = start + (len(data) - start) // 3
    data[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(data)
    decoded = decode(path)
    assert len(decoded.frames) >= 40
    assert decoded.times_s[0] == 0.0
    assert decoded.times_s[-1] == pytest.approx(5.9)


@pytest.mark.parametrize("fraction", [0.7, 0.75, 0.8, 0.9])
def test_it_saves_the_good_frames_before_a_torn_end(
    tmp_path: Path, fraction: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emptying a decoder of several threads ends at the first damaged packet, and good pictures wait behind it."""
    options = {"movflags": "faststart"}
    path = make_video(tmp_path / "a.mp4", seconds=3, size=(160, 120), gop=100, container_options=options)
    found = decode(cut(path, fraction))
    monkeypatch.setattr(reading, "DECODER_THREADS", 1)
    assert found.times_s == decode(path).times_s
    assert 5 <= len(found.times_s) < 30
    assert any("ends early" in warning for warning in found.summary.warnings)


def test_it_says_so_when_nothing_can_be_decoded(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = b"\xff" * (end - begin)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"^No picture of this video could be decoded\.$"):
        decode(path)


def test_it_stops_at_the_limit_of_frames_and_says_so(tmp_path: Path) -> None:
    decoded = decode(make_video(tmp_path / "a.mp4"), ALL, MediaLimits(max_frames=5))
    assert len(decoded.frames) == 5
    assert decoded.summary.warnings == ("Only the first 5 frames were taken: that is the limit.",)
