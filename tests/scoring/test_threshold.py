from __future__ import annotations

import numpy as np
import pytest

from scoring.threshold import quantiles, threshold_at_tpr, threshold_from_quantiles, tpr_at

LOSSES = np.random.default_rng(0).lognormal(4.0, 0.5, 2000)


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95, 0.99])
def test_it_lets_the_wanted_share_of_held_out_frames_pass(target: float) -> None:
    threshold = threshold_at_tpr(LOSSES, target, n_videos=8)
    assert np.mean(threshold.value >= LOSSES) == pytest.approx(target, abs=0.003)
    assert (threshold.n_frames, threshold.n_videos, threshold.note) == (2000, 8, "")


def test_it_can_be_set_again_from_the_stored_quantiles_alone() -> None:
    stored = quantiles(LOSSES)
    assert stored.shape == (513,)
    for target in (0.1, 0.9, 0.95):
        value = threshold_at_tpr(LOSSES, target, n_videos=8).value
        assert threshold_from_quantiles(stored, target) == value
        assert tpr_at(stored, value) == pytest.approx(target, abs=1e-9)
        assert tpr_at(stored, value) == pytest.approx(np.mean(value >= LOSSES), abs=0.003)
    assert tpr_at(stored, -1.0) == 0.0
    assert tpr_at(stored, 1e9) == tpr_at(stored, LOSSES.max()) == 1.0


def test_it_handles_one_loss_and_equal_losses() -> None:
    assert threshold_at_tpr([7.0], n_videos=1).value == 7.0
    stored = quantiles([3.0] * 10)
    assert (tpr_at(stored, 2.9), tpr_at(stored, 3.0)) == (0.0, 1.0)


def test_it_says_when_it_rests_on_too_little() -> None:
    assert "held-out frames of 1 video;" in threshold_at_tpr(LOSSES, n_videos=1).note
    assert "4 videos" in threshold_at_tpr(LOSSES, n_videos=4).note
    assert "only 20 held-out frames" in threshold_at_tpr(LOSSES[:20], n_videos=6).note


@pytest.mark.parametrize("losses", [[], [1.0, float("nan")], [float("inf")]])
def test_it_refuses_losses_it_cannot_use(losses: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        threshold_at_tpr(losses, n_videos=1)


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0, float("nan")])
def test_it_refuses_an_aim_outside_its_range(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at_tpr(LOSSES, target, n_videos=1)
