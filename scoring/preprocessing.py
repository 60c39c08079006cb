"""How a picture becomes the model's input. The record travels with the packs and with the model, so that the same frame
gets the same number on every path. Imported by the decoder child: standard library only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Bars = Literal["crop", "keep"]
BARS: tuple[Bars, ...] = ("crop", "keep")

MAX_INPUT_SIDE = 1024
MAX_CUT = 16_384

SIDES = ("left", "top", "right", "bottom")
NOT_A_CROP = 'A crop is "none" or four whole numbers of pixels, "left,top,right,bottom", such as 60,0,60,0.'


@dataclass(frozen=True)
class Preprocessing:
    """height, width: of the input in pixels. bars: whether black bars around a video's picture are found and cut away.
    fit: the picture fills the input, whatever its shape. kernel: each input pixel is the mean of its area.
    colour: RGB as a player shows it. version: counts changes to how any of this is done.

    Raises ValueError, worded for people, for what makes no sense or isn't known here.
    """

    height: int = 60
    width: int = 80
    bars: Bars = "crop"
    fit: str = "stretch"
    kernel: str = "area"
    colour: str = "srgb"
    version: int = 1

    def __post_init__(self) -> None:
        if not all(type(side) is int and 1 <= side <= MAX_INPUT_SIDE for side in (self.height, self.width)):
            raise ValueError(f"The input's height and width must lie between 1 and {MAX_INPUT_SIDE} pixels.")
        if self.bars not in BARS:
            raise ValueError(f"Black bars are one of {', '.join(BARS)}, not {self.bars!r}.")
        if (self.fit, self.kernel, self.colour, self.version) != ("stretch", "area", "srgb", 1):
            raise ValueError("These frames were prepared in a way that this version of Framesift doesn't know.")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the input in pixels."""
        return self.height, self.width

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Any) -> Self:
        """Raises ValueError for anything that as_json() doesn't give."""
        if not isinstance(fields, dict) or set(fields) != set(cls.__dataclass_fields__):
            raise ValueError("This is no record of how frames were prepared.")
        return cls(**fields)

    def __str__(self) -> str:
        bars = "with black bars cut away" if self.bars == "crop" else "with black bars kept"
        return f"{self.height} x {self.width} pixels (height x width), {bars}"


@dataclass(frozen=True)
class Crop:
    """Pixels cut from each side of a picture as it is shown. Raises ValueError, worded for people."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __post_init__(self) -> None:
        if not all(type(cut) is int and 0 <= cut <= MAX_CUT for cut in self.as_tuple()):
            raise ValueError(NOT_A_CROP)

    def __bool__(self) -> bool:
        return any(self.as_tuple())

    def __str__(self) -> str:
        return ",".join(map(str, self.as_tuple())) if self else "none"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What str() gives: "none", or "left,top,right,bottom"."""
        if text.strip() == "none":
            return cls()
        cuts = [cut.strip() for cut in text.split(",")]
        if len(cuts) != len(SIDES) or not all(cut.isascii() and cut.isdigit() and len(cut) <= 5 for cut in cuts):
            raise ValueError(NOT_A_CROP)
        return cls(*map(int, cuts))

    def as_tuple(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def check(self, width: int, height: int) -> None:
        """Raises ValueError when less than a tenth of a picture of width x height pixels would be left of a side."""
        for cut, side, name in ((self.left + self.right, width, "width"), (self.top + self.bottom, height, "height")):
            if cut > 0.9 * side:
                raise ValueError(f"A tenth of the picture's {name} ({side} px) must be left; {cut} px would be cut.")

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> Crop:
        """The same share of a picture of another size; sizes are (width, height)."""
        if before == after:
            return self
        across, down = after[0] / before[0], after[1] / before[1]
        return Crop(
            round(self.left * across), round(self.top * down), round(self.right * across), round(self.bottom * down)
        )
