"""Pieces that advertisements are made of: gradients, rays, glows, faces, bottles, cars, skylines."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scoring.demo.draw_text import draw_text
from scoring.demo.looks import Color

# Advertisements are drawn a little larger than the frame, so that the picture can move.
SIZE = (768, 432)
CENTER = (SIZE[0] / 2, SIZE[1] / 2)
# Draws an ellipse relative to a face: offset, radii, colour.
Egg = Callable[[float, float, float, float, Color], None]


def dimmed(color: Color, factor: float) -> Color:
    return (int(color[0] * factor), int(color[1] * factor), int(color[2] * factor))


def vertical(top: Color, bottom: Color) -> Image.Image:
    share = np.linspace(0, 1, SIZE[1], dtype=np.float32)[:, None, None]
    rows = np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
    return Image.fromarray(np.broadcast_to(rows, (SIZE[1], SIZE[0], 3)).astype(np.uint8))


def radial(inner: Color, outer: Color, center: tuple[float, float] = CENTER, reach: float = 460) -> Image.Image:
    x, y = np.arange(SIZE[0], dtype=np.float32)[None], np.arange(SIZE[1], dtype=np.float32)[:, None]
    share = (np.hypot(x - center[0], y - center[1]) / reach).clip(0, 1)[..., None]
    return Image.fromarray((np.array(inner) * (1 - share) + np.array(outer) * share).astype(np.uint8))


def rays(image: Image.Image, color: Color, center: tuple[float, float], number: int, turn: float) -> None:
    """A sunburst behind the product."""
    layer = ImageDraw.Draw(image)
    for n in range(number):
        a, b = turn + 2 * math.pi * n / number, turn + 2 * math.pi * (n + 0.5) / number
        ends = [(center[0] + 900 * math.cos(t), center[1] + 900 * math.sin(t)) for t in (a, b)]
        layer.polygon([center, *ends], fill=color)


def glow(
    image: Image.Image, center: tuple[float, float], radius: float, color: Color, strength: float = 0.9
) -> Image.Image:
    """Light added around a point."""
    x, y = np.arange(image.width, dtype=np.float32)[None], np.arange(image.height, dtype=np.float32)[:, None]
    share = strength * np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * radius * radius))
    light = Image.fromarray((share[..., None] * np.array(color, np.float32)).astype(np.uint8))
    return ImageChops.add(image, light)


def soft_layer(color: Color) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A transparent layer to draw on, and its pen."""
    layer = Image.new("RGBA", SIZE, (*color, 0))
    return layer, ImageDraw.Draw(layer)


def over(image: Image.Image, layer: Image.Image, blur: float = 0.0) -> None:
    if blur:
        layer = layer.filter(ImageFilter.GaussianBlur(blur))
    image.paste(layer, (0, 0), layer)


def headline(
    image: Image.Image, place: tuple[float, float], text: str, size: float, fill: Color, shadow: Color | None = None
) -> None:
    """Big text; with `shadow` a hard offset shadow below it."""
    pen = ImageDraw.Draw(image)
    if shadow is not None:
        draw_text(pen, (place[0] + size * 0.06, place[1] + size * 0.06), text, size, shadow, bold=0.07)
    draw_text(pen, place, text, size, fill, bold=0.07)


def button(
    image: Image.Image, place: tuple[float, float], text: str, back: Color, ink: Color, size: float = 26
) -> None:
    pen = ImageDraw.Draw(image)
    half = size * 0.36 * len(text) + size
    box = (place[0] - half, place[1] - size, place[0] + half, place[1] + size)
    pen.rounded_rectangle(box, size, fill=back)
    draw_text(pen, place, text, size, ink, bold=0.03)


def face(
    image: Image.Image, center: tuple[float, float], size: float, skin: Color, hair: Color, shirt: Color, long: bool
) -> None:
    """A stylised portrait; `size` is the height of the head in pixels."""
    x, y = center
    layer, pen = soft_layer(hair)

    def egg(dx: float, dy: float, rx: float, ry: float, color: Color) -> None:
        box = (x + (dx - rx) * size, y + (dy - ry) * size, x + (dx + rx) * size, y + (dy + ry) * size)
        pen.ellipse(box, fill=color)

    shade = (int(skin[0] * 0.84), int(skin[1] * 0.78), int(skin[2] * 0.76))
    if long:
        egg(0, 0.1, 0.5, 0.66, hair)
        pen.rectangle((x - 0.5 * size, y + 0.1 * size, x + 0.5 * size, y + 0.72 * size), fill=hair)
    egg(0, 1.28, 0.86, 0.62, shirt)
    pen.rectangle((x - 0.16 * size, y + 0.3 * size, x + 0.16 * size, y + 0.72 * size), fill=shade)
    egg(0, 0.7, 0.17, 0.09, shade)
    egg(0, 0, 0.37, 0.5, skin)
    egg(-0.37, 0.05, 0.06, 0.1, shade)
    egg(0.37, 0.05, 0.06, 0.1, shade)
    _features(pen, egg, x, y, size, shade)
    egg(0, -0.36, 0.38, 0.2, hair)
    egg(-0.2, -0.3, 0.24, 0.2, hair)
    over(image, layer)


def _features(pen: ImageDraw.ImageDraw, egg: Egg, x: float, y: float, size: float, shade: Color) -> None:
    for side in (-1, 1):
        egg(side * 0.16, -0.02, 0.075, 0.045, (250, 250, 250))
        egg(side * 0.16 + 0.01, -0.02, 0.035, 0.042, (60, 44, 34))
        pen.arc(
            _box(x + side * 0.16 * size, y - 0.1 * size, 0.1 * size, 0.05 * size),
            190,
            350,
            (50, 34, 28),
            int(size * 0.03),
        )
    pen.polygon(
        [(x, y - 0.02 * size), (x + 0.06 * size, y + 0.15 * size), (x - 0.03 * size, y + 0.15 * size)], fill=shade
    )
    pen.chord(_box(x, y + 0.22 * size, 0.15 * size, 0.12 * size), 5, 175, (252, 250, 246))
    pen.arc(_box(x, y + 0.22 * size, 0.16 * size, 0.12 * size), 5, 175, (170, 54, 60), int(size * 0.03))


def _box(x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
    return (x - rx, y - ry, x + rx, y + ry)


def shaded_column(width: int, height: int, color: Color) -> Image.Image:
    """A cylinder seen from the side: RGB, bright streak left, dark edge right."""
    x = np.linspace(-1, 1, width, dtype=np.float32)
    level = 0.45 + 0.55 * np.sqrt(1 - x**2) + 0.5 * np.exp(-((x + 0.45) ** 2) / 0.02) - 0.25 * (x > 0.55)
    rows = (level[None, :, None] * np.array(color, np.float32)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(rows, (height, width, 3)).copy())


def bottle(height: int, glass: Color, label: Color, ink: Color, text: str, cap: Color) -> Image.Image:
    """A bottle with a label: RGBA, three times as high as wide."""
    width = height // 3
    mask = Image.new("L", (width * 2, height * 2))
    pen = ImageDraw.Draw(mask)
    w, h = width * 2, height * 2
    pen.rounded_rectangle((0, h * 0.36, w - 1, h - 1), w * 0.14, fill=255)
    pen.polygon([(w * 0.33, h * 0.2), (w * 0.67, h * 0.2), (w - 1, h * 0.42), (0, h * 0.42)], fill=255)
    pen.rectangle((w * 0.33, 0, w * 0.67, h * 0.24), fill=255)
    mask = mask.reduce(2)
    body = shaded_column(width, height, glass)
    body.paste(shaded_column(width, int(height * 0.32), label), (0, int(height * 0.52)))
    body.paste(shaded_column(width // 3 + 4, int(height * 0.09), cap), (width // 3 - 2, 0))
    draw_text(ImageDraw.Draw(body), (width / 2, height * 0.68), text, width * 1.25 / max(4, len(text)), ink, bold=0.05)
    body.putalpha(mask)
    return body


def drops(image: Image.Image, color: Color, number: int, rng: np.random.Generator) -> None:
    """Splashes all over the picture, each with a highlight."""
    pen = ImageDraw.Draw(image, "RGBA")
    for x, y, r in zip(
        rng.uniform(0, SIZE[0], number), rng.uniform(0, SIZE[1], number), rng.gamma(2, 5, number), strict=True
    ):
        pen.ellipse(_box(x, y, r, r * 1.1), fill=(*color, 170))
        pen.ellipse(_box(x - r * 0.3, y - r * 0.35, r * 0.25, r * 0.25), fill=(255, 255, 255, 220))


def skyline(image: Image.Image, ground: float, color: Color, windows: Color, rng: np.random.Generator) -> None:
    """Houses with lit windows, their feet at row `ground`."""
    pen = ImageDraw.Draw(image)
    x = -20.0
    while x < SIZE[0]:
        wide, high = float(rng.uniform(36, 86)), float(rng.uniform(70, 250))
        pen.rectangle((x, ground - high, x + wide, ground), fill=color)
        for wy in np.arange(ground - high + 10, ground - 8, 14):
            for wx in np.arange(x + 6, x + wide - 8, 12):
                if rng.random() < 0.55:
                    pen.rectangle((wx, wy, wx + 6, wy + 8), fill=windows)
        x += wide + float(rng.uniform(2, 14))


def car(image: Image.Image, place: tuple[float, float], size: float, paint: Color) -> None:
    """A car from the side, `size` pixels long, its wheels standing on `place`."""
    x, y = place

    def at(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x + px * size, y - py * size) for px, py in points]

    layer, pen = soft_layer((10, 10, 12))
    pen.ellipse((x - 0.52 * size, y - 0.02 * size, x + 0.52 * size, y + 0.05 * size), fill=(0, 0, 0, 150))
    over(image, layer, 5)
    pen = ImageDraw.Draw(image)
    body = [
        (-0.5, 0.07),
        (-0.5, 0.17),
        (-0.44, 0.21),
        (-0.26, 0.23),
        (-0.12, 0.33),
        (0.14, 0.33),
        (0.3, 0.225),
        (0.46, 0.19),
    ]
    pen.polygon(at([*body, (0.5, 0.13), (0.49, 0.07)]), fill=paint)
    pen.polygon(at([(-0.21, 0.23), (-0.1, 0.305), (0.0, 0.305), (0.0, 0.23)]), fill=(30, 44, 60))
    pen.polygon(at([(0.02, 0.23), (0.02, 0.305), (0.12, 0.305), (0.23, 0.23)]), fill=(44, 62, 82))
    pen.line(at([(-0.49, 0.185), (0.46, 0.185)]), fill=(255, 255, 255), width=max(2, int(size * 0.008)))
    pen.polygon(at([(0.42, 0.185), (0.485, 0.16), (0.44, 0.145)]), fill=(255, 250, 220))
    for wheel in (-0.3, 0.31):
        for r, color in ((0.088, (16, 16, 18)), (0.06, (176, 180, 186)), (0.02, (40, 40, 44))):
            cx, cy = x + wheel * size, y - 0.075 * size
            pen.ellipse((cx - r * size, cy - r * size, cx + r * size, cy + r * size), fill=color)
