"""What a broadcaster puts over the picture (score bug, clock, channel mark) and what the camera adds (grain, rain)."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scoring.demo.camera import Pixels
from scoring.demo.draw_text import draw_text
from scoring.demo.looks import Color, Look

FINE = 3


@lru_cache(maxsize=256)
def score_bug(look: Look, score: tuple[int, int], clock_s: int) -> Image.Image:
    """The soccer score bug: clock, codes on the teams' colours, score; RGBA, about 210 x 26."""
    layer = Image.new("RGBA", (212 * FINE, 26 * FINE), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(layer)
    canvas.rounded_rectangle((0, 0, 212 * FINE - 1, 26 * FINE - 1), 5 * FINE, fill=(14, 17, 26, 226))
    _label(canvas, (27, 13), f"{clock_s // 60:02d}:{clock_s % 60:02d}", 14, (246, 247, 250))
    for left, team in ((54, look.home), (156, look.away)):
        canvas.rectangle((left * FINE, 0, (left + 46) * FINE, 26 * FINE), fill=(236, 238, 242, 255))
        canvas.rectangle((left * FINE, 22 * FINE, (left + 46) * FINE, 26 * FINE), fill=(*team.kit.shirt, 255))
        _label(canvas, (left + 23, 11.5), team.code, 14.5, (20, 22, 30))
    _label(canvas, (128, 13), f"{score[0]} - {score[1]}", 15, (255, 255, 255))
    return layer.reduce(FINE)


@lru_cache(maxsize=256)
def gridiron_bug(look: Look, score: tuple[int, int], clock_s: int) -> Image.Image:
    """The slim strip of American football: codes in the teams' colours, points, clock, down; RGBA, about 250 x 18."""
    wide, tall = 252, 18
    layer = Image.new("RGBA", (wide * FINE, tall * FINE), (18, 20, 26, 150))
    canvas = ImageDraw.Draw(layer)
    for left, team, points in ((0, look.away, score[1]), (66, look.home, score[0])):
        back = team.kit.trim if sum(team.kit.shirt) > 600 else team.kit.shirt
        canvas.rectangle((left * FINE, 0, (left + 3) * FINE, tall * FINE), fill=(*back, 255))
        _label(canvas, (left + 23, 9.5), team.code, 12, (246, 247, 250))
        _label(canvas, (left + 52, 9.5), str(points), 14, (246, 247, 250))
    _label(canvas, (166, 9.5), f"2nd  {clock_s // 60}:{clock_s % 60:02d}", 11, (246, 247, 250))
    _label(canvas, (224, 9.5), "3rd & 7", 11, (250, 214, 90))
    return layer.reduce(FINE)


def _label(canvas: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: float, fill: Color) -> None:
    draw_text(canvas, (place[0] * FINE, place[1] * FINE), text, size * FINE, fill, bold=0.025)


@lru_cache(maxsize=8)
def channel_mark(text: str) -> Image.Image:
    """The channel's name in the corner, half transparent."""
    layer = Image.new("RGBA", (90 * FINE, 20 * FINE), (255, 255, 255, 0))
    canvas = ImageDraw.Draw(layer)
    draw_text(canvas, (88 * FINE, 10 * FINE), text, 13 * FINE, (255, 255, 255, 170), bold=0.03, anchor="rm")
    return layer.reduce(FINE)


class Grain:
    """Sensor noise and, where the light says so, rain; other on every frame, the same for a seed."""

    def __init__(self, strength: float, rain: float, rng: np.random.Generator) -> None:
        self.rng = rng
        self.tile = np.rint(rng.normal(0, strength, (420, 720, 1)) + rng.normal(0, strength * 0.4, (420, 720, 3)))
        self.tile = self.tile.astype(np.int16)
        if rain:
            self.tile += _rain(rain, rng)

    def restart(self, rng: np.random.Generator) -> None:
        """Draws the frames to come from `rng`, so that a scene looks the same wherever it stands."""
        self.rng = rng

    def over(self, image: Image.Image) -> Pixels:
        """The picture (height, width, 3) with noise."""
        pixels = np.asarray(image).astype(np.int16)
        top, left = self.rng.integers(0, 420 - image.height + 1), self.rng.integers(0, 720 - image.width + 1)
        pixels += self.tile[top : top + image.height, left : left + image.width]
        return pixels.clip(0, 255).astype(np.uint8)


def _rain(amount: float, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    layer = Image.new("L", (720, 420))
    canvas = ImageDraw.Draw(layer)
    for x, y, length in zip(rng.uniform(0, 720, 420), rng.uniform(-20, 420, 420), rng.uniform(6, 20, 420), strict=True):
        canvas.line((x, y, x - length * 0.16, y + length), fill=int(rng.integers(30, 90)), width=1)
    soft = ImageChops.lighter(layer.filter(ImageFilter.GaussianBlur(0.6)), layer.point(lambda v: v // 4))
    return (np.asarray(soft, np.float32)[..., None] * amount).astype(np.int16)
