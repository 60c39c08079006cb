"""How players and ball move: positions for every frame of a scene, from a seed. Nothing is drawn here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.demo.draw_ground import GRIDIRON_NEAR, HALF_LENGTH, WIDTH, YARD
from scoring.demo.script import FPS

Track = NDArray[np.float64]

# Keeper, four defenders, three midfielders, three forwards; attacking towards +X, metres from the team's own middle.
FORMATION = np.array(
    [
        (-46, 34),
        (-24, 11),
        (-27, 27),
        (-27, 41),
        (-24, 57),
        (-8, 20),
        (-11, 34),
        (-7, 49),
        (12, 13),
        (14, 35),
        (12, 55),
    ],
    float,
)
STRIDE_M = 2.7


@dataclass(frozen=True)
class Play:
    """`people` (frames, n, 2), `ball` (frames, 3) in metres, `speed` (frames, n, 2) in m/s, `phase` in strides."""

    people: Track
    ball: Track
    speed: Track
    phase: Track


def seeded(seed: str) -> np.random.Generator:
    return np.random.default_rng([ord(c) for c in seed])


def smooth(track: Track, seconds: float) -> Track:
    """A moving mean over `seconds`, along the first axis, the ends held."""
    width = max(1, round(seconds * FPS)) | 1
    padded = np.concatenate([np.repeat(track[:1], width // 2, 0), track, np.repeat(track[-1:], width // 2, 0)])
    total = np.cumsum(np.concatenate([np.zeros_like(padded[:1]), padded]), axis=0)
    return np.asarray((total[width:] - total[:-width]) / width)


def _play(people: Track, ball: Track, rng: np.random.Generator) -> Play:
    speed = np.gradient(people, 1 / FPS, axis=0) if len(people) > 1 else np.zeros_like(people)
    covered = np.cumsum(np.linalg.norm(speed, axis=-1), axis=0) / FPS
    phase = covered / STRIDE_M + rng.uniform(0, 1, people.shape[1])
    return Play(people, ball, speed, phase)


def _wander(frames: int, people: int, reach: float, rng: np.random.Generator) -> Track:
    """Slow wandering around a place: (frames, people, 2)."""
    t = np.arange(frames)[:, None, None] / FPS
    total = np.zeros((frames, people, 2))
    for _ in range(3):
        rate, phase = rng.uniform(0.35, 1.1, (2, people, 2))
        total += np.sin(t * rate + phase * 6.0) * rng.uniform(0.3, 0.6) * reach
    return total


def ball_path(frames: int, middle: tuple[float, float], reach: tuple[float, float], rng: np.random.Generator) -> Track:
    """Passes between points around `middle`: a quick way, then a moment at a player's feet."""
    path: list[list[float]] = []
    point, heading = np.array(middle), 0.0
    while len(path) < frames:
        goal = np.array(middle) + rng.normal(0, 1, 2) * np.array(reach)
        goal = np.clip(goal, (-HALF_LENGTH + 2, 2), (HALF_LENGTH - 2, WIDTH - 2))
        far = float(np.linalg.norm(goal - point))
        flight, high = max(3, round(far / 15 * FPS)), (0.0 if far < 14 else rng.uniform(0, 4))
        for n in range(flight):
            share = (n + 1) / flight
            path.append([*(point + (goal - point) * share), 0.11 + 4 * high * share * (1 - share)])
        heading = rng.uniform(-1, 1)
        for _ in range(rng.integers(4, 12)):
            goal = goal + np.array([np.sign(middle[0] - goal[0] + heading * 20), heading]) * 0.35
            path.append([*goal, 0.11])
        point = goal
    return np.array(path[:frames])


def soccer(frames: int, zone_x: float, rng: np.random.Generator) -> Play:
    """Two teams of eleven, a referee and an assistant around a ball that stays near `zone_x`."""
    ball = ball_path(frames, (zone_x, WIDTH / 2), (9.0, 12.0), rng)
    lead = smooth(ball[:, :2], 1.6)
    home = _team(lead, 1.0, rng)
    away = _team(lead, -1.0, rng)
    referee = lead[:, None] + np.array([[-7.0, -9.0]]) + _wander(frames, 1, 2.0, rng)
    assistant = np.stack([lead[:, 0].clip(0, 50) + 2, np.full(frames, WIDTH + 0.9)], axis=-1)[:, None]
    people = np.concatenate([home, away], axis=1)
    people = _chase(people, ball[:, :2])
    people = smooth(np.concatenate([people, referee, assistant], axis=1), 0.5)
    return _play(people.clip((-HALF_LENGTH - 1, -1), (HALF_LENGTH + 1, WIDTH + 1.5)), ball, rng)


def _team(lead: Track, direction: float, rng: np.random.Generator) -> Track:
    base = FORMATION * np.array([direction, 1.0])
    if direction < 0:
        base[:, 1] = WIDTH - base[:, 1]
    pull = np.full((11, 2), (0.72, 0.28))
    pull[0] = (0.08, 0.1)
    shift = (lead[:, None] - np.array([0.0, WIDTH / 2])) * pull
    frames = len(lead)
    jitter = rng.normal(0, 1.6, (11, 2))
    return np.asarray(base + jitter + shift + _wander(frames, 11, 2.6, rng))


def _chase(people: Track, ball: Track) -> Track:
    """Those near the ball run for it; keepers stay."""
    towards = ball[:, None] - people
    near = np.exp(-((np.linalg.norm(towards, axis=-1, keepdims=True) / 9.0) ** 2))
    near[:, (0, 11)] *= 0.15
    rank = np.argsort(np.argsort(-near[..., 0], axis=1), axis=1)[..., None]
    return np.asarray(people + towards * near * np.where(rank < 1, 0.93, np.where(rank < 3, 0.55, 0.2)))


def gridiron(frames: int, spot_x: float, snap_frame: int, rng: np.random.Generator) -> Play:
    """Two lines face to face at `spot_x`; at the snap the offence plays towards +X and everybody runs."""
    middle = GRIDIRON_NEAR + 80 / 3 * YARD + rng.uniform(-3, 3)
    offence, defence = _offence(), _defence()
    start = np.concatenate([offence, defence]) + rng.normal(0, 0.15, (22, 2))
    t = np.maximum(0, np.arange(frames) - snap_frame)[:, None, None] / FPS
    ease = np.minimum(t, 0.8) ** 2 / 1.6 + np.maximum(t - 0.8, 0)
    drift = np.concatenate([_offence_runs(rng), _defence_runs(rng)])
    carrier = start[6] + drift[6] * ease[:, 0]
    people = start + drift * ease
    towards = carrier[:, None] - people
    hunt = np.minimum(0.8, 0.13 * t) * (np.arange(22) >= 15)[None, :, None]
    people = people + towards * hunt
    officials = np.array([(9.0, 3.0), (-11.0, 8.0), (0.2, -24.0), (0.2, 24.0)]) + 0 * t
    people = smooth(np.concatenate([people, officials], axis=1), 0.4) + np.array([spot_x, middle])
    hand = people[:, 5] if snap_frame >= frames else np.where(t[:, 0] < 1.2, people[:, 5], people[:, 6])
    ball = np.concatenate([hand + 0.3, np.full((frames, 1), 1.0)], axis=1)
    return _play(people, ball, rng)


def _offence() -> Track:
    line = [(-0.7, y) for y in (-3.0, -1.5, 0.0, 1.5, 3.0)]
    return np.array([*line, (-4.6, 0.0), (-6.3, 1.7), (-0.8, 4.8), (-0.7, 17.0), (-1.0, -15.0), (-1.6, -19.5)])


def _defence() -> Track:
    line = [(0.8, y) for y in (-3.9, -1.2, 1.3, 4.0)]
    return np.array([*line, (4.5, -5.0), (4.2, 0.2), (4.6, 5.5), (5.5, 16.5), (4.5, -15.0), (12.0, -7.5), (12.5, 8.5)])


def _offence_runs(rng: np.random.Generator) -> Track:
    cut = rng.choice([-1.0, 1.0])
    line = [(0.5, cut * 0.5 + s) for s in (-0.2, 0.0, 0.1, 0.1, 0.2)]
    return np.array([*line, (-0.8, cut * 0.6), (4.6, cut * 1.6), (3.0, 1.2), (5.6, 0.4), (5.2, 0.9), (5.4, -0.4)])


def _defence_runs(rng: np.random.Generator) -> Track:
    line = [(-0.6, s) for s in (0.3, 0.2, -0.1, -0.4)]
    rest = [(-0.6, 0.6), (-0.4, 0.0), (-0.6, -0.8), (4.6, 0.2), (4.4, 0.5), (1.0, 0.6), (1.2, -0.4)]
    return np.array([*line, *rest]) + rng.normal(0, 0.15, (11, 2))
