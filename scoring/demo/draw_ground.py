"""The pitch from the camera's place: turf, mown stripes, lines of soccer or American football, light and shadow.

The panorama's camera has no yaw and no roll, so every picture row has one Y and one scale: most terms are (rows, 1).
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scoring.demo.camera import Floats, View
from scoring.demo.draw_text import text_mask
from scoring.demo.looks import Color, Look

HALF_LENGTH, WIDTH = 52.5, 68.0
YARD = 0.9144
GRIDIRON_NEAR = (WIDTH - 160 / 3 * YARD) / 2


@dataclass(frozen=True)
class Ground:
    """Where each pixel meets the ground, and how many metres it covers: x is (rows, columns), the rest (rows, 1)."""

    x: Floats
    y: Floats
    foot_x: Floats
    foot_y: Floats


def ground_seen_by(view: View, rows: slice) -> Ground:
    """The ground under the rows of a view that has no yaw; all of them must look below the horizon."""
    q = (np.arange(view.height, dtype=np.float32)[rows, None] + 0.5 - view.height / 2) / view.focal
    p = (np.arange(view.width, dtype=np.float32)[None, :] + 0.5 - view.width / 2) / view.focal
    scale = view.z / (q * math.cos(view.tilt) - math.sin(view.tilt))
    y = view.y + (math.cos(view.tilt) + q * math.sin(view.tilt)) * scale
    foot_y = np.abs(np.gradient(y, axis=0))
    return Ground(p * scale + np.float32(view.x), y, (scale / view.focal).astype(np.float32), foot_y)


def coverage(distance: Floats, foot: Floats, width: float) -> Floats:
    """How much of each pixel a line of `width` metres covers, by box filter: 0 to 1."""
    overlap = np.abs(distance)
    np.subtract((width + foot) / 2, overlap, out=overlap)
    np.clip(overlap, 0, np.minimum(width, foot), out=overlap)
    overlap /= foot
    return overlap


def _inside(value: Floats, foot: Floats, low: float, high: float) -> Floats:
    return coverage(value - (low + high) / 2, foot, high - low)


def soccer_lines(g: Ground, width: float = 0.14) -> Floats:
    """White lines of a soccer pitch: coverage (rows, columns) in 0..1."""
    ax = np.abs(g.x)
    inside = coverage(g.x, g.foot_x, 2 * HALF_LENGTH + width) * _inside(g.y, g.foot_y, -width / 2, WIDTH + width / 2)
    paint = np.maximum(coverage(g.y, g.foot_y, width), coverage(g.y - WIDTH, g.foot_y, width)) * np.ones_like(g.x)
    for distance in (g.x, ax - HALF_LENGTH):
        paint = np.maximum(paint, coverage(distance, g.foot_x, width))
    for depth, half in ((16.5, 20.16), (5.5, 9.16)):
        paint = np.maximum(paint, _box(g, ax, depth, half, width))
    return np.maximum(paint, _rounds(g, ax, width)) * inside


def _box(g: Ground, ax: Floats, depth: float, half: float, width: float) -> Floats:
    middle = np.abs(g.y - WIDTH / 2)
    front = coverage(ax - (HALF_LENGTH - depth), g.foot_x, width) * coverage(middle, g.foot_y, 2 * half)
    sides = coverage(middle - half, g.foot_y, width) * (ax > HALF_LENGTH - depth)
    return np.maximum(front, sides)


def _rounds(g: Ground, ax: Floats, width: float) -> Floats:
    """Circle, arcs and spots, computed only where they can be."""
    paint = np.zeros_like(ax)
    dy = g.y - WIDTH / 2
    near = np.flatnonzero(np.abs(dy[:, 0]) < 9.15 + width + g.foot_y[:, 0])
    spot_x = HALF_LENGTH - 11
    row, column = np.nonzero((ax[near] < 10) | (np.abs(ax[near] - spot_x) < 10))
    row = near[row]
    x, y, foot = ax[row, column], dy[row, 0], (g.foot_x + g.foot_y)[row, 0] / 2
    circle, arc = np.hypot(x, y), np.hypot(x - spot_x, y)
    found = np.maximum(coverage(circle - 9.15, foot, width), coverage(circle, foot, 0.45))
    arc_line = coverage(arc - 9.15, foot, width) * (x < HALF_LENGTH - 16.5)
    paint[row, column] = np.maximum(found, np.maximum(arc_line, coverage(arc, foot, 0.4)))
    return paint


def gridiron_lines(g: Ground, width: float = 0.11) -> Floats:
    """White marks of American football: lines every 5 yards, hash marks every yard, numbers, broad side lines."""
    across = g.y - GRIDIRON_NEAR
    field = 160 / 3 * YARD
    goal = 50 * YARD
    inside = coverage(g.x, g.foot_x, 120 * YARD) * _inside(across, g.foot_y, 0, field)
    fives = coverage(_to_nearest(g.x, 5 * YARD), g.foot_x, width) * (np.abs(g.x) < goal + 0.1)
    hashes = np.zeros_like(g.y)
    for place in (0.5, field * 0.39, field * 0.61, field - 0.5):
        hashes = np.maximum(hashes, _inside(across, g.foot_y, place - 0.4, place + 0.4))
    yards = coverage(_to_nearest(g.x, YARD), g.foot_x, width * 0.8) * hashes * (np.abs(g.x) < goal)
    paint = np.maximum(np.maximum(fives, yards), _numbers(g, across, field)) * inside
    frame = coverage(g.x, g.foot_x, 120.6 * YARD) * _inside(across, g.foot_y, -0.3, field + 0.3)
    return np.asarray(np.maximum(paint, (frame - inside).clip(0, 1)))


def _to_nearest(value: Floats, period: float) -> Floats:
    return np.asarray(value - period * np.round(value / period), np.float32)


def _numbers(g: Ground, across: Floats, field: float, tall: float = 2.0) -> Floats:
    """The yard numbers along both sides; the far row stands on its head, as it does on the field."""
    strip_px = 24
    strip = np.zeros((int(tall * strip_px), int(100 * YARD * strip_px)), np.float32)
    for ten in range(1, 10):
        mask = text_mask(" ".join(str(min(ten, 10 - ten) * 10)), strip.shape[0])
        left = int(ten * 10 * YARD * strip_px) - mask.shape[1] // 2
        strip[: mask.shape[0], left : left + mask.shape[1]] = mask[: strip.shape[0]]
    paint = np.zeros_like(g.x)
    for low, flip in ((6.4, False), (field - 6.4 - tall, True)):
        rows = np.flatnonzero((across[:, 0] >= low) & (across[:, 0] < low + tall))
        x = g.x[rows] * (-1 if flip else 1) + 50 * YARD
        up = (across[rows] - low) / tall
        line = ((up if flip else 1 - up) * (strip.shape[0] - 1)).astype(int)
        column = (x * strip_px).astype(int).clip(0, strip.shape[1] - 1)
        paint[rows] = strip[line, column]
    return paint


def turf_tone(g: Ground, look: Look, rng: np.random.Generator) -> Floats:
    """Brightness of the grass, about 1: mown stripes, patches, worn places, grain that fades with distance."""
    bands = np.tanh(6 * np.sin(np.pi * g.x / look.stripe_m))
    if look.checker:
        bands = bands * np.tanh(6 * np.sin(np.pi * g.y / look.stripe_m))
    tone = 1 + look.stripe_contrast * bands
    tone += 0.07 * look.patches * _lookup(_clouds(rng, (70, 110)), g, 1.6)
    tone += 0.05 * look.patches * _lookup(_clouds(rng, (170, 260)), g, 0.5)
    fine = rng.standard_normal(g.x.shape, dtype=np.float32)
    return np.asarray(tone * (1 + fine * (0.035 * np.clip(0.12 / g.foot_y, 0.25, 1.0))))


def _clouds(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Smooth noise in about -1..1, (4 * shape)."""
    small = Image.fromarray(rng.standard_normal(shape, dtype=np.float32))
    return np.asarray(small.resize((shape[1] * 4, shape[0] * 4), Image.Resampling.BICUBIC), np.float32)


def _lookup(texture: Floats, g: Ground, metres: float) -> Floats:
    """The texture laid on the ground around the centre spot, `metres` per four texels."""
    rows = ((g.y[:, 0] - WIDTH / 2) * (4 / metres)).astype(np.int32) + texture.shape[0] // 2
    columns = np.floor(g.x * (4 / metres)).astype(np.int32) + texture.shape[1] // 2
    rows = rows.clip(0, texture.shape[0] - 1)
    return np.asarray(texture[rows[:, None], columns.clip(0, texture.shape[1] - 1)], np.float32)


def worn(g: Ground) -> Floats:
    """Where the grass has gone, 0..1: both goal mouths and the kick-off spot."""
    dy = (g.y - WIDTH / 2) ** 2
    goals = np.exp(-((np.abs(g.x) - 49) ** 2) / 9 - dy / 22)
    return goals * 0.55 + 0.25 * np.exp(-(g.x**2) / 5 - dy / 5)


def paint_ground(g: Ground, look: Look, gridiron: bool, rng: np.random.Generator) -> Floats:
    """The lit ground, (rows, columns, 3) in 0..255."""
    rgb = turf_tone(g, look, rng)[..., None] * np.array(look.grass, np.float32)
    if gridiron:
        _paint_end_zones(rgb, g, look)
    else:
        _blend(rgb, worn(g) * 0.6, (128, 112, 68))
    # The paint of American football has been played on.
    lines = gridiron_lines(g) * 0.74 if gridiron else soccer_lines(g) * 0.88
    _blend(rgb, lines, (236, 240, 232))
    rgb *= np.array(look.light.ground, np.float32)
    if look.light.shadow:
        _stand_shadow(rgb, g, look)
    return rgb


def _blend(rgb: Floats, amount: Floats, color: Color) -> None:
    """Mixes a colour into the few pixels that have any of it."""
    some = amount > 0.004
    share = amount[some][:, None]
    rgb[some] = rgb[some] * (1 - share) + share * np.array(color, np.float32)


def _paint_end_zones(rgb: Floats, g: Ground, look: Look) -> None:
    across = g.y - GRIDIRON_NEAR
    in_zone = (np.abs(g.x) > 50 * YARD) & (np.abs(g.x) < 60 * YARD) & (across > 0) & (across < 160 / 3 * YARD)
    kit = look.home.kit
    color = np.array(kit.shirt if max(kit.shirt) < 220 else kit.trim, np.float32)
    rgb[in_zone] = rgb[in_zone] * 0.25 + color * 0.75


def _stand_shadow(rgb: Floats, g: Ground, look: Look) -> None:
    """Darkens the near side by the main stand's shadow, a little less in the blue."""
    edge = (20 + 3 * math.sin(look.camera_back_m) - g.y + 0.10 * g.x) * 2.2
    depth = look.light.shadow / (1 + np.exp(np.clip(-edge, -30, 30)))
    for channel, strength in enumerate((1.0, 0.94, 0.78)):
        rgb[..., channel] *= 1 - depth * np.float32(strength)
