"""American football in the same kind of stadium: the near case, green turf and white lines with other meaning.

Seen from the top of the stand, as coaches and calm directors like it: nearly all of the picture is even turf.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from scoring.demo.camera import Panorama, View, look_at
from scoring.demo.draw_ground import GRIDIRON_NEAR, WIDTH, YARD
from scoring.demo.draw_match import draw_people, exposed, exposures, picture
from scoring.demo.draw_overlay import channel_mark, gridiron_bug
from scoring.demo.looks import Color, Look
from scoring.demo.motion import Track, gridiron, seeded, smooth
from scoring.demo.script import FPS, Scene

# Where the camera looks: a little short of the middle of the field, so that no stand comes into the picture.
AIM_Y = WIDTH / 2 - 2.5


def gridiron_shot(scene: Scene, look: Look, pano: Panorama) -> Iterator[Image.Image]:
    """One down from the side: two lines wait, the ball is snapped, everybody runs."""
    rng = seeded(scene.seed)
    spot = float(rng.uniform(-17, 12))
    snap = min(round(1.8 * FPS), scene.frames // 2)
    play = gridiron(scene.frames, spot, snap, rng)
    path = _camera_path(play.ball, pano.view, look.focal * rng.uniform(0.94, 1.06), rng)
    kits = [look.home.kit] * 11 + [look.away.kit] * 11 + [look.referee] * 4
    light = exposures(scene)
    for n, view in enumerate(path):
        image = picture(pano, view)
        _cross_line(image, view, spot + 7 * YARD, (250, 214, 40))
        _cross_line(image, view, spot, (40, 90, 220))
        draw_people(image, view, play, n, kits, look, calm="crouch" if n <= snap else "stand")
        image = exposed(image, light[n])
        _score_over(image, scene, n, look)
        yield image


def _camera_path(ball: Track, start: View, focal: float, rng: np.random.Generator) -> list[View]:
    """Hardly moves: drifts after the ball along the field and breathes with the zoom."""
    lead = smooth(smooth(ball[:, 0], 2.5), 2.0)
    wave = np.sin(np.arange(len(ball)) / FPS * rng.uniform(0.15, 0.3) + rng.uniform(0, 6))
    views = []
    for x, swell in zip(lead, wave, strict=True):
        yaw, tilt = look_at(start, (0.9 * float(x), AIM_Y, 0.0))
        views.append(start.aimed(yaw, tilt, focal * (1 + 0.02 * swell)))
    return views


def _cross_line(image: Image.Image, view: View, x: float, color: Color) -> None:
    """The broadcaster's line across the field, a quarter of a yard wide, the grass showing through."""
    near, far, half = GRIDIRON_NEAR, WIDTH - GRIDIRON_NEAR, 0.12
    corners = [(x - half, near, 0), (x + half, near, 0), (x + half, far, 0), (x - half, far, 0)]
    seen = view.project(np.array(corners, float))
    ImageDraw.Draw(image, "RGBA").polygon([(float(u), float(v)) for u, v, _ in seen], fill=(*color, 120))


def _score_over(image: Image.Image, scene: Scene, n: int, look: Look) -> None:
    rng = seeded(look.seed)
    points, start = (int(rng.choice([7, 10, 14, 17])), int(rng.choice([0, 3, 7, 13]))), int(rng.integers(300, 800))
    bug = gridiron_bug(look, points, start - n // FPS)
    image.paste(bug, (22, image.height - 34), bug)
    mark = channel_mark("GRIDIRON 24")
    image.paste(mark, (image.width - 110, 20), mark)
