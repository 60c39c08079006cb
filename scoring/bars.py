"""Finds the black bars around a picture: letterbox, pillarbox, or both. Deterministic, and rather finds none than wrong
ones. The decoder child and the reader of image folders both use it: Pillow only.

A bar is a run of lines along an edge of the picture that stays dark and even in each of the pictures looked at. Each
line is judged by the means of 16 pieces, so noise and the ringing of a codec average out, while a logo or a subtitle
within a bar doesn't: that bar holds content and stays. A bar ends where, within a few lines, at least half of the
pieces become clearly brighter: else it's a dark scene, or a title on black.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops

from scoring.preprocessing import Crop

PIECES = 16

# Levels of 0..255, as shown. Black in a file that is labelled full range by mistake is 16.
DARKEST_CONTENT = 32
EVEN = 18
STEP = 20

# Shares of the picture's side.
MIN_BAR = 0.02
MAX_BAR = 0.45
MIN_LEFT = 0.25
EDGE = 0.02

MIN_BAR_PX = 2
MIN_LEFT_PX = 32
MIN_EDGE_PX = 4

Line = bytes


@dataclass(frozen=True)
class Look:
    """A picture's lines in 16 pieces each, of each piece the brightest of its three colours: `rows` is 16 pixels wide
    and as tall as the picture, `columns` the picture turned on its side, 16 pixels wide and as tall as it is wide."""

    rows: Image.Image
    columns: Image.Image

    @classmethod
    def at(cls, image: Image.Image) -> Look:
        """A look at a whole RGB image."""
        width, height = image.size
        rows = image.resize((PIECES, height), Image.Resampling.BOX)
        return cls.of(rows, image.resize((width, PIECES), Image.Resampling.BOX))

    @classmethod
    def of(cls, narrow: Image.Image, flat: Image.Image) -> Look:
        """narrow: the picture scaled to 16 x its height; flat: scaled to its width x 16."""
        return cls(_brightest_colour(narrow), _brightest_colour(flat).transpose(Image.Transpose.TRANSPOSE))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.columns.height, self.rows.height

    def brightest(self, other: Look) -> Look:
        """Both looks in one, each piece as bright as it ever was."""
        return Look(ImageChops.lighter(self.rows, other.rows), ImageChops.lighter(self.columns, other.columns))


def _brightest_colour(image: Image.Image) -> Image.Image:
    """As grey, a deep blue would be as dark as a bar."""
    red, green, blue = image.convert("RGB").split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def together(looks: Iterable[Look]) -> Look | None:
    """The brightest of each piece over all looks of the first one's size; None without any."""
    found: Look | None = None
    for look in looks:
        if found is None:
            found = look
        elif look.size == found.size:
            found = found.brightest(look)
    return found


def find(look: Look) -> Crop:
    """The bars, in pixels of the picture that was looked at."""
    top, bottom = _along(_lines(look.rows))
    left, right = _along(_lines(look.columns))
    return Crop(left, top, right, bottom)


def all_dark(look: Look) -> bool:
    brightest: int = max(look.rows.tobytes())
    return brightest <= DARKEST_CONTENT


def _lines(image: Image.Image) -> list[Line]:
    data = image.tobytes()
    return [data[start : start + PIECES] for start in range(0, len(data), PIECES)]


def _along(lines: Sequence[Line]) -> tuple[int, int]:
    """The bars at the two ends of the lines; none when one is too deep, or hardly anything would be left between."""
    first, last = _bar(lines), _bar(lines[::-1])
    left = len(lines) - first - last
    if max(first, last) > MAX_BAR * len(lines) or left < max(MIN_LEFT_PX, MIN_LEFT * len(lines)):
        return 0, 0
    return first, last


def _bar(lines: Sequence[Line]) -> int:
    """How many lines from the first one on are a bar."""
    dark, level = _dark_run(lines)
    if dark < max(MIN_BAR_PX, MIN_BAR * len(lines)):
        return 0
    near = lines[dark : dark + max(MIN_EDGE_PX, round(EDGE * len(lines)))]
    # Where colours bleed into the bar, it isn't quite dark any more, but that's no picture yet.
    begins = next((place for place, line in enumerate(near) if _is_picture(line, level)), None)
    return 0 if begins is None else dark + begins


def _dark_run(lines: Iterable[Line]) -> tuple[int, int]:
    """The number of dark, even lines at the beginning, and the brightest level within them."""
    lowest, highest, depth = 255, 0, 0
    for line in lines:
        low, high = min(lowest, *line), max(highest, *line)
        if high > DARKEST_CONTENT or high - low > EVEN:
            break
        lowest, highest, depth = low, high, depth + 1
    return depth, highest


def _is_picture(line: Line, level: int) -> bool:
    return sum(piece >= level + STEP for piece in line) >= PIECES // 2
