"""The linear model of standardised frames, against the plain decomposition."""

from __future__ import annotations

import numpy as np
import torch

from scoring.frameset import FrameSet
from scoring.metrics import auroc
from scoring.ood import variance_floor
from scoring.score import to_input
from scoring.structure import StructureModel, fit_structure, placed, standardised, structure_loss
from scoring.vae import image_variance
from tests.scoring.frames_for_tests import stripe_frames, turf_frames

FRAMES = turf_frames(20)
CPU = torch.device("cpu")


def losses(model: StructureModel, x: torch.Tensor) -> np.ndarray:
    return structure_loss(x, placed(model, CPU)).numpy()


def test_it_leaves_what_the_plain_decomposition_leaves() -> None:
    x, new = to_input(FRAMES, CPU), to_input(turf_frames(6, seed=4), CPU)
    rows = standardised(torch.cat([x, x.flip(3)])).double().numpy()
    _, sizes, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    axes = axes[sizes > 1e-4 * sizes[0]]
    rest = standardised(new).double().numpy() - rows.mean(0)
    left = ((rest - rest @ axes.T @ axes) ** 2).sum(1)
    variance = (new - new.mean((2, 3), keepdim=True)).square().flatten(1).sum(1).double().numpy()
    assert np.allclose(
        losses(fit_structure(FrameSet(FRAMES)), new), left * (variance + 30 * 24 * 32 / 4800), rtol=0.02, atol=0.01
    )


def test_it_measures_what_is_left_as_written_out() -> None:
    model, x = fit_structure(FrameSet(FRAMES)), to_input(turf_frames(6, seed=4), CPU).double()
    rest = standardised(x).numpy() - model.mean
    left = (rest**2).sum(1) - ((rest @ model.components.T) ** 2).sum(1)
    square = image_variance(x).numpy() + variance_floor(24 * 32)
    assert np.allclose(losses(model, x.float()) / square, left, rtol=0, atol=1e-5)  # of a whole of about one half


def test_it_tells_structure_and_forgives_tint_and_mirrors() -> None:
    model, new = fit_structure(FrameSet(turf_frames(60))), turf_frames(20, seed=5)
    plain, other = losses(model, to_input(new, CPU)), losses(model, to_input(stripe_frames(20), CPU))
    assert auroc(plain, other) == 1.0
    assert np.allclose(losses(model, to_input(new, CPU).flip(3)), plain, rtol=0.2)
    dim = to_input(new, CPU) * 0.8 + 0.1
    assert auroc(losses(model, dim), other) == 1.0


def test_it_is_the_same_each_time_and_orthonormal() -> None:
    first, again = fit_structure(FrameSet(FRAMES)), fit_structure(FrameSet([FRAMES[:7], FRAMES[7:]]))
    assert np.array_equal(first.components, again.components) and np.array_equal(first.mean, again.mean)
    assert np.allclose(first.components @ first.components.T, np.eye(len(first.components)), atol=2e-3)
    assert np.array_equal(first.components, first.components.astype(np.float16).astype(np.float32))


def test_it_bears_frames_that_are_flat_or_all_alike() -> None:
    for frames in (np.zeros((3, 24, 32, 3), np.uint8), np.repeat(FRAMES[:1], 9, axis=0), FRAMES[:1]):
        found = losses(fit_structure(FrameSet(frames)), to_input(np.concatenate([frames, FRAMES]), CPU))
        assert np.isfinite(found).all() and (found >= 0).all()
