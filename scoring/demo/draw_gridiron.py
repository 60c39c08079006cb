"""American football in the same kind of stadium: the near case, green turf and white lines with other meaning."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from scoring.demo.camera import Panorama, View
from scoring.demo.draw_ground import GRIDIRON_NEAR, WIDTH, YARD
from scoring.demo.draw_match import camera_path, draw_people, picture
from scoring.demo.draw_overlay import channel_mark, gridiron_bug
from scoring.demo.looks import Color, Look
from scoring.demo.motion import gridiron, seeded
from scoring.demo.script import FPS, Scene


def gridiron_shot(scene: Scene, look: Look, pano: Panorama) -> Iterator[Image.Image]:
    """One down from the side: two lines wait, the ball is snapped, everybody runs."""
    rng = seeded(scene.seed)
    spot = float(rng.uniform(-26, 22))
    snap = min(round(1.8 * FPS), scene.frames // 2)
    play = gridiron(scene.frames, spot, snap, rng)
    path = camera_path(play.ball, pano.view, look.focal * rng.uniform(1.12, 1.3), rng)
    kits = [look.home.kit] * 11 + [look.away.kit] * 11 + [look.referee] * 4
    for n, view in enumerate(path):
        image = picture(pano, view)
        _cross_line(image, view, spot + 7 * YARD, (250, 214, 40))
        _cross_line(image, view, spot, (40, 90, 220))
        draw_people(image, view, play, n, kits, look, calm="crouch" if n <= snap else "stand")
        _score_over(image, scene, n, look)
        yield image


def _cross_line(image: Image.Image, view: View, x: float, color: Color) -> None:
    """The broadcaster's line across the field, half a yard wide, the grass showing through."""
    near, far, half = GRIDIRON_NEAR, WIDTH - GRIDIRON_NEAR, 0.16
    corners = [(x - half, near, 0), (x + half, near, 0), (x + half, far, 0), (x - half, far, 0)]
    seen = view.project(np.array(corners, float))
    ImageDraw.Draw(image, "RGBA").polygon([(float(u), float(v)) for u, v, _ in seen], fill=(*color, 150))


def _score_over(image: Image.Image, scene: Scene, n: int, look: Look) -> None:
    rng = seeded(look.seed)
    points, start = (int(rng.choice([7, 10, 14, 17])), int(rng.choice([0, 3, 7, 13]))), int(rng.integers(300, 800))
    bug = gridiron_bug(look, points, start - n // FPS)
    image.paste(bug, ((image.width - bug.width) // 2, image.height - 44), bug)
    mark = channel_mark("GRIDIRON 24")
    image.paste(mark, (image.width - 110, 20), mark)
