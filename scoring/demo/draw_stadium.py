"""The stadium without players: one panorama per match and camera place."""

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from scoring.demo.camera import Floats, Panorama, View
from scoring.demo.draw_ground import GRIDIRON_NEAR, HALF_LENGTH, WIDTH, YARD, ground_seen_by, paint_ground
from scoring.demo.draw_stands import paint_back, paint_side, stand_profile
from scoring.demo.looks import Look


def panorama(look: Look, *, gridiron: bool = False) -> Panorama:
    """All that the main camera of this match can turn to."""
    view = View(0, -look.camera_back_m, look.camera_height_m, 0.0, look.tilt, look.focal * 1.06, 2120, 780)
    sharp = Image.fromarray(finished(stadium(view, look, gridiron=gridiron), look))
    return Panorama.of(view, np.asarray(sharp.filter(ImageFilter.GaussianBlur(0.7))))


def stadium(view: View, look: Look, *, gridiron: bool = False) -> Floats:
    """The picture of a view without yaw, (height, width, 3) in 0..255."""
    rng = np.random.default_rng([ord(c) for c in look.seed])
    rgb = np.empty((view.height, view.width, 3), np.float32)
    rgb[:] = np.array(look.light.haze, np.float32)
    behind_boards = view.project(np.array([view.x, WIDTH + 8.0, 0.0]))
    first = max(0, int(behind_boards[1]))
    ground = ground_seen_by(view, slice(first, None))
    rgb[first:] = paint_ground(ground, look, gridiron, rng)
    profile = stand_profile(look, rng)
    paint_back(rgb, view, profile, WIDTH)
    for side in (-1, 1):
        paint_side(rgb, view, profile, HALF_LENGTH + (4 if gridiron else 0), side)
    return _goals(rgb, view, gridiron)


def finished(rgb: Floats, look: Look) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Haze that grows towards the far side, then 8 bits."""
    amount = look.light.haze_amount * np.linspace(1.6, 0.5, rgb.shape[0], dtype=np.float32)[:, None, None]
    rgb = rgb * (1 - amount) + np.array(look.light.haze, np.float32) * amount
    return rgb.clip(0, 255).astype(np.uint8)


def _goals(rgb: Floats, view: View, gridiron: bool) -> Floats:
    """Draws both goals at three times the size, so that posts and nets come out smooth."""
    image = Image.fromarray(rgb.clip(0, 255).astype(np.uint8))
    for side in (-1, 1):
        segments = _posts(side) if gridiron else _net(side) + _frame(side)
        _draw_segments(image, view, segments)
    return np.asarray(image, np.float32)


Point = tuple[float, float, float]
Segment = tuple[Point, Point, float, tuple[int, int, int, int]]


def _frame(side: int) -> list[Segment]:
    x, low, high, white = side * HALF_LENGTH, WIDTH / 2 - 3.66, WIDTH / 2 + 3.66, (250, 250, 250, 255)
    corners: list[Point] = [(x, low, 0), (x, low, 2.44), (x, high, 2.44), (x, high, 0)]
    return [(a, b, 0.14, white) for a, b in pairwise(corners)]


def _net(side: int) -> list[Segment]:
    x, low, deep = side * HALF_LENGTH, WIDTH / 2 - 3.66, side * 2.0
    thread = (235, 238, 240, 84)
    segments: list[Segment] = []
    for y in np.linspace(low, low + 7.32, 15):
        segments.append(((x, y, 2.44), (x + deep * 0.5, y, 2.2), 0.04, thread))
        segments.append(((x + deep * 0.5, y, 2.2), (x + deep, y, 0), 0.04, thread))
    for share in np.linspace(0, 1, 6):
        z, out = 2.2 * (1 - share), deep * (0.5 + 0.5 * share)
        segments.append(((x + out, low, z), (x + out, low + 7.32, z), 0.04, thread))
        segments += [((x, y, z), (x + out, y, z), 0.04, thread) for y in (low, low + 7.32)]
    return segments


def _posts(side: int) -> list[Segment]:
    x, y, yellow = side * 60 * YARD, GRIDIRON_NEAR + 80 / 3 * YARD, (250, 214, 60, 255)
    low, high = y - 2.82, y + 2.82
    return [
        ((x, y, 0), (x, y, 3.05), 0.3, yellow),
        ((x, low, 3.05), (x, high, 3.05), 0.2, yellow),
        ((x, low, 3.05), (x, low, 10.0), 0.16, yellow),
        ((x, high, 3.05), (x, high, 10.0), 0.16, yellow),
    ]


def _draw_segments(image: Image.Image, view: View, segments: list[Segment], fine: int = 3) -> None:
    ends = view.project(np.array([[a, b] for a, b, _, _ in segments]))
    left, top = np.floor(ends[..., :2].min(axis=(0, 1))).astype(int) - 4
    right, bottom = np.ceil(ends[..., :2].max(axis=(0, 1))).astype(int) + 4
    if right <= 0 or bottom <= 0 or left >= image.width or top >= image.height or ends[..., 2].min() < 1:
        return
    layer = Image.new("RGBA", ((right - left) * fine, (bottom - top) * fine), (240, 240, 240, 0))
    canvas = ImageDraw.Draw(layer)
    for (_, _, thick, color), (a, b) in zip(segments, ends, strict=True):
        line = [((p[0] - left) * fine, (p[1] - top) * fine) for p in (a, b)]
        canvas.line([line[0], line[1]], fill=color, width=max(1, round(thick * view.focal / a[2] * fine)))
    layer = layer.resize((right - left, bottom - top), Image.Resampling.BOX)
    image.paste(layer, (int(left), int(top)), layer)
