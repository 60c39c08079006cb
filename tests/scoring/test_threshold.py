from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.threshold import FULL_WEIGHT, quantiles, threshold_at_tpr, threshold_from_quantiles, tpr_at

RNG = np.random.default_rng(0)
VIDEOS = [RNG.lognormal(4.0, 0.5, 250) for _ in range(8)]
LOSSES = np.concatenate(VIDEOS)

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
per_video = st.lists(st.lists(finite, min_size=1, max_size=12), min_size=1, max_size=6)


def different_videos(seed: int, videos: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return [rng.normal(mean, 0.3, 60) for mean in rng.normal(0.0, 1.0, videos)]


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95, 0.99])
def test_it_lets_the_wanted_share_of_held_out_frames_pass(target: float) -> None:
    threshold = threshold_at_tpr(VIDEOS, target)
    assert np.mean(threshold.value >= LOSSES) == pytest.approx(target, abs=0.003)
    assert (threshold.n_frames, threshold.n_videos, threshold.folds, threshold.note) == (2000, 8, 1, "")


def test_it_can_be_set_again_from_the_stored_quantiles_alone() -> None:
    stored = quantiles(VIDEOS)
    assert stored.shape == (513,)
    for target in (0.1, 0.9, 0.95):
        value = threshold_at_tpr(VIDEOS, target).value
        assert threshold_from_quantiles(stored, target) == value
        assert tpr_at(stored, value) == pytest.approx(target, abs=1e-9)
        assert tpr_at(stored, value) == pytest.approx(np.mean(value >= LOSSES), abs=0.003)
    assert tpr_at(stored, -1.0) == 0.0
    assert tpr_at(stored, 1e9) == tpr_at(stored, LOSSES.max()) == 1.0


def test_it_is_numpys_quantile_when_videos_are_equally_long() -> None:
    assert quantiles(VIDEOS) == pytest.approx(np.quantile(LOSSES, np.linspace(0, 1, 513)))
    assert quantiles(LOSSES) == pytest.approx(quantiles(VIDEOS))


def test_it_does_not_let_one_long_video_decide() -> None:
    short = [RNG.normal(0.0, 1.0, 200) for _ in range(5)]
    long = RNG.normal(50.0, 1.0, 20_000)
    pooled = np.quantile(np.concatenate([*short, long]), 0.8)
    assert pooled > 49
    assert threshold_at_tpr([*short, long], 0.8).value < 5


def test_it_does_not_let_one_stray_frame_decide() -> None:
    videos = [RNG.normal(0.0, 1.0, 200) for _ in range(5)]
    assert threshold_at_tpr([*videos, [50.0]], 0.95).value < 5
    assert threshold_at_tpr([*videos, np.full(FULL_WEIGHT, 50.0)], 0.95).value > 40


def test_it_weighs_a_video_the_same_whatever_its_length_beyond_the_cap() -> None:
    first, second = RNG.normal(0.0, 1.0, 100), RNG.normal(3.0, 1.0, 100)
    once = threshold_at_tpr([first, second], 0.9).value
    assert threshold_at_tpr([first, np.repeat(second, 40)], 0.9).value == pytest.approx(once, abs=0.05)


def test_it_handles_one_score_and_equal_scores() -> None:
    threshold = threshold_at_tpr([[7.0]])
    assert (threshold.low, threshold.value, threshold.high, threshold.n_videos) == (7.0, 7.0, 7.0, 1)
    stored = quantiles([[3.0] * 10])
    assert (tpr_at(stored, 2.9), tpr_at(stored, 3.0)) == (0.0, 1.0)
    assert threshold_at_tpr([[1.0], [2.0], []]).n_videos == 2


@settings(deadline=None, max_examples=30)
@given(per_video, st.floats(0.05, 0.99), st.randoms())
def test_it_lies_in_its_interval_and_within_the_scores(videos: list[list[float]], aim: float, random: object) -> None:
    threshold = threshold_at_tpr(videos, aim, resamples=30)
    everything = [score for video in videos for score in video]
    assert min(everything) <= threshold.low <= threshold.value <= threshold.high <= max(everything)
    shuffled = list(videos)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert threshold_at_tpr(shuffled, aim, resamples=30).value == pytest.approx(threshold.value)


def test_it_follows_a_change_of_unit() -> None:
    plain, scaled = threshold_at_tpr(VIDEOS), threshold_at_tpr([10 * scores + 3 for scores in VIDEOS])
    for before, after in zip(
        (plain.low, plain.value, plain.high), (scaled.low, scaled.value, scaled.high), strict=True
    ):
        assert after == pytest.approx(10 * before + 3)


def test_it_looks_at_both_ends_alike() -> None:
    videos = [RNG.normal(0.0, 1.0, frames) for frames in (1, 6, 45, 400, 30)]
    mirrored = quantiles([-scores for scores in videos], 9)
    assert -mirrored[::-1] == pytest.approx(quantiles(videos, 9))


def test_it_widens_the_interval_of_few_videos(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = different_videos(3, 6)
    widened = threshold_at_tpr(videos, 0.5)
    monkeypatch.setattr("scoring.threshold.percentile_interval", lambda found, _: np.quantile(found, [0.025, 0.975]))
    plain = threshold_at_tpr(videos, 0.5)
    assert widened.high - widened.low > 1.1 * (plain.high - plain.low)


def test_it_is_less_sure_when_videos_differ_than_their_frames_alone_would_say() -> None:
    videos = different_videos(1, 8)
    apart = threshold_at_tpr(videos)
    as_frames = threshold_at_tpr([[score] for score in np.concatenate(videos)])
    assert apart.high - apart.low > 2 * (as_frames.high - as_frames.low)
    assert threshold_at_tpr(videos) == apart


def test_it_grows_surer_with_more_videos() -> None:
    few, many = (threshold_at_tpr(different_videos(1, videos), 0.5) for videos in (6, 60))
    assert many.high - many.low < 0.6 * (few.high - few.low)


def test_it_lets_the_video_that_fits_worst_decide_while_there_are_few() -> None:
    calm, wild = RNG.normal(0.0, 1.0, 200), RNG.normal(5.0, 1.0, 40)
    found = threshold_at_tpr([calm, wild], 0.95)
    assert found.value == pytest.approx(np.quantile(wild, 0.95)) and "fits worst decides" in found.note
    assert threshold_at_tpr([calm, wild, [90.0]], 0.95).value == pytest.approx(found.value)  # one frame is no video
    assert threshold_at_tpr([calm] * 4 + [wild], 0.75).value < 2
    assert threshold_at_tpr([calm, wild], 0.75, folds=2).value < threshold_at_tpr([calm, wild], 0.75).value


def test_it_says_when_it_rests_on_too_little() -> None:
    assert "held-out frames of 1 video;" in threshold_at_tpr([LOSSES]).note
    assert "4 videos" in threshold_at_tpr(VIDEOS[:4]).note
    assert "only 20 held-out frames" in threshold_at_tpr(np.split(LOSSES[:20], 5)).note


def test_it_keeps_how_many_models_scored_the_frames() -> None:
    assert threshold_at_tpr(VIDEOS, folds=4).folds == 4


@pytest.mark.parametrize("videos", [[], [[]], [[1.0, float("nan")]], [[1.0], [float("inf")]]])
def test_it_refuses_scores_it_cannot_use(videos: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="finite"):
        threshold_at_tpr(videos)
    with pytest.raises(ValueError, match="finite"):
        quantiles(videos)


def test_it_refuses_scores_whose_video_is_unknown() -> None:
    with pytest.raises(ValueError, match="each video apart"):
        threshold_at_tpr(LOSSES)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0, float("nan")])
def test_it_refuses_an_aim_outside_its_range(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at_tpr(VIDEOS, target)
