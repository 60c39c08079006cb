"""Videos to measure with: drawn once, then kept in a folder. A short piece is encoded and joined to itself, without
encoding it again, until it is long enough."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

PIECE_S = 20
FOLDER = Path(tempfile.gettempdir()) / "framesift-bench-clips"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """noise: standard deviation of the grain, in grey levels. A shot lasts five seconds and pans over a texture."""

    name: str
    codec: str
    size: tuple[int, int]
    fps: int = 30
    noise: float = 0.0
    options: dict[str, str] = field(default_factory=dict)


X264 = {"preset": "veryfast", "crf": "23", "g": "250"}
LONG = "h264-360p.mp4"  # of hours, where only the length counts
CLIPS = {
    clip.name: clip
    for clip in (
        Clip("h264-720p.mp4", "libx264", (1280, 720), options=X264),
        Clip("h264-720p-noisy.mp4", "libx264", (1280, 720), noise=6.0, options=X264),
        Clip("h264-360p.mp4", "libx264", (640, 360), options=X264),
        Clip("h264-1080p.mp4", "libx264", (1920, 1080), options=X264),
        Clip("hevc-720p.mp4", "libx265", (1280, 720), options={"preset": "ultrafast", "x265-params": "log-level=none"}),
        Clip("vp9-720p.webm", "libvpx-vp9", (1280, 720), options={"deadline": "realtime", "cpu-used": "8", "b": "2M"}),
    )
}


def made(name: str, seconds: int, folder: Path = FOLDER) -> Path:
    """The clip of this name, at least so many seconds long; drawn when it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seconds}s-{name}"
    if not path.exists():
        clip = CLIPS[name]
        piece = folder / f"piece-{name}"
        if not piece.exists():
            _encode(clip, piece.with_stem(f"{piece.stem}-part"))
            piece.with_stem(f"{piece.stem}-part").rename(piece)
        join([piece] * -(-seconds // PIECE_S), path)
    return path


def join(pieces: list[Path], path: Path) -> None:
    """One file of several recordings of one codec, size and rate, packet by packet."""
    part = path.with_stem(f"{path.stem}-part")
    with av.open(str(part), "w") as output:
        stream, ends = None, (0, 0)
        for piece in pieces:
            with av.open(str(piece)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                ends = _append(output, stream, source, ends)
    part.rename(path)


def _append(
    output: OutputContainer, stream: VideoStream, source: InputContainer, ends: tuple[int, int]
) -> tuple[int, int]:
    """Where the recordings so far end, in decoding and in presentation time, before and after."""
    shift = None
    for packet in source.demux(source.streams.video[0]):
        if packet.dts is None or packet.pts is None:
            continue
        if shift is None:  # the first picture is the first one shown
            shift = max(ends[0] - packet.dts, ends[1] - packet.pts)
        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
        lasts = packet.duration or 1
        ends = max(ends[0], packet.dts + lasts), max(ends[1], packet.pts + lasts)
        output.mux(packet)
    return ends


def looped(source: Path, seconds: int, folder: Path = FOLDER) -> Path:
    """The recording after itself until it is so many seconds long; itself when it is long enough."""
    with av.open(str(source)) as container:
        length_s = (container.duration or 0) / av.time_base
    if length_s >= seconds or length_s <= 0:
        return source
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seconds}s-{source.parent.name}-{source.name}"
    if not path.exists():
        join([source] * math.ceil(seconds / length_s), path)
    return path


def _encode(clip: Clip, path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(clip.codec, rate=clip.fps, options=clip.options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = clip.size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, clip.fps)
        for number, pixels in enumerate(_pictures(clip)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _pictures(clip: Clip) -> Iterator[Pixels]:
    """A camera that pans over a large smooth texture; another one after every five seconds."""
    rng = np.random.default_rng(0)
    width, height = clip.size
    for shot in range(PIECE_S // 5):
        coarse = rng.integers(0, 256, (height // 40 + 8, width // 40 + 8, 3), dtype=np.uint8)
        texture = np.kron(coarse, np.ones((40, 40, 1), np.uint8))
        for number in range(5 * clip.fps):
            x, y = 1 + number * (shot + 1) % 200, 1 + number % 120
            picture = texture[y : y + height, x : x + width].astype(np.int16)
            if clip.noise:
                picture = picture + (clip.noise * rng.standard_normal((height, width, 1))).astype(np.int16)
            yield np.clip(picture, 0, 255).astype(np.uint8)
