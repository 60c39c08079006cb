"""What surrounds the pitch: advertising boards, tiers full of people, fascias, roof and sky.

A stand is a profile of straight pieces, extruded along a touchline or behind a goal line. Painters get the place on the
piece in metres (`up` along the profile, `along` the extrusion) and how many metres a pixel covers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scoring.demo.camera import Floats, View
from scoring.demo.draw_text import draw_text
from scoring.demo.looks import Color, Look

Painter = Callable[[Floats, Floats, Floats], Floats]

BRANDS: tuple[tuple[str, Color, Color], ...] = (
    ("KOPPAR", (222, 84, 30), (255, 246, 236)),
    ("NORDLYS ENERGI", (16, 34, 84), (120, 220, 255)),
    ("alto bank", (240, 240, 242), (16, 92, 70)),
    ("BRISK", (206, 24, 44), (255, 255, 255)),
    ("Velocita", (250, 204, 40), (28, 28, 34)),
    ("MERIDIAN AIR", (250, 250, 252), (24, 60, 140)),
    ("TERRAFIN", (28, 28, 34), (250, 204, 40)),
    ("hello.mobil", (120, 30, 130), (255, 255, 255)),
    ("OSTRA", (0, 128, 150), (255, 255, 255)),
    ("GRANITE TOOLS", (60, 64, 72), (255, 150, 40)),
)


# How many of 256 spectators wear their team's colours, by section.
FAN_SHARES = np.array((30, 60, 90, 130, 200, 240, 250, 250), np.float32)


@dataclass(frozen=True)
class Piece:
    """From (out, up) to (out, up), metres outwards from the edge of the pitch and above it."""

    start: tuple[float, float]
    end: tuple[float, float]
    paint: Painter

    @property
    def length(self) -> float:
        return math.dist(self.start, self.end)


def stand_profile(look: Look, rng: np.random.Generator) -> tuple[Piece, ...]:
    """From far to near, in the order of painting."""
    crowd = crowd_painter(look, rng)
    return (
        Piece((26.0, 14.0), (58.0, 31.0), crowd),
        Piece((26.0, 11.6), (26.0, 14.0), fascia_painter(look, rng)),
        Piece((6.5, 1.2), (26.0, 11.6), crowd),
        Piece((6.5, 0.0), (6.5, 1.2), lambda up, along, foot: _flat(up, along, (70, 74, 82), look.light.stand)),
        Piece((3.8, 0.0), (3.8, 0.95), board_painter(look, rng)),
    )


def _flat(up: Floats, along: Floats, color: Color, light: tuple[float, float, float]) -> Floats:
    shape = np.broadcast(up, along).shape
    return np.broadcast_to(np.array(color, np.float32) * np.array(light, np.float32), (*shape, 3)).copy()


def _hash(row: NDArray[np.int32], seat: NDArray[np.int32], salt: int) -> NDArray[np.uint32]:
    mixed = row.astype(np.uint32) * np.uint32(73856093) ^ seat.astype(np.uint32) * np.uint32(19349663)
    mixed = (mixed ^ np.uint32(salt)) * np.uint32(2654435761)
    return mixed ^ (mixed >> np.uint32(15))


def _palette(look: Look, fans: bool, rng: np.random.Generator) -> Floats:
    """256 shirt colours to draw from, (256, 3)."""
    everyday = np.array([(44, 48, 60), (84, 88, 98), (206, 206, 204), (58, 70, 110), (128, 92, 72), (110, 40, 46)])
    kit = np.array([look.home.kit.shirt, look.home.kit.trim, look.home.kit.shirt])
    picked = (kit if fans else everyday)[rng.integers(0, 3 if fans else 6, 256)]
    return np.clip(picked + rng.normal(0, 16, (256, 3)), 8, 250).astype(np.float32)


def crowd_painter(look: Look, rng: np.random.Generator) -> Painter:
    """Rows of spectators, some in their team's colours, heads over shirts, empty seats and aisles between them."""
    salt, phase = int(rng.integers(1, 2**31)), float(rng.uniform(0, 6))
    everyday, fans = _palette(look, False, rng), _palette(look, True, rng)
    skins = np.array([(224, 178, 148), (188, 138, 106), (120, 82, 60), (236, 196, 168)], np.float32)
    seats = np.array(look.seats, np.float32)
    occupied = int(rng.integers(214, 244))
    light = np.array(look.light.stand, np.float32)

    def paint(up: Floats, along: Floats, foot: Floats) -> Floats:
        row = np.floor(up / 0.85).astype(np.int32)
        place = along / 0.55 + 0.5 * (row % 2)
        seat = np.floor(place).astype(np.int32)
        code = _hash(row, seat, salt)
        # Whole sections belong to the home fans, to nobody in particular, or stay thin.
        section = np.floor(along / 17.0 + 0.5).astype(np.int32)
        mood = _hash(np.zeros_like(section), section, salt) & np.uint32(7)
        fan_share = FAN_SHARES[mood] + 40 * np.sin(row * 0.3 + along * 0.05 + phase)
        is_fan = ((code >> np.uint32(8)) & np.uint32(255)) < fan_share
        rgb = np.where(is_fan[..., None], fans[code & np.uint32(255)], everyday[code & np.uint32(255)])
        fx, fy = place - seat - 0.5, up / 0.85 - row
        head = (fx / 0.27) ** 2 + ((fy - 0.66) / 0.22) ** 2 < 1
        rgb[head] = skins[(code[head] >> np.uint32(20)) & np.uint32(3)]
        rgb[(fy > 0.9) | ((np.abs(fx) > 0.3) & (fy > 0.5))] *= 0.5
        empty = ((code >> np.uint32(12)) & np.uint32(255)) > occupied
        rgb[empty] = seats * 0.8
        rgb[np.abs(np.mod(along, 17.0) - 8.5) < 0.55] = (112, 114, 118)
        # The front rows stand in the light, the last ones in the dark under the next tier or the roof.
        shade = (0.36 + 0.62 * np.clip(1 - up / 24, 0, 1))[..., None]
        # Far away, people differ less than their clothes do.
        rgb = rgb * 0.85 + rgb.mean(axis=(0, 1)) * 0.15
        return np.asarray(rgb * light * shade, np.float32)

    return paint


def fascia_painter(look: Look, rng: np.random.Generator) -> Painter:
    """The front of the upper tier: a band of light letters on the club's colour over dark boxes."""
    strip = _strip(look, rng, (2400, 20), tall_m=1.0)

    def paint(up: Floats, along: Floats, foot: Floats) -> Floats:
        rgb = _flat(up, along, (24, 28, 36), (1, 1, 1))
        band = np.broadcast_to(up > 1.3, rgb.shape[:2])
        rgb[band] = _sample(strip, (up - 1.3) / 1.1, along, 20.0)[band] * 0.8
        return rgb

    return paint


def board_painter(look: Look, rng: np.random.Generator) -> Painter:
    strip = _strip(look, rng, (4800, 24), tall_m=0.95)
    glow = 0.95 if look.light.name == "floodlit" else float(np.mean(look.light.stand))

    def paint(up: Floats, along: Floats, foot: Floats) -> Floats:
        return _sample(strip, up / 0.95, along, 25.0) * glow

    return paint


def _strip(look: Look, rng: np.random.Generator, size: tuple[int, int], tall_m: float) -> Floats:
    """A long strip of brands, drawn four times as large and reduced: (height, width, 3)."""
    big = Image.new("RGB", (size[0] * 2, size[1] * 2))
    canvas = ImageDraw.Draw(big)
    x, order = 0, rng.permutation(len(BRANDS))
    n = 0
    while x < big.width:
        name, back, ink = BRANDS[order[n % min(5, len(order))]]
        wide = int(big.height * (2.2 + 0.62 * len(name)))
        canvas.rectangle((x, 0, x + wide, big.height), fill=back)
        draw_text(canvas, (x + wide / 2, big.height * 0.52), name, big.height * 0.72, ink, bold=0.03)
        x, n = x + wide, n + 1
    return np.asarray(big.reduce(2), np.float32)


def _sample(strip: Floats, up: Floats, along: Floats, per_m: float) -> Floats:
    row = ((1 - up).clip(0, 0.999) * strip.shape[0]).astype(np.int32)
    return np.asarray(strip[row, (along * per_m).astype(np.int32) % strip.shape[1]])


def paint_back(rgb: Floats, view: View, profile: tuple[Piece, ...], edge_y: float) -> None:
    """Paints the stand along the far touchline into (rows, columns, 3); every row meets a piece at one place."""
    q = (np.arange(view.height, dtype=np.float32) + 0.5 - view.height / 2) / view.focal
    p = (np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2) / view.focal
    dy, dz = math.cos(view.tilt) + q * math.sin(view.tilt), math.sin(view.tilt) - q * math.cos(view.tilt)
    for piece in profile:
        distance, up = _meet(piece, (view.y - edge_y, view.z), dy, dz)
        rows = np.flatnonzero((distance > 0) & (up >= 0) & (up <= piece.length))
        if rows.size:
            t = distance[rows, None].astype(np.float32)
            rgb[rows] = piece.paint(up[rows, None].astype(np.float32), p[None, :] * t + view.x, t / view.focal)


def paint_side(rgb: Floats, view: View, profile: tuple[Piece, ...], edge_x: float, side: int) -> None:
    """Paints the stand behind one goal line (side -1 or 1)."""
    q = ((np.arange(view.height, dtype=np.float32) + 0.5 - view.height / 2) / view.focal)[:, None]
    p = ((np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2) / view.focal)[None, :]
    columns = np.flatnonzero(p[0] * side > 0.25)
    if not columns.size:
        return
    dx = p[:, columns] * side + 0 * q
    dy = math.cos(view.tilt) + q * math.sin(view.tilt)
    dz = math.sin(view.tilt) - q * math.cos(view.tilt) + 0 * dx
    for piece in profile:
        distance, up = _meet(piece, (view.x * side - edge_x, view.z), dx, dz)
        y = view.y + distance * dy
        row, column = np.nonzero((distance > 0) & (up >= 0) & (up <= piece.length) & (y > -12) & (y < 71.5))
        if row.size:
            at = (row, column)
            foot = (distance[at] / view.focal).astype(np.float32)
            painted = piece.paint(up[at][None].astype(np.float32), y[at][None].astype(np.float32), foot[None])
            rgb[row, columns[column]] = painted[0]


def _meet(piece: Piece, origin: tuple[float, float], d_out: Floats, d_up: Floats) -> tuple[Floats, Floats]:
    """Where rays meet the piece's plane: distance in units of the ray, and metres up the profile."""
    # Plain floats, so that the pictures' 32 bits do not become 64.
    along = ((piece.end[0] - piece.start[0]) / piece.length, (piece.end[1] - piece.start[1]) / piece.length)
    normal = (-along[1], along[0])
    facing = normal[0] * d_out + normal[1] * d_up
    facing = np.where(np.abs(facing) < 1e-6, np.float32(1e-6), facing)
    distance = (normal[0] * (piece.start[0] - origin[0]) + normal[1] * (piece.start[1] - origin[1])) / facing
    up = (origin[0] + distance * d_out - piece.start[0]) * along[0]
    up = up + (origin[1] + distance * d_up - piece.start[1]) * along[1]
    return np.asarray(distance, np.float32), np.asarray(up, np.float32)
