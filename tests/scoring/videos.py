"""Generated videos for tests: every picture is one flat grey that tells its number, with a white corner at top left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from scoring.frames import Pixels

GREY_STEP = 3
DARKEST = 30
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
PER_SECOND = Fraction(1, 1000)
AVCOL = {Colorspace.ITU709: 1, Colorspace.ITU601: 6, Colorspace.BT2020: 9}


@dataclass(frozen=True)
class Colours:
    """How RGB is stored as YUV, and whether the file says so."""

    matrix: Colorspace
    range: ColorRange = ColorRange.MPEG
    tagged: bool = True


def grey_of(number: int) -> int:
    """The grey level of picture `number`; repeats after 60."""
    return DARKEST + GREY_STEP * (number % 60)


def number_of(pixels: Pixels) -> int:
    """The picture's number (modulo 60), read back from its lower right quarter."""
    height, width = pixels.shape[:2]
    level = float(pixels[height // 2 :, width // 2 :].mean())
    return round((level - DARKEST) / GREY_STEP)


def grey_picture(number: int, size: tuple[int, int]) -> Pixels:
    """uint8 (H, W, 3); size is (width, height)."""
    width, height = size
    picture = np.full((height, width, 3), grey_of(number), np.uint8)
    picture[: max(1, height // 4), : max(1, width // 4)] = 255
    return picture


def make_video(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: int = 10,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    container: str | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    colours: Colours | None = None,
    pixel_aspect: Fraction | None = None,
    times_s: Sequence[float] | None = None,
    gop: int = 10,
    pixel_format: str = "yuv420p",
    picture: Callable[[int, tuple[int, int]], Pixels] = grey_picture,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes a video and returns its path.

    rotation: degrees clockwise at which it's to be shown; mirrored: after left and right changed places. times_s:
    presentation time of each picture, instead of `seconds` at `fps`. container: as the ending of `path` says, if None.
    """
    times_ms = (
        [round(1000 * t) for t in times_s] if times_s else [round(1000 * n / fps) for n in range(int(seconds * fps))]
    )
    with av.open(str(path), "w", format=container, options=container_options or {}) as output:
        stream = output.add_stream(codec, rate=fps, options={"g": str(gop), **(options or {})})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = PER_SECOND if codec.startswith("lib") else Fraction(1, fps)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation or mirrored:
            # PyAV mirrors after the turn; upside down then is left and right before, for a quarter turn.
            stream.set_display_rotation(
                -rotation, hflip=mirrored and rotation % 180 == 0, vflip=mirrored and rotation % 180 == 90
            )
        if colours is not None and colours.tagged:
            stream.codec_context.colorspace = AVCOL[colours.matrix]
            stream.codec_context.color_range = colours.range
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.time_base = PER_SECOND
            frame.pts = time_ms
            output.mux(stream.encode(_stored(frame, pixel_format, colours)))
        output.mux(stream.encode(None))
    return path


def _stored(frame: av.VideoFrame, pixel_format: str, colours: Colours | None) -> av.VideoFrame:
    if colours is None:
        return frame.reformat(format=pixel_format, interpolation=EXACT)
    return frame.reformat(
        format=pixel_format, interpolation=EXACT, dst_colorspace=colours.matrix, dst_color_range=colours.range
    )


def make_sound(path: Path, *, seconds: float = 1.0) -> Path:
    """Writes a file that holds silence and no picture."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=44100)
        samples = np.zeros((1, int(44100 * seconds)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def cut(path: Path, fraction: float) -> Path:
    """Cuts the file to its first `fraction`, as a broken upload does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path
