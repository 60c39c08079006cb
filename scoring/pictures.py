"""From a decoded picture straight to the two small ones: the thumbnail and the model's input."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

JPEG_QUALITY = 80
MAX_THUMB_ASPECT = 2

# The last two cost 0.5 ms per picture; without them every grey comes out two levels too dark.
AVERAGING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


@dataclass(frozen=True)
class Geometry:
    """How the stored picture is to be shown.

    stored_size: (width, height) in pixels. pixel_aspect: width of a pixel / its height. rotation: degrees clockwise.
    """

    stored_size: tuple[int, int]
    pixel_aspect: Fraction
    rotation: int

    @classmethod
    def of(cls, picture: VideoFrame, pixel_aspect: Fraction) -> Self:
        # FFmpeg counts counterclockwise, people and players clockwise.
        clockwise = round(-picture.rotation / 90) * 90 % 360
        return cls((picture.width, picture.height), pixel_aspect, clockwise)

    @property
    def turned(self) -> bool:
        return self.rotation in (90, 270)

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) as shown."""
        width, height = self.stored_size
        shown = max(1, round(width * self.pixel_aspect)), height
        return self.before_turn(shown)

    def before_turn(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that has to be asked of the scaler so that turning gives `size`."""
        return (size[1], size[0]) if self.turned else size

    def thumbnail_size(self, thumb_width: int) -> tuple[int, int]:
        """(width, height) as shown: at most thumb_width wide, never enlarged, never endlessly tall."""
        width, height = self.display_size
        shown_width = min(thumb_width, width)
        shown_height = max(1, round(height * shown_width / width))
        return shown_width, min(shown_height, MAX_THUMB_ASPECT * thumb_width)


class Painter:
    """Scales with area averaging directly from the decoder's YUV, so there is never a full-size RGB picture."""

    def __init__(self, input_size: tuple[int, int], thumb_width: int) -> None:
        self._height, self._width = input_size
        self._thumb_width = thumb_width
        # One scaler per target: each keeps its tables from picture to picture.
        self._to_input = VideoReformatter()
        self._to_thumbnail = VideoReformatter()

    def paint(self, picture: VideoFrame, geometry: Geometry) -> tuple[bytes, bytes]:
        """Returns the JPEG thumbnail and the input as raw RGB, H x W x 3 bytes."""
        thumbnail = _scaled(self._to_thumbnail, picture, geometry, geometry.thumbnail_size(self._thumb_width))
        model_input = _scaled(self._to_input, picture, geometry, (self._width, self._height))
        return _jpeg(thumbnail), model_input.tobytes()


def _scaled(scaler: VideoReformatter, picture: VideoFrame, geometry: Geometry, size: tuple[int, int]) -> Image.Image:
    width, height = geometry.before_turn(size)
    small = scaler.reformat(picture, width, height, "rgb24", interpolation=AVERAGING, threads=1)
    plane = small.planes[0]
    image = Image.frombuffer("RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size, 1)
    turn = TURNS.get(geometry.rotation)
    return image if turn is None else image.transpose(turn)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
