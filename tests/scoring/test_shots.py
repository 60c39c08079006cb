"""Shots begin where the picture changes far more than it moves; near copies look like their first frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from PIL import Image

from scoring.demo import script
from scoring.demo.make import Stage
from scoring.frames import Pixels
from scoring.shots import ShotFinder, near_copies, starts

KINDS = [("match", 3.0), ("ad", 2.5), ("american_football", 3.0), ("ad", 2.0), ("match", 3.0), ("ad_green", 2.5)]
SIZE = (80, 60)


def found(pixels: Pixels, pieces: int = 256) -> list[int]:
    finder = ShotFinder()
    for start in range(0, len(pixels), pieces):
        finder.add(pixels[start : start + pieces])
    return [int(place) for place in np.flatnonzero(finder.starts())]


@lru_cache
def drawn() -> tuple[Pixels, list[int]]:
    """Generated footage at 8 frames a second, and where its shots begin."""
    video = script.clip("cuts", KINDS, seed=3)
    frames = [Image.fromarray(frame).resize(SIZE, Image.Resampling.BOX) for frame in Stage(video).frames()]
    return np.stack([np.asarray(frame) for frame in frames]), [scene.start_frame for scene in video.scenes]


def texture(height: int = 60, width: int = 800, seed: int = 1) -> Pixels:
    """Coloured blobs to pan over."""
    coarse = np.random.default_rng(seed).integers(0, 256, (max(2, height // 12), max(2, width // 12), 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


def panned(step: int, count: int = 30) -> Pixels:
    wide = texture(width=80 + step * count)
    return np.stack([wide[:, step * n : step * n + 80] for n in range(count)])


@pytest.mark.parametrize("every", [1, 2, 4, 8])
def test_it_finds_the_cuts_of_generated_footage_at_any_step(every: int) -> None:
    pixels, cuts = drawn()
    assert found(pixels[::every]) == [-(-cut // every) for cut in cuts]


def test_it_gives_the_same_for_frames_that_come_a_few_at_a_time() -> None:
    pixels, cuts = drawn()
    assert found(pixels, pieces=7) == found(pixels) == cuts


@pytest.mark.parametrize("step", [0, 1, 4, 6])
def test_it_takes_no_pan_for_a_cut(step: int) -> None:
    assert found(panned(step)) == [0]


def test_it_takes_a_cut_between_pans() -> None:
    assert found(np.concatenate([panned(6), panned(6)[::-1] // 3])) == [0, 30]


def test_it_takes_what_is_usual_around_for_movement() -> None:
    restless, calm = [0.0] + [0.3] * 20, [0.0] + [0.02] * 20
    restless[10] = calm[10] = 0.33
    assert np.flatnonzero(starts(np.array(restless))).tolist() == [0]
    assert np.flatnonzero(starts(np.array(calm))).tolist() == [0, 10]


@pytest.mark.parametrize("size", [(16, 16), (16, 512), (61, 83), (512, 300)])
def test_it_takes_inputs_of_any_size(size: tuple[int, int]) -> None:
    green = np.full((4, *size, 3), (40, 130, 50), np.uint8)
    red = np.full((4, *size, 3), (200, 30, 30), np.uint8)
    pixels = np.concatenate([green, red])
    assert found(pixels) == [0, 4]
    assert near_copies(pixels)[0].tolist() == [-1, 0, 0, 0, -1, 4, 4, 4]


def test_it_knows_no_shots_without_frames() -> None:
    finder = ShotFinder()
    finder.add(np.zeros((0, 60, 80, 3), np.uint8))
    assert finder.starts().tolist() == []
    assert [len(each) for each in near_copies(np.zeros((0, 60, 80, 3), np.uint8))] == [0, 0]


def test_it_takes_noise_for_a_copy_and_a_small_change_for_none() -> None:
    rng = np.random.default_rng(0)
    still = np.repeat(texture()[None, :, :80], 6, axis=0).astype(np.int16)
    still += rng.integers(-6, 7, still.shape, np.int16)
    still[4:, 20:28, 30:38] = 255
    copy_of, copies = near_copies(np.clip(still, 0, 255).astype(np.uint8))
    assert copy_of.tolist() == [-1, 0, 0, 0, -1, 4]
    assert copies.tolist() == [3, 0, 0, 0, 1, 0]


def test_it_compares_with_the_first_so_that_slow_change_ends_a_run() -> None:
    fading = np.stack([np.full((60, 80, 3), 100 + n, np.uint8) for n in range(12)])
    copy_of, copies = near_copies(fading)
    assert copies.tolist() == [3, 0, 0, 0] * 3
    assert copy_of[-1] == 8


def test_it_takes_no_frame_beyond_a_cut_for_a_copy() -> None:
    pixels, cuts = drawn()
    copy_of, _ = near_copies(pixels)
    inside = np.searchsorted(cuts, np.arange(len(pixels)), side="right")
    copied = np.flatnonzero(copy_of >= 0)
    assert len(copied) and (inside[copied] == inside[copy_of[copied]]).all()
