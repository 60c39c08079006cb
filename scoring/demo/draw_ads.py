"""Advertisements: hard cuts between saturated shots, each with a slow move of the camera. One of them is green."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw

from scoring.demo import draw_ad_parts as parts
from scoring.demo.draw_text import draw_text
from scoring.demo.looks import Color
from scoring.demo.motion import seeded
from scoring.demo.script import Scene

Rng = np.random.Generator
Design = Callable[[Rng], Image.Image]

VIVID: tuple[tuple[Color, Color, Color], ...] = (
    ((255, 222, 20), (226, 22, 44), (255, 255, 255)),
    ((255, 60, 120), (60, 16, 140), (255, 244, 90)),
    ((30, 190, 255), (20, 30, 150), (255, 236, 60)),
    ((255, 140, 20), (150, 10, 60), (255, 255, 255)),
    ((240, 240, 245), (224, 30, 40), (20, 20, 30)),
    ((180, 70, 255), (20, 10, 60), (60, 255, 220)),
)
SKINS: tuple[Color, ...] = ((238, 190, 156), (142, 94, 66), (206, 156, 120), (92, 62, 48))
HAIRS: tuple[Color, ...] = ((58, 36, 24), (22, 20, 22), (206, 160, 84), (150, 60, 30))


def ad_shot(scene: Scene) -> Iterator[Image.Image]:
    """The design of the shot, under a slow zoom or drift."""
    rng = seeded(scene.seed)
    board = DESIGNS[scene.shot if scene.shot in DESIGNS else "green"](rng)
    zoom_in, angle = rng.random() < 0.6, rng.uniform(0, 2 * math.pi)
    for n in range(scene.frames):
        share = n / max(1, scene.frames - 1)
        room = 0.10 * (share if zoom_in else 1 - share)
        wide, high = parts.SIZE[0] * (1 - room - 0.06), parts.SIZE[1] * (1 - room - 0.06)
        left = (parts.SIZE[0] - wide) * (0.5 + 0.4 * math.cos(angle) * (share - 0.5))
        top = (parts.SIZE[1] - high) * (0.5 + 0.4 * math.sin(angle) * (share - 0.5))
        yield board.resize((640, 360), Image.Resampling.BILINEAR, box=(left, top, left + wide, top + high))


def _colors(rng: Rng) -> tuple[Color, Color, Color]:
    return VIVID[int(rng.integers(len(VIVID)))]


def _word(rng: Rng, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _sale(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.radial(light, deep, reach=520)
    parts.rays(image, parts.dimmed(deep, 0.86), parts.CENTER, 18, float(rng.uniform(0, 1)))
    parts.headline(image, (384, 128), _word(rng, ("MEGA SALE", "BIG WEEK", "JUST NOW")), 78, ink, (20, 10, 20))
    parts.headline(image, (384, 255), f"-{rng.choice([30, 40, 50, 70])}%", 128, light, (20, 10, 20))
    parts.button(image, (384, 376), "kaufhalle.example", (20, 16, 24), (255, 255, 255))
    return image


def _portrait(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.radial(light, deep, (230, 180), 420)
    who = int(rng.integers(4))
    parts.face(image, (230, 190), 230, SKINS[who], HAIRS[int(rng.integers(4))], ink, bool(rng.random() < 0.5))
    parts.headline(image, (555, 160), _word(rng, ("SMILE", "GLOW", "ENJOY")), 66, (255, 255, 255), deep)
    parts.headline(image, (560, 240), "again.", 56, ink, deep)
    parts.button(image, (560, 340), "dentaviva", (255, 255, 255), deep)
    return image


def _duo(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.vertical(light, deep)
    pen = ImageDraw.Draw(image)
    for n in range(14):
        x, y, r = rng.uniform(0, 768), rng.uniform(0, 300), rng.uniform(12, 60)
        pen.ellipse((x - r, y - r, x + r, y + r), outline=ink if n % 2 else (255, 255, 255), width=5)
    order = rng.permutation(4)
    parts.face(image, (230, 190), 170, SKINS[order[0]], HAIRS[order[1]], (250, 250, 250), True)
    parts.face(image, (520, 170), 185, SKINS[order[2]], HAIRS[order[3]], deep, False)
    pen.rectangle((0, 352, 768, 432), fill=ink)
    draw_text(pen, (384, 388), "Flat rate for two: 19.99", 40, deep if sum(ink) > 300 else light, bold=0.05)
    return image


def _bottle(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.radial(light, deep, (384, 230), 430)
    parts.drops(image, light, 60, rng)
    image = parts.glow(image, (384, 220), 120, (255, 240, 200), 0.6)
    made = parts.bottle(390, (200, 40, 20), (250, 246, 238), (190, 20, 30), "FIZZ", (240, 196, 40))
    image.paste(made, (320, 24), made)
    parts.headline(image, (178, 190), "ICE", 84, ink, deep)
    parts.headline(image, (585, 250), "COLD", 72, ink, deep)
    return image


def _car(rng: Rng) -> Image.Image:
    image = parts.vertical((255, 120, 40), (120, 20, 90))
    image = parts.glow(image, (560, 215), 70, (255, 236, 160), 1.0)
    pen = ImageDraw.Draw(image)
    for low, color in ((250, (90, 24, 80)), (275, (56, 16, 60))):
        ridge = [(float(x), low - float(rng.uniform(10, 80))) for x in range(-40, 860, 60)]
        pen.polygon([*ridge, (860, 300), (-40, 300)], fill=color)
    pen.rectangle((0, 285, 768, 432), fill=(30, 26, 36))
    for x in range(-30, 800, 130):
        pen.polygon([(x, 402), (x + 80, 402), (x + 70, 412), (x - 12, 412)], fill=(250, 240, 200))
    paints: tuple[Color, ...] = ((214, 26, 36), (240, 242, 246), (26, 96, 220))
    parts.car(image, (370, 375), 470, paints[int(rng.integers(3))])
    parts.headline(image, (230, 70), "VESPERA", 66, (255, 255, 255), (90, 20, 70))
    draw_text(pen, (230, 122), "electric. at last.", 30, (255, 240, 220))
    return image


def _burst(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.vertical(deep, (10, 8, 26))
    pen = ImageDraw.Draw(image)
    for _ in range(90):
        a, far, r = rng.uniform(0, 6.3), rng.uniform(60, 430), rng.uniform(4, 22)
        x, y = 384 + far * math.cos(a), 216 + far * 0.7 * math.sin(a)
        color = (light, ink, (255, 255, 255))[int(rng.integers(3))]
        pen.regular_polygon((x, y, r), int(rng.integers(3, 7)), float(rng.uniform(0, 90)), fill=color)
    parts.headline(image, (384, 190), _word(rng, ("JACKPOT", "WINNER", "TONIGHT")), 96, (255, 255, 255), (0, 0, 0))
    parts.headline(image, (384, 300), "12 000 000", 80, light, (0, 0, 0))
    return image


def _phone(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.vertical((250, 250, 252), (206, 210, 222))
    pen = ImageDraw.Draw(image)
    pen.ellipse((400, 10, 830, 440), fill=light)
    pen.rounded_rectangle((486, 30, 672, 404), 26, fill=(18, 18, 24))
    pen.rounded_rectangle((496, 42, 662, 392), 18, fill=deep)
    for n in range(12):
        x, y = 512 + 50 * (n % 3), 70 + 60 * (n // 3)
        tint = (light, ink, (255, 255, 255), (40, 200, 170))[int(rng.integers(4))]
        pen.rounded_rectangle((x, y, x + 38, y + 38), 10, fill=tint)
    pen.rounded_rectangle((508, 330, 650, 376), 12, fill=(255, 255, 255))
    parts.headline(image, (230, 150), "nova 9", 76, (24, 24, 32))
    draw_text(pen, (230, 224), "the whole day in your hand", 25, (70, 74, 90))
    parts.button(image, (230, 310), "from 1.- a month", deep, (255, 255, 255))
    return image


def _skyline(rng: Rng) -> Image.Image:
    image = parts.vertical((20, 10, 60), (240, 60, 110))
    image = parts.glow(image, (600, 110), 46, (255, 230, 200), 1.0)
    parts.skyline(image, 432, (46, 20, 84), (255, 170, 90), rng)
    parts.skyline(image, 470, (16, 10, 36), (255, 226, 120), rng)
    parts.headline(image, (290, 96), "NIGHT", 84, (255, 255, 255), (240, 30, 100))
    parts.headline(image, (290, 180), "SHIFT", 84, (60, 240, 255), (20, 10, 60))
    draw_text(ImageDraw.Draw(image), (300, 246), "the new series - Thursday 20:15", 24, (255, 244, 230), bold=0.02)
    return image


def _cereal(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = parts.radial((255, 250, 230), light, (384, 300), 460)
    pen = ImageDraw.Draw(image)
    pen.ellipse((130, 250, 640, 470), fill=(240, 244, 250))
    pen.ellipse((160, 240, 610, 380), fill=(255, 253, 246))
    for _ in range(120):
        a, far = rng.uniform(0, 6.3), math.sqrt(rng.random())
        x, y, r = 385 + 200 * far * math.cos(a), 306 + 52 * far * math.sin(a), rng.uniform(11, 17)
        tint = ((226, 150, 40), (236, 70, 60), (250, 200, 60), (150, 80, 200))[int(rng.integers(4))]
        pen.ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=tint, outline=(130, 66, 20), width=2)
        pen.ellipse((x - r * 0.35, y - r * 0.25, x + r * 0.35, y + r * 0.25), fill=(120, 60, 24))
    parts.headline(image, (384, 110), "CRUNCHIES", 84, deep, (255, 255, 255))
    parts.headline(image, (384, 196), "wake up!", 50, ink if sum(ink) < 600 else (220, 40, 60))
    return image


def _type(rng: Rng) -> Image.Image:
    light, deep, ink = _colors(rng)
    image = Image.new("RGB", parts.SIZE, deep)
    pen = ImageDraw.Draw(image)
    lines = ("MORE.", "FASTER.", "YOURS.", "NOW.")
    for n, line in enumerate(lines):
        fill = light if n % 2 else (255, 255, 255)
        pen.rectangle((0, n * 108, 768, n * 108 + 108), fill=deep if n % 2 else ink)
        draw_text(pen, (64 + 40 * n, n * 108 + 54), line, 92, fill if n % 2 else deep, bold=0.08, anchor="lm")
    return image


def _green(rng: Rng) -> Image.Image:
    """Green on green: as much grass colour as a pitch has, and nothing of a match."""
    image = parts.radial((150, 214, 70), (34, 106, 34), (384, 210), 470)
    layer, pen = parts.soft_layer((30, 90, 30))
    for _ in range(44):
        x, y, size = rng.uniform(-20, 788), rng.uniform(-20, 452), rng.uniform(30, 90)
        tint = ((44, 128, 40), (84, 160, 50), (112, 186, 60), (30, 96, 36))[int(rng.integers(4))]
        if abs(x - 384) > 130:
            _leaf(pen, (x, y), size, float(rng.uniform(0, 6.3)), tint)
    parts.over(image, layer, 0.8)
    image = parts.glow(image, (384, 210), 110, (210, 240, 150), 0.6)
    made = parts.bottle(384, (52, 140, 52), (240, 246, 226), (40, 110, 40), "verde", (236, 240, 226))
    image.paste(made, (320, 30), made)
    parts.drops(image, (190, 236, 150), 26, rng)
    parts.headline(image, (170, 336), "pure", 58, (248, 252, 236), (30, 90, 30))
    parts.headline(image, (585, 336), "green tea", 42, (248, 252, 236), (30, 90, 30))
    return image


def _leaf(pen: ImageDraw.ImageDraw, place: tuple[float, float], size: float, turn: float, tint: Color) -> None:
    outline = []
    for n in range(24):
        t = 2 * math.pi * n / 24
        px, py = size * math.cos(t), 0.36 * size * math.sin(t) * abs(math.sin(t)) ** 0.4
        outline.append(
            (place[0] + px * math.cos(turn) - py * math.sin(turn), place[1] + px * math.sin(turn) + py * math.cos(turn))
        )
    pen.polygon(outline, fill=tint)
    pen.line([outline[0], outline[12]], fill=parts.dimmed(tint, 0.8), width=2)


DESIGNS: dict[str, Design] = {
    "sale": _sale,
    "portrait": _portrait,
    "bottle": _bottle,
    "car": _car,
    "burst": _burst,
    "phone": _phone,
    "skyline": _skyline,
    "duo": _duo,
    "cereal": _cereal,
    "type": _type,
    "green": _green,
}
