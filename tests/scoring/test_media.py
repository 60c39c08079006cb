"""The one opener: what it lets in, what it refuses, and in which words."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from scoring import media
from scoring.limits import MediaError, MediaLimits
from scoring.media import open_video
from tests.scoring.videos import cut, grey_picture, make_sound, make_video

LIMITS = MediaLimits()


def refusal(path: Path, limits: MediaLimits = LIMITS) -> str:
    with pytest.raises(MediaError) as caught, open_video(str(path), limits):
        pass
    reason = caught.value.reason
    assert "\n" not in reason
    assert str(path.parent) not in reason
    assert reason.endswith(".")
    return reason


def test_it_tells_what_the_file_declares(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=2, fps=10)
    with open_video(str(path), LIMITS) as opened:
        declared = opened.declared
    assert (declared.codec, declared.fps, declared.frames) == ("h264", 10.0, 20)
    assert declared.duration_s == pytest.approx(2.0, abs=0.11)


def test_it_gives_every_option_that_shuts_a_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}
    real = av.open

    def spy(*args: object, **kwargs: object) -> object:
        seen.update(kwargs, name=args[0])
        return real(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(av, "open", spy)
    path = make_video(tmp_path / "a.mp4")
    with open_video(str(path), LIMITS) as opened:
        # The only place where this limit counts.
        assert opened.stream.codec_context.options["max_pixels"] == "36000000"
    options = seen["container_options"]
    assert isinstance(options, dict)
    assert options["protocol_whitelist"] == "file"
    assert options["max_streams"] == "33"
    assert {"hls", "concat", "sdp", "image2"}.isdisjoint(options["format_whitelist"].split(","))
    assert "h264" in options["codec_whitelist"].split(",")
    assert str(seen["name"]).startswith("file:")
    assert seen["timeout"] is not None


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile other.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "<html><script>alert(1)</script></html>",
        "",
    ],
    ids=["hls", "concat", "sdp", "html", "empty"],
)
def test_it_refuses_what_only_points_at_media(tmp_path: Path, text: str) -> None:
    make_video(tmp_path / "other.mp4")
    path = tmp_path / "a.mp4"
    path.write_text(text)
    assert refusal(path) == media.NOT_A_VIDEO


def test_it_refuses_noise_and_a_file_without_its_index(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(np.random.default_rng(0).bytes(50_000))
    assert refusal(noise) == media.NOT_A_VIDEO
    # An MP4's index comes last.
    assert refusal(cut(make_video(tmp_path / "a.mp4"), 0.5)) == media.NOT_A_VIDEO


def test_it_refuses_a_picture_named_video(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.png", codec="png", container="image2pipe", pixel_format="rgb24", seconds=0.1)
    assert refusal(path.rename(tmp_path / "a.mp4")) == media.NOT_A_VIDEO


def test_it_refuses_sound_alone(tmp_path: Path) -> None:
    assert refusal(make_sound(tmp_path / "a.mp4")) == "The file holds no video stream."


def test_it_takes_cover_art_for_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(grey_picture(0, (64, 48)), format="rgb24")
        output.mux(stream.encode(frame.reformat(format="yuvj420p")))
        output.mux(stream.encode(None))
    assert refusal(path) == "The file holds no video stream."


def test_it_names_size_and_limit_of_a_picture_too_large(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", size=(640, 480))
    reason = refusal(path, MediaLimits(max_pixels=100_000))
    assert reason == "The picture is 640 x 480 (0.307 megapixels); the limit is 0.1 megapixels."
    assert refusal(path, MediaLimits(max_side=500)) == "The picture is 640 x 480; the limit is 500 pixels per side."


def test_it_names_the_limit_of_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("mpeg4", rate=1) for _ in range(4)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for stream in streams:
            output.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
            output.mux(stream.encode(None))
    assert refusal(path, MediaLimits(max_streams=3)) == "The file has 4 streams or more; the limit is 3."


def test_it_refuses_more_hours_than_the_limit(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", times_s=[0.0, 4 * 3600.0])
    assert refusal(path, MediaLimits(max_duration_h=3)).endswith("; the limit is 3 hours.")


def test_it_forgives_a_title_in_a_legacy_encoding(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4")
    data = path.read_bytes()
    # The muxer wrote its own name as the encoder: spoil it in place.
    at = data.index(b"Lavf")
    path.write_bytes(data[:at] + struct.pack("4B", 0xE9, 0xFF, 0xC3, 0x28) + data[at + 4 :])
    with open_video(str(path), LIMITS) as opened:
        assert opened.declared.frames == 20
