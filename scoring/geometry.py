"""How the stored picture is to be shown: the shape of its pixels, mirrored or not, turned or not."""

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, cast

from av.buffer import Buffer
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame

from scoring.preprocessing import Crop

MAX_THUMB_ASPECT = 2
QUARTER = 90

# Colour is stored for 2 x 2 pixels: a picture that began at an odd one would get a neighbour's.
GRAIN = 2


@dataclass(frozen=True)
class Geometry:
    """stored_size: (width, height) in pixels. pixel_aspect: width of a pixel / its height. To be shown, the picture is
    first mirrored (left and right change places), then turned by `rotation` degrees clockwise (0, 90, 180, 270).
    """

    stored_size: tuple[int, int]
    pixel_aspect: Fraction
    rotation: int
    mirrored: bool = False

    @classmethod
    def of(cls, picture: VideoFrame, pixel_aspect: Fraction) -> Self:
        rotation, mirrored = _orientation(picture)
        return cls((picture.width, picture.height), pixel_aspect, rotation, mirrored)

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

    def shown(self, cut: Crop) -> Crop:
        """What is cut from the stored picture, in pixels as shown."""
        left, top, right, bottom = cut.as_tuple()
        sides = [int(left * self.pixel_aspect), top, int(right * self.pixel_aspect), bottom]
        if self.mirrored:
            sides = [sides[2], sides[1], sides[0], sides[3]]
        return Crop(*_turned_clockwise(sides, self.rotation))

    def stored_box(self, cut: Crop) -> tuple[int, int, int, int]:
        """(x, y, width, height) of what is left of the stored picture when `cut` is cut from it as shown. Rounded to
        whole grains of colour, so that rather a pixel of picture goes than one of bar stays."""
        left, top, right, bottom = _turned_clockwise(cut.as_tuple(), 360 - self.rotation)
        if self.mirrored:
            left, right = right, left
        across = GRAIN * self.pixel_aspect
        x, end = GRAIN * math.ceil(left / across), GRAIN * math.ceil(right / across)
        y, below = GRAIN * math.ceil(top / GRAIN), GRAIN * math.ceil(bottom / GRAIN)
        width, height = self.stored_size
        return x, y, width - x - end, height - y - below


def _turned_clockwise(sides: Iterable[int], rotation: int) -> list[int]:
    """(left, top, right, bottom) of a picture, after it was turned: what was below is at the left."""
    turned = list(sides)
    for _ in range(rotation // QUARTER % 4):
        turned = [turned[3], *turned[:3]]
    return turned


def _orientation(picture: VideoFrame) -> tuple[int, bool]:
    """Degrees clockwise, and whether the picture is mirrored before that.

    The display matrix (a b u / c d v / x y w, 16.16 fixed point, ISO/IEC 14496-12) maps (p, q) to (ap + cq, bp + dq)
    with q pointing down. Its second row tells the turn, its determinant whether the picture is mirrored.
    """
    try:
        side_data = cast(Mapping[SideData, Buffer], picture.side_data)  # PyAV's stub forgets what else there is
        matrix = struct.unpack("=9i", bytes(side_data[SideData.DISPLAYMATRIX]))
    except (KeyError, ValueError, struct.error):
        # FFmpeg counts counterclockwise, people and players clockwise.
        return _quarters(-picture.rotation), False
    a, b, _, c, d = matrix[:5]
    if a * d == b * c:
        return 0, False
    return _quarters(math.degrees(math.atan2(-c, d))), a * d < b * c


def _quarters(degrees: float) -> int:
    return round(degrees / QUARTER) * QUARTER % 360
