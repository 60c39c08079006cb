"""A look into the stand: rows of fans in their colours, arms up, flags over them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from scoring.demo.draw_match import exposed, exposures, score_over
from scoring.demo.draw_players import Figure
from scoring.demo.draw_sprites import PHASES, paste, sprite
from scoring.demo.looks import Color, Kit, Look
from scoring.demo.motion import Track, seeded
from scoring.demo.script import FPS, Scene

SIZE = (640, 360)
ROW_PX, SEAT_PX, STEP_PX = 66, 58, 40
ROWS, SEATS, FLAGS = 8, 16, 3
FLAG_STRIPS = 16
PHASES_OF = {"cheer": 4, "stand": 2}
EVERYDAY: tuple[Color, ...] = ((52, 58, 74), (198, 198, 194), (96, 64, 52))


@dataclass(frozen=True)
class Row:
    """One row of the stand: who sits there (None: an empty seat), when each one moves, and how far from the seat."""

    people: tuple[Figure | None, ...]
    beat: Track
    offset: Track


@dataclass(frozen=True)
class Flag:
    """`x`, `y`: the top of its pole in pixels; `since`: how long it has been waving, so that no two wave alike."""

    x: float
    y: float
    size: float
    since: float
    upper: Color
    lower: Color


def fans_shot(scene: Scene, look: Look) -> Iterator[Image.Image]:
    """Some stand, some jump and wave; the camera pans slowly along the rows."""
    rng = seeded(scene.seed)
    steps, rows = _steps(look), [_row(look, rng) for _ in range(ROWS)]
    flags = [_flag(look, rng) for _ in range(FLAGS)]
    pan, zoom, light = float(rng.uniform(-22, 22)), float(rng.uniform(0.9, 1.4)), exposures(scene)
    for n in range(scene.frames):
        image, time_s = steps.copy(), n / FPS
        for k, row in enumerate(rows):
            _draw_row(image, row, k, pan * (time_s - 1.2), zoom, time_s, look)
        for flag in flags:
            _draw_flag(image, flag, time_s)
        image = exposed(image, light[n])
        score_over(image, scene, n, look)
        yield image


def _steps(look: Look) -> Image.Image:
    """Seats and steps behind the people."""
    image = Image.new("RGB", SIZE)
    pen = ImageDraw.Draw(image)
    for top in range(0, SIZE[1], STEP_PX):
        for shade, low, high in ((0.32, 0.0, 0.55), (0.62, 0.55, 1.0)):
            color = tuple(int(c * shade * gain) for c, gain in zip(look.seats, look.light.stand, strict=True))
            pen.rectangle((0, top + low * STEP_PX, SIZE[0], top + high * STEP_PX), fill=color)
    return image


def _row(look: Look, rng: np.random.Generator) -> Row:
    people = tuple(_fan(look, rng) for _ in range(SEATS))
    return Row(people, rng.uniform(0, 1, SEATS), rng.normal(0, 5, (SEATS, 2)))


def _fan(look: Look, rng: np.random.Generator) -> Figure | None:
    if rng.random() < 0.07:
        return None
    person, other = int(rng.integers(4)), int(rng.integers(len(EVERYDAY)))
    shirt = look.home.kit.shirt
    if rng.random() > 0.7:
        # One person per everyday shirt, because every other figure is another sprite to make.
        shirt, person = EVERYDAY[other], other
    plain = Kit(shirt, look.home.kit.trim, (44, 48, 60), (44, 48, 60))
    return Figure(plain, "front", person, motion="cheer" if rng.random() < 0.45 else "stand")


def _draw_row(image: Image.Image, row: Row, number: int, shift: float, zoom: float, time_s: float, look: Look) -> None:
    height = round((118 + 5 * number) * zoom / 4) * 4
    for seat, figure in enumerate(row.people):
        x = (seat - SEATS / 2 + 0.5 * (number % 2)) * SEAT_PX * zoom + 340 + shift + row.offset[seat, 0]
        y = 92 + number * ROW_PX * zoom + row.offset[seat, 1]
        if figure is None or not -height < x < SIZE[0] + height or y > SIZE[1] + height:
            continue
        # Few phases are enough for people who stay where they are.
        phases = PHASES_OF[figure.motion]
        phase = int((row.beat[seat] + time_s * 0.9) * phases) % phases * (PHASES // phases)
        paste(image, sprite(figure, phase, look.light, height, False), (x, y), height)


def _flag(look: Look, rng: np.random.Generator) -> Flag:
    colors = [look.home.kit.shirt, look.home.kit.trim]
    if rng.random() < 0.5:
        colors.reverse()
    x, y, size, since = (float(rng.uniform(*ends)) for ends in ((60, 520), (30, 210), (70, 130), (0, 6)))
    return Flag(x, y, size, since, *colors)


def _draw_flag(image: Image.Image, flag: Flag, time_s: float) -> None:
    """Waves from its pole: two bands, cut into upright strips that rise and fall."""
    pen, now = ImageDraw.Draw(image), time_s * 5 + flag.since
    tilt = 0.3 + 0.25 * math.sin(time_s * 2.2 + flag.since)
    pen.line((flag.x, flag.y, flag.x - flag.size * tilt, flag.y + flag.size * 2.2), fill=(60, 54, 48), width=4)
    for strip in range(FLAG_STRIPS):
        shares = strip / FLAG_STRIPS, (strip + 1) / FLAG_STRIPS
        left, right = flag.x + flag.size * 1.4 * shares[0], flag.x + flag.size * 1.4 * shares[1]
        tops = [flag.y + flag.size * 0.12 * share * math.sin(now - 7 * share) for share in shares]
        shade = 0.88 + 0.12 * math.cos(now - 7 * shares[0])
        for color, high, low in ((flag.upper, 0.0, 0.45), (flag.lower, 0.45, 0.9)):
            corners = [(left, tops[0] + high * flag.size), (right, tops[1] + high * flag.size)]
            corners += [(right, tops[1] + low * flag.size), (left, tops[0] + low * flag.size)]
            pen.polygon(corners, fill=tuple(int(c * shade) for c in color))
