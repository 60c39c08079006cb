"""Sprites: figures with light and volume, their shadow on the ground, reduced to the height needed and kept."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scoring.demo.draw_players import CANVAS, FEET, Figure, draw_figure
from scoring.demo.looks import Light

PHASES = 8
# Figures up to SMALL pixels high are reduced from one drawing, larger ones from another that also has volume.
SMALL, SMALL_DRAWN, LARGE_DRAWN = 64, 90, 320
# Blurred things are made at a third of the size, which nobody sees.
COARSE = 3


@lru_cache(maxsize=8192)
def sprite(figure: Figure, phase: int, light: Light, height: int, mirrored: bool) -> Image.Image:
    """A figure of `height` pixels at one phase of PHASES, RGBA; feet at (FEET[0], FEET[1]) * height."""
    image = _drawn(figure, phase, light, height <= SMALL)
    if mirrored:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = (max(2, round(CANVAS[0] * height)), max(2, round(CANVAS[1] * height)))
    return image.resize(size, Image.Resampling.BOX if height <= SMALL else Image.Resampling.BILINEAR)


def paste(image: Image.Image, made: Image.Image, foot: tuple[float, float], height: int) -> None:
    """Puts a sprite so that its feet stand on `foot` (column, row)."""
    image.paste(made, (round(foot[0] - FEET[0] * height), round(foot[1] - FEET[1] * height)), made)


@lru_cache(maxsize=1024)
def _drawn(figure: Figure, phase: int, light: Light, small: bool) -> Image.Image:
    scale = SMALL_DRAWN if small else LARGE_DRAWN
    flat = draw_figure(figure, phase / PHASES, scale)
    lit = _lit(flat, light)
    if not small:
        _give_volume(lit, light, scale)
    ground = Image.new("RGBA", flat.size, (6, 14, 8, 0))
    ground.putalpha(_shadow(flat, light, scale, soft=not small))
    return Image.alpha_composite(ground, lit)


def _lit(flat: Image.Image, light: Light) -> Image.Image:
    """The figure in the colour of the light."""
    bands = flat.split()
    colors = [band.point(_levels(gain)) for band, gain in zip(bands[:3], light.ground, strict=True)]
    return Image.merge("RGBA", (*colors, bands[3]))


@lru_cache(maxsize=64)
def _levels(gain: float) -> list[int]:
    return [min(255, round(value * gain * 0.98)) for value in range(256)]


def _give_volume(lit: Image.Image, light: Light, scale: float) -> None:
    """Brightens the side towards the light and darkens the other, by the slope of the blurred outline; in place."""
    box = lit.getbbox()
    if box is None:
        return
    part = lit.crop(box)
    alpha = part.getchannel("A")
    soft = alpha.reduce(COARSE).filter(ImageFilter.GaussianBlur(scale * 0.022 / COARSE))
    shift = max(1, round(scale * 0.018 / COARSE))
    towards = -shift if light.cast[0] > 0 else shift
    relief = ImageChops.subtract(soft, ImageChops.offset(soft, -towards, shift), 1.0, 128).resize(part.size)
    factor = 1 - 0.55 * (np.asarray(relief, np.float32)[..., None] / 128 - 1)
    rgb = np.asarray(part.convert("RGB")) * factor
    shaded = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    shaded.putalpha(alpha)
    lit.paste(shaded, box)


def _shadow(flat: Image.Image, light: Light, scale: float, *, soft: bool) -> Image.Image:
    """The figure's own outline laid on the ground away from the light, and the dark below its feet: an alpha band."""
    lean, length = light.cast
    outline = flat.getchannel("A").reduce(COARSE)
    foot_x, foot_y = FEET[0] * scale / COARSE, FEET[1] * scale / COARSE
    # A point on the ground comes from the outline at height (foot_y - y) / length, moved back along the lean.
    skew = (1, lean / length, -foot_y * lean / length, 0, 1 / length, foot_y - foot_y / length)
    laid = outline.transform(outline.size, Image.Transform.AFFINE, skew, Image.Resampling.BILINEAR)
    wide = 0.15 * scale / COARSE
    ImageDraw.Draw(laid).ellipse((foot_x - wide, foot_y - wide * 0.25, foot_x + wide, foot_y + wide * 0.2), fill=150)
    if soft:
        laid = laid.filter(ImageFilter.GaussianBlur(scale * 0.014 / COARSE))
    return laid.point(_levels(light.cast_alpha)).resize(flat.size, Image.Resampling.BILINEAR)
