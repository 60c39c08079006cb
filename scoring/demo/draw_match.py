"""Shots of a match: the main camera that follows play, and closer shots of players on the turf."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from scoring.demo.camera import Floats, Panorama, View, look_at
from scoring.demo.draw_ground import WIDTH
from scoring.demo.draw_overlay import channel_mark, score_bug
from scoring.demo.draw_players import Figure
from scoring.demo.draw_sprites import PHASES, paste, sprite
from scoring.demo.draw_stadium import finished, stadium
from scoring.demo.looks import Kit, Look
from scoring.demo.motion import Play, Track, seeded, smooth, soccer
from scoring.demo.script import FPS, Scene

PERSON_M = 1.84
# Pan and tilt that keep the frame inside the panorama.
WIDEST_YAW = 0.5


def main_shot(scene: Scene, look: Look, pano: Panorama) -> Iterator[Image.Image]:
    """The main camera from the stand; a `box` shot comes closer, in front of a goal."""
    rng = seeded(scene.seed)
    box = scene.shot == "box"
    zone = rng.choice([-1, 1]) * (rng.uniform(34, 41) if box else rng.uniform(0, 24))
    play = soccer(scene.frames, zone, rng)
    zoom = rng.uniform(1.35, 1.7) if box else rng.uniform(0.92, 1.15)
    # Near a goal turf may fill the frame; from the middle the far stand is nearly always in it.
    lift = rng.uniform(-0.035, 0.03) if box else rng.uniform(0.01, 0.05)
    path = camera_path(play.ball, pano.view, look.focal * zoom, lift, rng)
    kits = soccer_figures(look)
    light = exposures(scene)
    for n, view in enumerate(path):
        image = picture(pano, view)
        draw_people(image, view, play, n, kits, look)
        draw_ball(image, view, play.ball[n])
        image = exposed(image, light[n])
        score_over(image, scene, n, look)
        yield image


def exposures(scene: Scene) -> Track:
    """How the camera's exposure and white balance wander through a scene: gains of red, green, blue, (frames, 3)."""
    rng = seeded(scene.seed + "/light")
    start, warm = rng.uniform(0.9, 1.1), rng.uniform(-0.03, 0.03)
    wave = 0.03 * np.sin(np.arange(scene.frames) / FPS * rng.uniform(0.3, 0.9) + rng.uniform(0, 6))
    return np.asarray((start + wave)[:, None] * np.array([1 + warm, 1.0, 1 - warm]))


def exposed(image: Image.Image, gains: Track) -> Image.Image:
    """The picture under another exposure; bright parts end at white."""
    return image.point([min(255, int(value * gain + 0.5)) for gain in gains.tolist() for value in range(256)])


def picture(pano: Panorama, view: View) -> Image.Image:
    """The empty stadium as `view` sees it, RGB."""
    seen = pano.seen_by(view)
    return Image.frombytes("RGB", (view.width, view.height), seen.tobytes(), "raw", "RGBX")


def camera_path(ball: Track, start: View, focal: float, lift: float, rng: np.random.Generator) -> list[View]:
    """Follows the ball as an operator does: late, smooth, with slow changes of zoom; `lift` radians above it."""
    lead = smooth(smooth(ball[:, :2], 1.5), 1.0)
    wave = np.sin(np.arange(len(ball)) / FPS * rng.uniform(0.25, 0.5) + rng.uniform(0, 6))
    views = []
    for (x, y), swell in zip(lead, wave, strict=True):
        aim = (x * 0.92, 34 + 0.55 * (y - WIDTH / 2), 0.0)
        yaw, tilt = look_at(start, aim)
        views.append(start.aimed(float(np.clip(yaw, -WIDEST_YAW, WIDEST_YAW)), tilt + lift, focal * (1 + 0.06 * swell)))
    return views


def soccer_figures(look: Look) -> list[Kit]:
    home = [look.keepers[0]] + [look.home.kit] * 10
    away = [look.keepers[1]] + [look.away.kit] * 10
    return [*home, *away, look.referee, look.referee]


def draw_people(
    image: Image.Image, view: View, play: Play, n: int, kits: list[Kit], look: Look, calm: str = "stand"
) -> None:
    """Everybody in the picture, far ones first."""
    feet = np.concatenate([play.people[n], np.zeros((len(kits), 1))], axis=1)
    seen = view.project(feet)
    for k in np.argsort(-seen[:, 2]):
        u, v, depth = (float(value) for value in seen[k])
        height = _height(PERSON_M * view.focal / depth)
        if not (-height < u < view.width + height and 0 < v < view.height + height):
            continue
        figure, mirrored = _figure(kits[k], k, play.speed[n, k], calm)
        phase = int((play.phase[n, k] % 1.0) * PHASES) if figure.motion == "run" else 0
        paste(image, sprite(figure, phase, look.light, height, mirrored), (u, v), height)


def _height(pixels: float) -> int:
    """In steps that grow with the figure, so that most sprites are made once."""
    step = 2 if pixels < 64 else 16
    return round(pixels / step) * step


def _figure(kit: Kit, who: int, speed: Track, calm: str) -> tuple[Figure, bool]:
    vx, vy = float(speed[0]), float(speed[1])
    person = (who % 2) if who < 22 else 0
    if vx * vx + vy * vy < 0.8:
        side = "side" if calm == "crouch" else ("back", "side", "front")[who % 3]
        return Figure(kit, side, person, motion=calm), who % 2 == 1
    if abs(vx) > 0.6 * abs(vy):
        return Figure(kit, "side", person), vx < 0
    return Figure(kit, "back" if vy > 0 else "front", person), False


def draw_ball(image: Image.Image, view: View, ball: Track) -> None:
    spots = view.project(np.array([[ball[0], ball[1], 0.0], ball]))
    radius = max(1.3, 0.12 * view.focal / float(spots[1, 2]))
    canvas = ImageDraw.Draw(image)
    u, v = float(spots[0, 0]), float(spots[0, 1])
    canvas.ellipse((u - radius, v - radius * 0.4, u + radius, v + radius * 0.5), fill=(28, 48, 26))
    u, v = float(spots[1, 0]), float(spots[1, 1]) - radius * 0.6
    canvas.ellipse(
        (u - radius, v - radius, u + radius, v + radius), fill=(250, 250, 248) if radius < 5 else (190, 194, 196)
    )
    if radius >= 5:
        canvas.ellipse((u - radius, v - radius, u + radius * 0.75, v + radius * 0.75), fill=(250, 250, 248))
        for dx, dy in ((-0.1, -0.15), (0.55, 0.1), (-0.6, 0.35), (0.05, 0.65)):
            x, y, r = u + dx * radius, v + dy * radius, radius * 0.2
            canvas.regular_polygon((x, y, r), 5, fill=(40, 42, 48))


def score_over(image: Image.Image, scene: Scene, n: int, look: Look) -> None:
    """Score bug with its running clock, and the channel's mark."""
    rng = seeded(look.seed)
    start, goals = int(rng.integers(5 * 60, 80 * 60)), (int(rng.integers(0, 3)), int(rng.integers(0, 3)))
    bug = score_bug(look, goals, start + (scene.start_frame + n) // FPS)
    image.paste(bug, (22, 18), bug)
    mark = channel_mark("MATCHDAY")
    image.paste(mark, (image.width - 110, 20), mark)


def close_view(look: Look, low: bool) -> View:
    """Where closer shots are taken from: low beside the pitch, or far up in the stand through a long lens."""
    if low:
        return View(0, -7.0, 1.35, 0.0, -0.025, 1180.0, 1440, 400)
    view = View(0, -look.camera_back_m, look.camera_height_m, 0.0, 0.0, 1.0, 1440, 400)
    _, tilt = look_at(view, (0.0, 30.0, 1.0))
    distance = float(np.hypot(30 + look.camera_back_m, look.camera_height_m))
    return View(0, view.y, view.z, 0.0, tilt, 125 / PERSON_M * distance, 1440, 400)


def backdrop(look: Look, low: bool) -> Image.Image:
    """The unfocused background of closer shots, wide enough to pan over."""
    view = close_view(look, low)
    # What gets blurred need not be drawn in full.
    small = view.reduced(3.0 if low else 1.6)
    image = Image.fromarray(finished(stadium(small, look), look)).filter(ImageFilter.GaussianBlur(1.0 if low else 0.4))
    return image.resize((view.width, view.height), Image.Resampling.BICUBIC)


def close_shot(scene: Scene, look: Look, behind: Image.Image, low: bool) -> Iterator[Image.Image]:
    """Two to four players in a duel or a jog, the camera panning with them."""
    rng = seeded(scene.seed)
    view = close_view(look, low)
    people, speed_x = _duel(scene.frames, view, low, rng)
    kits = [look.home.kit, look.away.kit, look.away.kit, look.home.kit][: people.shape[1]]
    play = Play(people, people[:, 0], np.gradient(people, 1 / FPS, axis=0), _strides(people, rng))
    light = exposures(scene)
    crop_x = _pan(view.project(_on_ground(people[:, :2].mean(axis=1)))[:, 0], speed_x)
    for n in range(scene.frames):
        left = int(crop_x[n])
        frame = behind.copy()
        draw_people(frame, view, play, n, kits, look)
        lead = people[n, 0] + np.array([np.sign(speed_x) * 0.55, -0.1])
        draw_ball(frame, view, np.array([*lead, 0.11]))
        image = exposed(frame.crop((left, 20, left + 640, 380)), light[n])
        score_over(image, scene, n, look)
        yield image


def _on_ground(places: Track) -> Track:
    return np.concatenate([places, np.zeros((len(places), 1))], axis=1)


def _duel(frames: int, view: View, low: bool, rng: np.random.Generator) -> tuple[Track, float]:
    """Players around one that runs with the ball: (frames, n, 2), and the speed along the pitch."""
    number = int(rng.integers(2, 5))
    speed_x = float(rng.choice([-1, 1]) * rng.uniform(2.2, 3.4))
    depth = rng.uniform(11.5, 14.0) if low else 60.0
    offsets = np.array([(0, 0), (-0.9 * np.sign(speed_x), 0.5), (3.4, 5.5), (-4.5, 7.5)])[:number]
    offsets = offsets + rng.normal(0, 0.25, offsets.shape)
    middle_y = view.y + depth if low else 30.0
    t = (np.arange(frames) - frames / 2)[:, None, None] / FPS
    weave = 0.35 * np.sin(t * 2.1 + rng.uniform(0, 6, (1, number, 2)))
    return np.array([0.0, middle_y]) + offsets + t * np.array([speed_x, 0.0]) + weave, speed_x


def _strides(people: Track, rng: np.random.Generator) -> Track:
    covered = np.cumsum(np.linalg.norm(np.gradient(people, axis=0), axis=-1), axis=0)
    return np.asarray(covered / 2.2 + rng.uniform(0, 1, people.shape[1]))


def _pan(middle: Floats, speed_x: float) -> Floats:
    """Left edges of the crop: the camera keeps a little behind the players."""
    lag = 60 * np.sign(speed_x)
    return np.asarray(np.clip(middle * 0.8 + 720 * 0.2 - 320 + lag, 0, 1440 - 640))
