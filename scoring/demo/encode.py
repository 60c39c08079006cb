"""Frames to an H.264 file that plays in a browser: MP4 with its index in front, closed groups of two seconds."""

from collections.abc import Iterable
from pathlib import Path

import av
import av.error
from av.container import OutputContainer
from av.video.stream import VideoStream

from scoring.demo.camera import Pixels
from scoring.demo.script import FPS

ENCODER = "libx264"
# Macroblock trees with a short look ahead make files as small as the next slower preset does, in half the time.
OPTIONS = {
    "preset": "superfast",
    "crf": "30",
    "g": str(2 * FPS),
    "bf": "2",
    "threads": "1",
    "x264-params": "mbtree=1:rc-lookahead=4:subme=0:partitions=none:8x8dct=0",
}
# ITU-R BT.601 in limited range, said in the file so that every player shows the same colours.
BT601, LIMITED_RANGE = 6, 1


class EncodingFailed(Exception):
    """The video could not be written; the message says why."""


def write_video(path: Path, pictures: Iterable[Pixels]) -> int:
    """Encodes (height, width, 3) pictures and returns how many; the file appears under its name only when complete."""
    if ENCODER not in av.codecs_available:
        raise EncodingFailed("This PyAV has no H.264 encoder (libx264), so no demo video can be made.")
    part = path.with_suffix(".part")
    try:
        written = _encode(part, pictures)
        part.replace(path)
    except (OSError, av.error.FFmpegError) as error:
        raise EncodingFailed(f"{path.name} could not be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return written


def _encode(path: Path, pictures: Iterable[Pixels]) -> int:
    count = 0
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: VideoStream | None = None
        for picture in pictures:
            stream = stream or _add_stream(container, picture.shape[1], picture.shape[0])
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = count
            container.mux(stream.encode(frame))
            count += 1
        if stream is None:
            raise EncodingFailed("A video needs at least one picture.")
        container.mux(stream.encode(None))
    return count


def _add_stream(container: OutputContainer, width: int, height: int) -> VideoStream:
    stream = container.add_stream(ENCODER, rate=FPS, options=OPTIONS)
    if not isinstance(stream, VideoStream):
        raise EncodingFailed(f"{ENCODER} does not make a video stream.")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.colorspace, context.color_primaries, context.color_trc = BT601, BT601, BT601
    context.color_range = LIMITED_RANGE
    return stream
