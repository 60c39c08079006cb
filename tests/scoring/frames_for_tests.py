"""Small generated frames: a ball on turf below a stand; outliers are saturated stripes."""

from __future__ import annotations

import numpy as np

from scoring.config import TrainConfig, VAEConfig
from scoring.frames import Pixels

HEIGHT, WIDTH = 24, 32
SMALL = VAEConfig(height=HEIGHT, width=WIDTH, channels=(8, 16, 16), latent=8)


def turf_frames(count: int, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    frames = np.empty((count, height, width, 3), np.uint8)
    for frame in frames:
        y, x = rng.uniform(height * 0.4, height), rng.uniform(0, width)
        frame[:] = (40, 130, 50)
        frame[: int(height * 0.3)] = (80, 80, 100)
        frame[(rows - y) ** 2 + (columns - x) ** 2 < (height / 8) ** 2] = (230, 230, 230)
    return frames


def stripe_frames(count: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    frames = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for frame in frames:
        frame[:] = np.repeat(rng.integers(0, 256, (1, WIDTH // 4, 3)), 4, axis=1)
    return frames


def tiny_config(**settings: object) -> TrainConfig:
    return TrainConfig.from_json(
        {"vae": {"height": HEIGHT, "width": WIDTH, "channels": [8, 16, 16], "latent": 8}, **settings}
    )
