"""Each video scored by a model of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scoring.crossfit import crossfit
from scoring.errors import Stopped, TrainingError
from scoring.frames import Pixels
from scoring.outliers import Outliers
from scoring.preprocessing import Preprocessing
from scoring.score import Scores
from scoring.threshold import threshold_at_tpr
from scoring.train import train
from tests.scoring.frames_for_tests import stripe_frames, tiny_config, turf_frames

VIDEOS: dict[str, list[Pixels]] = {
    "a": [turf_frames(10, seed=0), turf_frames(5, seed=1)],
    "b": [turf_frames(12, seed=2)],
    "c": [turf_frames(9, seed=3)],
}
CONFIG = tiny_config(epochs=4)


def crossfitted(**options: Any) -> dict[str, Scores]:
    return crossfit(VIDEOS, CONFIG, device="cpu", **options)


def test_it_scores_every_frame_by_a_model_that_did_not_see_its_video() -> None:
    told = list[tuple[int, int, set[str]]]()
    found = crossfitted(on_fold=lambda number, count, scores: told.append((number, count, set(scores))))
    assert {video: len(scores) for video, scores in found.items()} == {"a": 15, "b": 12, "c": 9}
    assert [(number, count) for number, count, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert sorted(video for _, _, videos in told for video in videos) == ["a", "b", "c"]
    alone = train(
        [*VIDEOS["a"], *VIDEOS["c"]], VIDEOS["b"], tiny_config(epochs=2, patience=2, keep="last"), device="cpu"
    )
    assert np.array_equal(found["b"].ood_score, alone.heldout.ood_score)


def test_it_keeps_each_video_with_its_own_scores_when_a_fold_holds_two() -> None:
    folds = list[dict[str, Scores]]()
    found = crossfitted(folds=2, on_fold=lambda number, count, scores: folds.append(scores))
    together = next(scores for scores in folds if len(scores) == 2)
    (outside,) = set(VIDEOS) - set(together)
    pixels = [pack for video in VIDEOS if video in together for pack in VIDEOS[video]]
    result = train(VIDEOS[outside], pixels, tiny_config(epochs=2, patience=2, keep="last"), device="cpu")
    whole = np.concatenate([found[video].reconstruction_loss for video in VIDEOS if video in together])
    assert np.array_equal(whole, result.heldout.reconstruction_loss)


def test_it_gives_a_threshold_over_videos() -> None:
    found = crossfitted(share=0.25)
    threshold = threshold_at_tpr([scores.ood_score for scores in found.values()], folds=3)
    assert (threshold.n_videos, threshold.folds, threshold.n_frames) == (3, 3, 36)
    assert threshold.low <= threshold.value <= threshold.high


def test_it_goes_on_where_an_earlier_attempt_stopped() -> None:
    whole, folds = crossfitted(), list[dict[str, Scores]]()
    with pytest.raises(Stopped):
        crossfitted(on_fold=lambda number, count, scores: folds.append(scores), should_stop=lambda: len(folds) == 2)
    done = {video: scores for fold in folds for video, scores in fold.items()}
    again = list[int]()
    resumed = crossfitted(done=done, on_fold=lambda number, count, scores: again.append(number))
    assert again == [3] and set(resumed) == set(whole)
    for video, scores in whole.items():
        assert np.array_equal(scores.kl, resumed[video].kl)


def test_it_needs_two_videos() -> None:
    for videos in ({}, {"a": VIDEOS["a"]}, {"a": VIDEOS["a"], "b": []}):
        with pytest.raises(TrainingError, match="at least two videos"):
            crossfit(videos, CONFIG, preprocessing=Preprocessing(24, 32))


def test_it_retrains_each_model_with_the_outliers_that_it_may_see() -> None:
    outliers = {"a": Outliers(stripe_frames(6, seed=1), ["ad"] * 6), "x": Outliers([stripe_frames(6)], [""] * 6)}
    found = crossfitted(outliers=outliers)
    others = [*VIDEOS["b"], *VIDEOS["c"]]
    base = train(others, VIDEOS["a"], tiny_config(epochs=2, patience=2, keep="last"), device="cpu")
    alone = train(
        others, VIDEOS["a"], CONFIG, outliers=Outliers([stripe_frames(6)], [""] * 6), start_from=base.detector,
        device="cpu",
    )  # fmt: skip
    assert np.array_equal(found["a"].ood_score, alone.heldout.ood_score)
    with pytest.raises(TrainingError, match="outliers to learn from"):
        crossfitted(outliers={"a": outliers["a"]} | {"x": Outliers(stripe_frames(2), ["", ""])})


def test_it_scores_only_the_videos_that_are_asked_for_and_trains_on_the_others() -> None:
    found = crossfitted(measured={"a", "c"})
    assert set(found) == {"a", "c"}
    alone = train(
        [*VIDEOS["b"], *VIDEOS["c"]], VIDEOS["a"], tiny_config(epochs=2, patience=2, keep="last"), device="cpu"
    )
    assert np.array_equal(found["a"].ood_score, alone.heldout.ood_score)
    with pytest.raises(TrainingError, match="at least two videos"):
        crossfitted(measured={"a"})
