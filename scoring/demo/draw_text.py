"""Text by Pillow's own font, so that the demo needs no font of the machine."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=64)
def font(size: float) -> Font:
    return ImageFont.load_default(size)


def draw_text(
    canvas: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: float,
    fill: tuple[int, ...],
    *,
    bold: float = 0.0,
    anchor: str = "mm",
) -> None:
    """Text in one line, anchored l, m or r; `bold` thickens strokes by that share of the size and spaces them out."""
    face, stroke = font(size), size * bold
    advances = [float(face.getlength(letter)) + 1.7 * stroke for letter in text]
    x = place[0] - sum(advances) * {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
    for letter, advance in zip(text, advances, strict=True):
        middle = (x + advance / 2, place[1])
        canvas.text(middle, letter, fill=fill, font=face, anchor="m" + anchor[1], stroke_width=stroke, stroke_fill=fill)
        x += advance


def text_mask(text: str, height: int) -> NDArray[np.float32]:
    """The text, bold, as coverage 0..1, cut to its box, `height` rows."""
    image = Image.new("L", (110 * len(text), 160))
    draw_text(ImageDraw.Draw(image), (image.width / 2, 80), text, 96, (255,), bold=0.05)
    image = image.crop(image.getbbox())
    image = image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
    return np.asarray(np.asarray(image) / 255, np.float32)
