"""The loop on labelled sources: train a first model, let a simulated curator review, learn, and test on new sources.

What a fold may see, and how much of it, is in scoring/rehearsal.py. The curator answers with the sources' own labels;
which frames are asked about is what the product asks about (scoring/selection.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from scoring.config import TrainConfig
from scoring.controls import LinearModel, controls
from scoring.detector import Detector
from scoring.features import Activations
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.preprocessing import Preprocessing
from scoring.recalibrate import Calibration, Refusal, calibrate
from scoring.rehearsal import Fold, draw_outliers
from scoring.retrain import MIN_OUTLIERS
from scoring.score import Scorer
from scoring.selection import choose
from scoring.splits import heldout_mask
from scoring.threshold import threshold_at_tpr
from scoring.train import Outliers, train

BATCH = 25  # verdicts between two looks at what to ask about

Values = NDArray[np.float64]
Frames = Mapping[str, Pixels]


@dataclass(frozen=True)
class Labelled:
    """Frames of each source, uint8 (N, H, W, 3) in the order of time: those that belong, and sets of others."""

    inside: Frames
    outside: Mapping[str, Frames]
    preprocessing: Preprocessing


@dataclass(frozen=True)
class Tested:
    """Scores of the tested sources by one method after so many reviews: per source (n,), in each set."""

    method: str
    reviews: int
    inside: list[Values]
    outside: dict[str, list[Values]]


@dataclass
class Pool:
    """What the curator can be asked about. video: (N,) which source a frame is of; set_of: (N,) name of its set, empty
    for frames that belong; reviewed: (N,) bool."""

    pixels: Pixels
    video: NDArray[np.int64]
    set_of: list[str]
    activations: Activations
    scores: Values
    reviewed: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.reviewed = np.zeros(len(self.pixels), bool)

    @property
    def is_out(self) -> NDArray[np.bool_]:
        return np.array([bool(name) for name in self.set_of])


def rehearse(data: Labelled, fold: Fold, config: TrainConfig, reviews: Sequence[int]) -> Iterator[Tested]:
    """One fold: scores of its tested sources without reviews, then by what was learned from so many.

    Controls come first, as `minus_green_share` and so on; `recalibrated` falls back to the default score while there
    are too few verdicts.
    """
    first = first_model([data.inside[name] for name in fold.start], data.preprocessing, config)
    scorer, linear = Scorer(first.detector), LinearModel.fit(FrameSet(first.trained))
    yield from _without_reviews(data, fold, scorer, linear)
    pool = _pool(data, fold, scorer, config.seed)
    calibration: Calibration | Refusal = Refusal("")
    for wanted in sorted(reviews):
        while (asked := int(pool.reviewed.sum())) < min(wanted, len(pool.reviewed)):
            _review(pool, calibration, first.threshold, min(BATCH, wanted - asked), seed=config.seed + asked)
            calibration = _calibrated(pool, first.detector)
        yield _recalibrated(data, fold, scorer, calibration, wanted)
        if (pool.reviewed & pool.is_out).sum() >= MIN_OUTLIERS:
            yield _retrained(data, fold, first, pool, wanted)


@dataclass(frozen=True)
class FirstModel:
    """A model of the start sources, its threshold on the outlier score, and the frames of each source that it was
    trained on and that were held out from it."""

    detector: Detector
    threshold: float
    trained: list[Pixels]
    heldout: list[Pixels]
    config: TrainConfig


def first_model(start: Sequence[Pixels], preprocessing: Preprocessing, config: TrainConfig) -> FirstModel:
    """Made as the product makes it."""
    held = heldout_mask([n for n, frames in enumerate(start) for _ in frames], config.heldout_fraction, config.seed)
    cuts = np.cumsum([len(frames) for frames in start])[:-1]
    masks = np.split(held, cuts)
    kept = [frames[~mask] for frames, mask in zip(start, masks, strict=True)]
    rest = [frames[mask] for frames, mask in zip(start, masks, strict=True)]
    height, width = preprocessing.size
    sized = replace(config, vae=replace(config.vae, height=height, width=width))
    result = train(kept, rest, sized, preprocessing=preprocessing)
    per_video = np.split(result.heldout.ood_score, np.cumsum([len(frames) for frames in rest])[:-1])
    found = threshold_at_tpr([scores for scores in per_video if len(scores)], config.target_tpr)
    return FirstModel(result.detector, found.value, kept, rest, sized)


def _without_reviews(data: Labelled, fold: Fold, scorer: Scorer, linear: LinearModel) -> Iterator[Tested]:
    def measures(pixels: Pixels) -> dict[str, Values]:
        scores = scorer.score(pixels)
        own = {"reconstruction_loss": scores.reconstruction_loss, "ood_score": scores.ood_score}
        return {**own, **controls(pixels), **linear.scores(pixels)}

    inside = [measures(data.inside[name]) for name in fold.test_in]
    outside = {key: [measures(data.outside[key][name]) for name in names] for key, names in fold.test_out.items()}
    for method in inside[0]:
        others = {key: [each[method] for each in found] for key, found in outside.items()}
        yield Tested(method, 0, [each[method] for each in inside], others)


def _pool(data: Labelled, fold: Fold, scorer: Scorer, seed: int) -> Pool:
    parts = [(data.inside[name], "") for name in fold.pool_in]
    wanted = {key: sum(len(data.outside[key][name]) for name in names) for key, names in fold.pool_out.items()}
    drawn = draw_outliers(wanted, sum(len(pixels) for pixels, _ in parts), seed)
    for key, rows in drawn.items():
        stacked = np.concatenate([data.outside[key][name] for name in fold.pool_out[key]])
        parts.append((stacked[rows], key))
    pixels = np.concatenate([part for part, _ in parts])
    found = scorer.score(pixels)
    assert found.activations is not None
    return Pool(
        pixels,
        np.repeat(np.arange(len(parts)), [len(part) for part, _ in parts]),
        [name for part, name in parts for _ in part],
        found.activations,
        found.ood_score,
    )


def _review(pool: Pool, calibration: Calibration | Refusal, threshold: float, count: int, *, seed: int) -> None:
    """Ask about `count` frames more, chosen by what has been learned so far."""
    if isinstance(calibration, Calibration):
        scores, near = calibration.logit(pool.activations, pool.scores), 0.0
    else:
        scores, near = pool.scores, threshold
    picks = choose(
        scores,
        pool.activations,
        threshold=near,
        reviewed=pool.reviewed,
        videos=pool.video,
        count=count,
        confirmed_in=int((pool.reviewed & ~pool.is_out).sum()),
        seed=seed,
    )
    pool.reviewed[[pick.index for pick in picks]] = True


def _calibrated(pool: Pool, detector: Detector) -> Calibration | Refusal:
    assert detector.start_activations is not None
    assert detector.start_scores is not None
    seen = pool.reviewed
    return calibrate(
        pool.activations[seen],
        pool.scores[seen],
        pool.is_out[seen],
        detector.start_activations,
        detector.start_scores,
    )


def _recalibrated(
    data: Labelled, fold: Fold, scorer: Scorer, calibration: Calibration | Refusal, reviews: int
) -> Tested:
    def scores(pixels: Pixels) -> Values:
        found = scorer.score(pixels)
        if isinstance(calibration, Refusal) or found.activations is None:
            return found.ood_score
        return calibration.logit(found.activations, found.ood_score)

    return _tested("recalibrated", reviews, data, fold, scores)


def _retrained(data: Labelled, fold: Fold, first: FirstModel, pool: Pool, reviews: int) -> Tested:
    """The first model taken further with all verdicts given so far."""
    confirmed, out = (pool.reviewed & side for side in (~pool.is_out, pool.is_out))
    reasons = [name for name, said in zip(pool.set_of, out, strict=True) if said]
    result = train(
        [*first.trained, pool.pixels[confirmed]],
        first.heldout,
        first.config,
        outliers=Outliers(pool.pixels[out], reasons),
        start_from=first.detector,
    )
    scorer = Scorer(result.detector)
    return _tested("retrained", reviews, data, fold, lambda pixels: scorer.score(pixels).ood_score)


def _tested(method: str, reviews: int, data: Labelled, fold: Fold, scores: Callable[[Pixels], Values]) -> Tested:
    inside = [scores(data.inside[name]) for name in fold.test_in]
    outside = {key: [scores(data.outside[key][name]) for name in names] for key, names in fold.test_out.items()}
    return Tested(method, reviews, inside, outside)
