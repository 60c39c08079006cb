"""Players as articulated figures in plain colours; draw_sprites gives them light, shadow and size."""

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from scoring.demo.draw_text import draw_text
from scoring.demo.looks import Color, Kit

# The figure stands on (0, 0) and is 1 high; the canvas around it leaves room for arms and shadow.
CANVAS = (1.5, 1.28)
FEET = (0.75, 1.12)
SKINS: tuple[Color, ...] = ((226, 180, 150), (150, 102, 74), (196, 148, 116), (96, 66, 50))
HAIRS: tuple[Color, ...] = ((60, 42, 30), (24, 22, 24), (150, 112, 62), (20, 18, 18))

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Radians from straight down, forward positive: (hip, knee) for each leg, (shoulder, elbow) for each arm."""

    legs: tuple[Point, Point]
    arms: tuple[Point, Point]
    lean: float = 0.0
    drop: float = 0.0


@dataclass(frozen=True)
class Figure:
    """Who stands there: kit, build, and which side is seen (`side`, `front` or `back`)."""

    kit: Kit
    side: str = "side"
    person: int = 0
    number: int = 0
    motion: str = "run"


def running(phase: float) -> Pose:
    """The pose at `phase` of a stride, 0..1."""
    swing = 2 * math.pi * phase
    legs = []
    for shift in (0.0, math.pi):
        hip = 0.78 * math.sin(swing + shift) + 0.12
        knee = 0.25 + 1.15 * max(0.0, math.cos(swing + shift)) ** 1.3
        legs.append((hip, -knee))
    arms = [(0.75 * math.sin(swing + shift), 1.35) for shift in (math.pi, 0.0)]
    return Pose((legs[0], legs[1]), (arms[0], arms[1]), 0.16, 0.03 + 0.025 * abs(math.sin(swing)))


def standing(phase: float) -> Pose:
    """Nearly still: weight shifts from leg to leg."""
    sway = 0.06 * math.sin(2 * math.pi * phase)
    return Pose(((0.10 + sway, -0.08), (-0.14 + sway, -0.1)), ((0.16 - sway, 0.35), (-0.12, 0.3)), 0.02, 0.01)


def crouching(phase: float) -> Pose:
    """The three-point stance of a lineman."""
    sway = 0.03 * math.sin(2 * math.pi * phase)
    return Pose(((1.15, -1.5), (0.75, -1.35)), ((0.55 + sway, 0.1), (0.2, 0.9)), 0.95, 0.30)


def cheering(phase: float) -> Pose:
    """Both arms up, as seen from the front."""
    wave = 0.5 * math.sin(2 * math.pi * phase)
    legs = ((0.1, -0.08), (-0.1, -0.08))
    return Pose(legs, ((6.6 + wave, 0.4), (-6.6 + wave, 0.4)), 0.0, 0.02 * math.sin(4 * math.pi * phase))


POSES = {"run": running, "stand": standing, "crouch": crouching, "cheer": cheering}


def _step(start: Point, angle: float, length: float, spread: float = 0.0) -> Point:
    return (start[0] + math.sin(angle) * length + spread, start[1] - math.cos(angle) * length)


class _Pen:
    """Draws in units of the figure's height, y up, on a canvas of `scale` pixels per unit."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.image = Image.new("RGBA", (round(CANVAS[0] * scale), round(CANVAS[1] * scale)), (90, 90, 90, 0))
        self.canvas = ImageDraw.Draw(self.image)

    def at(self, point: Point) -> Point:
        return ((FEET[0] + point[0]) * self.scale, (FEET[1] - point[1]) * self.scale)

    def limb(self, a: Point, b: Point, wide_a: float, wide_b: float, color: Color) -> None:
        """A tapered limb with round ends."""
        (ax, ay), (bx, by) = self.at(a), self.at(b)
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length, (bx - ax) / length
        ra, rb = wide_a * self.scale / 2, wide_b * self.scale / 2
        outline = [(ax + nx * ra, ay + ny * ra), (bx + nx * rb, by + ny * rb)]
        outline += [(bx - nx * rb, by - ny * rb), (ax - nx * ra, ay - ny * ra)]
        self.canvas.polygon(outline, fill=color)
        for x, y, r in ((ax, ay, ra), (bx, by, rb)):
            self.canvas.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def disc(self, center: Point, rx: float, ry: float, color: Color) -> None:
        x, y = self.at(center)
        self.canvas.ellipse(
            (x - rx * self.scale, y - ry * self.scale, x + rx * self.scale, y + ry * self.scale), fill=color
        )

    def shape(self, points: list[Point], color: Color) -> None:
        self.canvas.polygon([self.at(p) for p in points], fill=color)


def _dark(color: Color, factor: float = 0.72) -> Color:
    return (int(color[0] * factor), int(color[1] * factor), int(color[2] * factor))


def _leg(pen: _Pen, figure: Figure, hip: Point, angles: Point, spread: float, far: bool) -> None:
    kit, gear = figure.kit, figure.kit.helmet is not None
    shade = 0.74 if far else 1.0
    skin = _dark(SKINS[figure.person % 4], shade)
    squeeze = 1.0 if figure.side == "side" else 0.35
    knee = _step(hip, angles[0] * squeeze, 0.235 * (1 - 0.25 * (1 - squeeze) * abs(angles[0])), spread)
    shin = (angles[0] + angles[1]) * squeeze
    length = 0.235 if figure.side == "side" else 0.235 - 0.11 * min(1.0, abs(angles[1]) / 1.4)
    foot = _step(knee, shin, length, spread * 0.3)
    pen.limb(hip, knee, 0.125, 0.085, skin if not gear else _dark(kit.shorts, shade))
    pen.limb(knee, foot, 0.082, 0.056, _dark(kit.socks, shade))
    if figure.side == "side":
        toe = _step(foot, shin + 1.45, 0.075)
        pen.limb((foot[0], foot[1] - 0.008), (toe[0], toe[1] - 0.008), 0.05, 0.038, (30, 30, 34))
    else:
        pen.disc((foot[0], foot[1] - 0.008), 0.036, 0.026, (30, 30, 34))
    thigh = 0.62 if not gear else 0.98
    hem = (hip[0] + (knee[0] - hip[0]) * thigh, hip[1] + (knee[1] - hip[1]) * thigh)
    pen.limb(hip, hem, 0.145, 0.135 if not gear else 0.1, _dark(kit.shorts, shade))


def _arm(pen: _Pen, figure: Figure, shoulder: Point, angles: Point, spread: float, far: bool) -> None:
    shade = 0.76 if far else 1.0
    squeeze = 1.0 if figure.side == "side" else 0.4
    elbow = _step(shoulder, angles[0] * squeeze, 0.155, spread)
    bend = angles[1] if figure.side == "side" else angles[1] * 0.45 * (1 if spread > 0 else -1) * -1
    hand = _step(elbow, angles[0] * squeeze + bend, 0.14, spread * 0.25)
    skin, shirt = _dark(SKINS[figure.person % 4], shade), _dark(figure.kit.shirt, shade)
    pen.limb(elbow, hand, 0.056, 0.046, skin)
    pen.limb(shoulder, elbow, 0.09 if figure.kit.helmet is None else 0.13, 0.06, skin)
    sleeve = (shoulder[0] + (elbow[0] - shoulder[0]) * 0.75, shoulder[1] + (elbow[1] - shoulder[1]) * 0.75)
    pen.limb(shoulder, sleeve, 0.095 if figure.kit.helmet is None else 0.14, 0.085, shirt)


def _torso(pen: _Pen, figure: Figure, hip: Point, neck: Point) -> None:
    gear = figure.kit.helmet is not None
    half_top = {"side": 0.045, "front": 0.115, "back": 0.115}[figure.side] * (1.3 if gear else 1.0)
    half_low = {"side": 0.035, "front": 0.07, "back": 0.07}[figure.side]
    top = [(neck[0] + half_top, neck[1] - 0.035), (neck[0] - half_top, neck[1] - 0.035)]
    low = [(hip[0] - half_low, hip[1] - 0.02), (hip[0] + half_low, hip[1] - 0.02)]
    shirt = figure.kit.shirt
    round_top, round_low = 0.1, 0.085
    pen.limb(top[0], low[1], round_top, round_low, shirt)
    pen.limb(top[1], low[0], round_top, round_low, shirt)
    pen.shape([*top, *low], shirt)
    pen.limb(top[0], top[1], round_top, round_top, shirt)
    pen.limb(low[0], low[1], round_low, round_low, shirt)
    _pattern(pen, figure, top, low)


def _pattern(pen: _Pen, figure: Figure, top: list[Point], low: list[Point]) -> None:
    def between(a: Point, b: Point, share: float) -> Point:
        return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)

    trim = figure.kit.trim
    if figure.kit.pattern == "stripes":
        for left in (-0.12, 0.4, 0.92):
            a, b = between(top[1], top[0], left), between(top[1], top[0], left + 0.17)
            c, d = between(low[0], low[1], left + 0.17), between(low[0], low[1], left)
            pen.shape([(a[0], a[1] + 0.04), (b[0], b[1] + 0.04), (c[0], c[1] - 0.02), (d[0], d[1] - 0.02)], trim)
    elif figure.kit.pattern == "sash":
        pen.shape(
            [between(top[1], low[0], 0.0), between(top[1], top[0], 0.3), low[1], between(low[1], low[0], 0.35)], trim
        )
    if figure.number and figure.side != "side":
        x, y = pen.at(between(between(top[0], top[1], 0.5), between(low[0], low[1], 0.5), 0.42))
        draw_text(pen.canvas, (x, y), str(figure.number), pen.scale * 0.15, trim, bold=0.06)


def _head(pen: _Pen, figure: Figure, neck: Point, lean: float) -> None:
    skin, hair = SKINS[figure.person % 4], HAIRS[figure.person % 4]
    head = _step(neck, math.pi - lean * 0.6, 0.085)
    pen.limb(neck, head, 0.055, 0.05, _dark(skin, 0.86))
    if figure.kit.helmet is not None:
        pen.disc(head, 0.083, 0.083, figure.kit.helmet)
        if figure.side == "side":
            pen.limb((head[0] + 0.06, head[1] - 0.01), (head[0] + 0.095, head[1] - 0.04), 0.02, 0.02, (60, 60, 66))
            pen.limb((head[0] + 0.03, head[1] - 0.06), (head[0] + 0.095, head[1] - 0.045), 0.016, 0.016, (60, 60, 66))
            pen.limb((head[0] - 0.05, head[1] + 0.07), (head[0] + 0.05, head[1] + 0.07), 0.018, 0.018, figure.kit.trim)
        elif figure.side == "front":
            pen.disc((head[0], head[1] - 0.02), 0.05, 0.05, _dark(skin, 0.7))
            pen.limb((head[0] - 0.05, head[1] - 0.04), (head[0] + 0.05, head[1] - 0.04), 0.014, 0.014, (60, 60, 66))
        return
    pen.disc(head, 0.052, 0.066, skin)
    if figure.side == "back":
        pen.disc((head[0], head[1] + 0.008), 0.056, 0.064, hair)
    elif figure.side == "front":
        pen.disc((head[0], head[1] + 0.038), 0.055, 0.036, hair)
    else:
        pen.disc((head[0] - 0.018, head[1] + 0.022), 0.05, 0.05, hair)
        pen.disc((head[0] + 0.02, head[1] - 0.012), 0.036, 0.046, skin)


def draw_figure(figure: Figure, phase: float, scale: float) -> Image.Image:
    """The figure, `scale` pixels high, at `phase` 0..1 of its motion, RGBA; seen from the side it faces right."""
    pose = POSES[figure.motion](phase)
    pen = _Pen(scale)
    spread = 0.0 if figure.side == "side" else 0.03
    hip = (0.0, 0.50 - pose.drop)
    neck = _step(hip, math.pi - pose.lean * (1 if figure.side == "side" else 0.2), 0.345)
    shoulder = (neck[0], neck[1] - 0.03)
    wide = 0.0 if figure.side == "side" else (0.125 if figure.kit.helmet is None else 0.165)
    half = 0.0 if figure.side == "side" else 0.05
    _arm(pen, figure, (shoulder[0] - wide, shoulder[1]), pose.arms[1], -spread, figure.side == "side")
    _leg(pen, figure, (hip[0] - half, hip[1]), pose.legs[1], -spread * 0.4, figure.side == "side")
    _leg(pen, figure, (hip[0] + half, hip[1]), pose.legs[0], spread * 0.4, False)
    if figure.side == "side":
        _torso(pen, figure, hip, neck)
        _head(pen, figure, neck, pose.lean)
        _arm(pen, figure, shoulder, pose.arms[0], 0.0, False)
    else:
        _arm(pen, figure, (shoulder[0] + wide, shoulder[1]), pose.arms[0], spread, False)
        _torso(pen, figure, hip, neck)
        _head(pen, figure, neck, 0.0)
    return pen.image
