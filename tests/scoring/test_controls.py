"""The controls: cheap scores that a model has to beat."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.controls import LinearModel, controls, image_variance
from scoring.frames import Pixels
from scoring.frameset import FrameSet


def flat(red: int, green: int, blue: int) -> Pixels:
    return np.broadcast_to(np.array([red, green, blue], np.uint8), (1, 12, 16, 3)).copy()


def blends(count: int, seed: int = 0) -> Pixels:
    """Frames that are mixtures of three fixed patterns, so three numbers say all there is to say of one."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(7).uniform(0, 80, (3, 12 * 16 * 3))
    return (rng.uniform(0, 1, (count, 3)) @ patterns).astype(np.uint8).reshape(count, 12, 16, 3)


def noise(count: int) -> Pixels:
    return np.random.default_rng(1).integers(0, 240, (count, 12, 16, 3)).astype(np.uint8)


def test_it_finds_turf_least_outlying_by_its_green() -> None:
    turf, grey, sky = (
        controls(flat(*colour))["minus_green_share"][0] for colour in ((40, 120, 50), (90, 92, 91), (90, 130, 220))
    )
    assert turf == -1.0 and grey == sky == 0.0


def test_it_measures_variance_round_each_channels_own_mean() -> None:
    assert image_variance(flat(10, 200, 90))[0] == pytest.approx(0.0, abs=1e-9)
    half = flat(0, 0, 0)
    half[:, :6] = 255
    assert image_variance(half)[0] == pytest.approx(12 * 16 * 3 / 4)


def test_it_reconstructs_what_is_a_mixture_of_the_training_frames() -> None:
    model = LinearModel.fit(FrameSet(blends(80)), components=3)
    loss = model.reconstruction_loss
    assert loss(blends(20, seed=5)).max() < 0.05 * loss(noise(20)).min()


def test_it_gives_the_squared_distance_from_the_reconstruction() -> None:
    model, frames = LinearModel.fit(FrameSet(noise(40)), components=8), noise(5)
    centred = frames.reshape(5, -1) / 255 - model.mean
    back = centred @ model.components.T @ model.components
    assert model.reconstruction_loss(frames) == pytest.approx(((centred - back) ** 2).sum(1), rel=1e-4)


def test_it_fits_the_same_model_each_time_and_stays_finite_on_flat_frames() -> None:
    one, two = (LinearModel.fit(FrameSet(noise(40))) for _ in range(2))
    assert (one.components == two.components).all()
    black = LinearModel.fit(FrameSet(np.zeros((9, 12, 16, 3), np.uint8))).scores(flat(0, 0, 0))
    assert all(np.isfinite(values).all() for values in black.values())


def test_it_needs_two_frames() -> None:
    with pytest.raises(ValueError, match="at least two"):
        LinearModel.fit(FrameSet(noise(1)))
