"""Scores change when a frame does, and not otherwise. A frame's numbers may differ by rounding from one batch size to
another, since sums are then taken in another order: by 1 part in 100 000 on one machine."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring.detector import Detector, load_detector, save_detector
from scoring.frames import Pixels
from scoring.outliers import Outliers
from scoring.score import Scorer, Scores
from scoring.train import train
from tests.scoring.frames_for_tests import stripe_frames, tiny_config, turf_frames

FRAMES = np.concatenate([turf_frames(12, seed=4), stripe_frames(6, seed=4)])
NAMES = ("reconstruction_loss", "l1", "kl", "variance", "ood_score")
ROUNDING = 1e-5


@cache
def detectors() -> tuple[Detector, Detector]:
    """A fresh one, and one that was retrained: its score has more parts."""
    config = tiny_config(epochs=2, outliers={"steps": 20, "batch_in": 8, "batch_out": 4})
    fresh = train(turf_frames(40), turf_frames(8, seed=1), config, device="cpu").detector
    outliers = Outliers(stripe_frames(10), ["ads"] * 10)
    retrained = train(turf_frames(40), turf_frames(8, seed=1), config, outliers=outliers, start_from=fresh).detector
    return fresh, retrained


@cache
def alone(which: int) -> Scores:
    return Scorer(detectors()[which], "cpu", batch_size=1).score(FRAMES)


def assert_same(found: Scores, expected: Scores, rows: list[int]) -> None:
    for name in NAMES:
        assert np.allclose(getattr(found, name), getattr(expected, name)[rows], rtol=ROUNDING, atol=ROUNDING), name
    assert found.activations is not None and expected.activations is not None
    assert np.allclose(found.activations.astype(float), expected.activations[rows].astype(float), rtol=2e-3, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=40), st.integers(1, 33), st.sampled_from([0, 1]))
def test_it_gives_a_frame_its_numbers_however_often_and_wherever_it_comes(
    rows: list[int], batch_size: int, which: int
) -> None:
    found = Scorer(detectors()[which], "cpu", batch_size).score(FRAMES[rows])
    assert_same(found, alone(which), rows)


def test_it_gives_the_same_numbers_to_the_bit_each_time_and_after_a_journey_through_a_file() -> None:
    for detector in detectors():
        first, again = (Scorer(detector, "cpu").score(FRAMES) for _ in range(2))
        loaded = Scorer(load_detector(save_detector(detector)), "cpu").score(FRAMES)
        for other in (again, loaded):
            for name in (*NAMES, "activations"):
                assert np.array_equal(getattr(first, name), getattr(other, name))


def test_it_leaves_the_frames_and_the_network_as_they_are() -> None:
    before, detector = FRAMES.copy(), detectors()[0]
    weights = {key: value.clone() for key, value in detector.vae.state_dict().items()}
    Scorer(detector, "cpu").score(FRAMES)
    assert np.array_equal(before, FRAMES)
    assert all(bool((value == weights[key]).all()) for key, value in detector.vae.state_dict().items())


def test_it_changes_little_when_a_frame_is_encoded_again() -> None:
    for detector in detectors():
        scorer = Scorer(detector, "cpu")
        plain, coded = scorer.score(FRAMES[:12]), scorer.score(encoded(FRAMES[:12]))
        spread = np.ptp(scorer.score(FRAMES).ood_score)
        assert np.abs(coded.ood_score - plain.ood_score).max() < 0.15 * spread
        assert np.allclose(coded.reconstruction_loss, plain.reconstruction_loss, rtol=0.15)


def encoded(frames: Pixels) -> Pixels:
    """As JPEG of quality 92, and back."""
    pictures = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=92, subsampling=0)
        pictures.append(np.asarray(Image.open(buffer)))
    return np.stack(pictures)
