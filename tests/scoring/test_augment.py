from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from scoring.augment import augmented, draw_lots
from scoring.score import to_input
from tests.scoring.frames_for_tests import tiny_config, turf_frames

FRAMES = to_input(turf_frames(40), torch.device("cpu"))
STILL = replace(tiny_config(), flip=False, crop=1.0, jitter=0.0)


def varied(**settings: Any) -> torch.Tensor:
    return augmented(FRAMES, replace(STILL, **settings), draw_lots(40, np.random.default_rng(0)))


def test_it_leaves_frames_alone_when_told_to() -> None:
    assert torch.equal(varied(), FRAMES)


def test_it_mirrors_about_half() -> None:
    mirrored = (varied(flip=True) == FRAMES.flip(3)).flatten(1).all(1)
    same = (varied(flip=True) == FRAMES).flatten(1).all(1)
    assert 10 < int((mirrored & ~same).sum()) < 30 and bool((mirrored | same).all())


def test_it_cuts_a_part_and_fills_the_frame_with_it() -> None:
    ramp = torch.linspace(0, 1, 32).expand(40, 3, 24, 32)
    cut = augmented(ramp, replace(STILL, crop=0.5), draw_lots(40, np.random.default_rng(1)))
    reach = cut[:, 0, 0].amax(1) - cut[:, 0, 0].amin(1)
    assert cut.shape == ramp.shape and 0.4 < float(reach.min()) < 0.65 and 0.85 < float(reach.max()) <= 1
    assert bool((cut[:, 0, 0].diff(dim=1) >= -1e-6).all())


def test_it_changes_colours_within_bounds() -> None:
    grey = torch.full((40, 3, 4, 4), 0.5)
    changed = augmented(grey, replace(STILL, jitter=0.1), draw_lots(40, np.random.default_rng(2)))
    assert 0.449 < float(changed.min()) < 0.46 and 0.54 < float(changed.max()) < 0.551
    assert float(varied(jitter=0.9).max()) <= 1 and float(varied(jitter=0.9).min()) >= 0


def test_it_draws_the_same_for_the_same_seed() -> None:
    assert torch.equal(varied(flip=True, crop=0.8, jitter=0.1), varied(flip=True, crop=0.8, jitter=0.1))
