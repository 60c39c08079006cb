from __future__ import annotations

import numpy as np
import pytest
import torch

from scoring.detector import plain
from scoring.errors import ModelError
from scoring.frameset import FrameSet
from scoring.packs import Inputs
from scoring.preprocessing import BARS, Preprocessing
from scoring.score import Scorer
from scoring.structure import fit_structure
from scoring.vae import VAE
from tests.scoring.frames_for_tests import SMALL, stripe_frames, turf_frames

FRAMES = np.concatenate([turf_frames(20), stripe_frames(17)])


def scorer(batch_size: int | None = None) -> Scorer:
    torch.manual_seed(0)
    return Scorer(VAE(SMALL), "cpu", batch_size)


def test_it_gives_a_frame_the_same_number_in_any_company() -> None:
    together, alone = scorer().score(FRAMES), scorer(batch_size=1).score(FRAMES[::-1])
    assert len(together) == 37
    for name in ("reconstruction_loss", "l1", "kl", "variance", "ood_score"):
        assert np.allclose(getattr(together, name), getattr(alone, name)[::-1], rtol=1e-5)


def test_it_gives_a_frame_the_same_number_however_many_cores_there_are() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(scorer(batch_size=5).score(FRAMES))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name in ("reconstruction_loss", "l1", "kl", "variance", "ood_score", "activations"):
        one, *others = (getattr(scores, name) for scores in found)
        assert all(np.array_equal(one, other) for other in others)


def test_it_measures_what_its_reconstruction_shows() -> None:
    subject = scorer()
    scores, shown = subject.score(FRAMES), subject.reconstruct(FRAMES)
    assert shown.shape == FRAMES.shape and shown.dtype == np.uint8
    by_hand = ((shown / 255.0 - FRAMES / 255.0) ** 2).sum((1, 2, 3))
    assert np.allclose(scores.reconstruction_loss, by_hand, rtol=0.02)
    assert np.allclose(scores.l1, np.abs(shown / 255.0 - FRAMES / 255.0).sum((1, 2, 3)), rtol=0.02)


def test_it_divides_what_a_fit_leaves_of_the_loss_by_the_frames_own_variance() -> None:
    subject, x = scorer(), FRAMES / 255.0
    scores, found = subject.score(FRAMES), subject.measure(FrameSet(FRAMES))
    variance = ((x - x.mean((1, 2), keepdims=True)) ** 2).sum((1, 2, 3))
    share = (24 * 32) / (60 * 80)
    loss = 0.9 * found.fitted_loss + 0.1 * found.reconstruction_loss
    expected = np.log(loss + share) - 0.75 * np.log(variance + 30 * share)
    assert np.allclose(scores.ood_score, expected, atol=1e-4)
    assert np.allclose(scores.variance, variance, rtol=1e-4)
    assert (found.fitted_loss <= scores.reconstruction_loss).all() and found.structure_loss is None


def test_it_takes_the_mean_with_the_structure_models_score() -> None:
    plain_score, detector = scorer(), plain(scorer().detector.vae)
    detector.structure = fit_structure(FrameSet(turf_frames(30, seed=3)))
    subject = Scorer(detector, "cpu")
    found, share = subject.measure(FrameSet(FRAMES)), (24 * 32) / (60 * 80)
    assert found.structure_loss is not None
    loss = found.structure_loss + 0.1 * (found.reconstruction_loss - found.fitted_loss)
    other = np.log(loss + share) - 0.75 * np.log(found.variance + 30 * share)
    assert np.allclose(subject.score(FRAMES).ood_score, (plain_score.score(FRAMES).ood_score + other) / 2, atol=1e-6)


def test_it_stays_finite_on_flat_frames() -> None:
    flat = np.zeros((2, 24, 32, 3), np.uint8)
    flat[1] = 255
    scores = scorer().score(flat)
    assert np.isfinite([scores.reconstruction_loss, scores.l1, scores.kl, scores.variance, scores.ood_score]).all()


def test_it_scores_a_set_of_packs_in_order_and_an_empty_one() -> None:
    packs = FrameSet([FRAMES[:3], FRAMES[3:3], FRAMES[3:30], FRAMES[30:]])
    assert np.allclose(scorer().score_set(packs).kl, scorer().score(FRAMES).kl, rtol=1e-5)
    assert len(scorer().score(FRAMES[:0])) == 0
    assert scorer().reconstruct(FRAMES[:0]).shape == (0, 24, 32, 3)


def test_it_halves_its_batch_when_memory_runs_out() -> None:
    class Cramped(Scorer):
        def _worked(self, batch: torch.Tensor, work):  # type: ignore[no-untyped-def]
            if len(batch) > 4:
                raise torch.OutOfMemoryError("out of memory")
            return super()._worked(batch, work)

    torch.manual_seed(0)
    cramped = Cramped(VAE(SMALL), "cpu", 32)
    assert np.allclose(cramped.score(FRAMES).kl, scorer().score(FRAMES).kl, rtol=1e-5)
    assert cramped.batch_size == 4


def test_it_goes_on_where_it_was_when_memory_runs_out_later() -> None:
    class Later(Scorer):
        frames_left = 20

        def _worked(self, batch: torch.Tensor, work):  # type: ignore[no-untyped-def]
            if len(batch) == 8 and self.frames_left < len(batch):
                raise torch.OutOfMemoryError("out of memory")
            self.frames_left -= len(batch)
            return super()._worked(batch, work)

    torch.manual_seed(0)
    later = Later(VAE(SMALL), "cpu", 8)
    assert np.allclose(later.score(FRAMES).reconstruction_loss, scorer().score(FRAMES).reconstruction_loss, rtol=1e-5)
    assert later.batch_size == 4


def test_it_says_so_when_not_even_one_frame_fits() -> None:
    class Full(Scorer):
        def _worked(self, batch: torch.Tensor, work):  # type: ignore[no-untyped-def]
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(ModelError, match="not enough memory to score a single frame"):
        Full(VAE(SMALL), "cpu", 8).score(FRAMES)


def test_it_refuses_frames_that_were_prepared_in_another_way() -> None:
    number, times = np.arange(37), np.zeros(37)
    cropped, kept = (Inputs(FRAMES, number, times, Preprocessing(24, 32, bars)) for bars in BARS)
    with pytest.raises(ModelError, match=r"prepared as .* with black bars cut away; this model takes .* bars kept"):
        scorer().score_inputs(cropped)
    assert np.array_equal(scorer().score_inputs(kept).kl, scorer().score(FRAMES).kl)


def test_it_hands_out_no_number_that_is_not_finite() -> None:
    torch.manual_seed(0)
    model = VAE(SMALL)
    with torch.no_grad():
        model.to_moments.weight.fill_(3e38)
    with pytest.raises(ModelError, match="no finite number of a frame"):
        Scorer(model, "cpu").score(FRAMES)


def test_it_refuses_frames_of_another_size() -> None:
    with pytest.raises(ModelError, match="30 x 32 pixels high and wide; this model takes 24 x 32"):
        scorer().score(turf_frames(2, height=30))
    with pytest.raises(ValueError, match="uint8"):
        scorer().score(FRAMES.astype(np.float32))
