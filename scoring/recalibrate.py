"""Recalibration: from a few verdicts to the probability that a frame doesn't belong, without touching the network.

A logistic regression learns from what the encoder saw (scoring/features.py): pooled activations, standardised, clipped
and reduced to principal components of equal spread. That basis comes from the reviewed frames besides some that were
trained on; the latter alone are too much alike for it. The result is the outlier score, which knows nothing of
verdicts, plus the regression where it can know better: the further a frame is from all that it learned from, the less
the regression counts. Without that it breaks on videos unlike all reviewed ones. Figures: docs/decisions.md. NumPy, and
scikit-learn where a basis is found, no torch. What follows from newer verdicts within a request: scoring/refit.py.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.features import Activations, FeatureBasis, Floats, as_rows, basis_of
from scoring.logistic import fit_logistic

MIN_REVIEWS, MIN_EACH = 25, 5
RADIUS = 4.0  # at this distance from all frames that the regression learned from it counts half
PENALTY = 0.1  # C of the regression; .001 to .1 do alike
START_WEIGHT = 0.2  # of a trained-on frame beside a reviewed one; 0 to 1 do alike
MAX_OUT_WEIGHT = 10.0
MOST_SEEN = 1_500  # frames kept to measure the distance to
TINY = 1e-6
LEAST_UNIT = 0.1  # of its spread over all frames: what hardly varies over the reviewed ones must not drown the rest
LEAST_SLOPE = 0.1  # the probability always rises with the score
LARGEST_LOGIT = 30.0
BLOCK = 4096

Doubles = NDArray[np.float64]
Unit = tuple[float, float]


@dataclass(frozen=True)
class Refusal:
    """Why there is nothing to learn from yet, in a sentence. The label-free score stays in charge."""

    reason: str


@dataclass(frozen=True)
class Calibration:
    """seen: (S, K) float32 in the precision of float16, features of the frames that the regression learned from.
    weights: (K + 1,), of the features and the standardised score, and intercept: the regression. column: mean and
    standard deviation with which the score is standardised for it. score_unit, regression_unit: the units, likewise, in
    which the two are added. slope, offset: from the sum to log odds. in_reviews, out_reviews: the verdicts."""

    basis: FeatureBasis
    seen: Floats
    weights: Floats
    intercept: float
    column: Unit
    score_unit: Unit
    regression_unit: Unit
    slope: float
    offset: float
    in_reviews: int
    out_reviews: int

    def score(self, activations: Activations, ood_score: ArrayLike) -> Doubles:
        """The recalibrated score (N,) from activations (N, D) and scores (N,) by the same model version; frames with an
        IN verdict lie around 0. Raises ValueError for those of another version, and for some that aren't finite."""
        scores = _scores(ood_score, len(activations))
        features = self.basis.transform(activations)
        return self.total(features, scores, squared_distance(features, self.seen))

    def total(self, features: Floats, scores: Doubles, distance: ArrayLike) -> Doubles:
        """As `score`, from features (N, K) by its basis and their squared distance (N,) to what was seen."""
        near = 1 / (1 + np.asarray(distance, np.float64) / RADIUS**2)
        found = regressed(features, _in(self.column, scores), self.weights, self.intercept)
        total: Doubles = _in(self.score_unit, scores) + near * _in(self.regression_unit, found)
        return total

    def logit(self, activations: Activations, ood_score: ArrayLike) -> Doubles:
        """Log odds (N,) that a frame doesn't belong, within +-30, rising with `score`."""
        total = self.slope * self.score(activations, ood_score) + self.offset
        return np.clip(total, -LARGEST_LOGIT, LARGEST_LOGIT)

    def probability(self, activations: Activations, ood_score: ArrayLike) -> Doubles:
        """Probability (N,) in [0, 1] that a frame doesn't belong, if as many frames don't as do: reviewed frames are no
        random draw, so how many there are has to come from an audit. Otherwise as `score`."""
        return self.probability_of(self.score(activations, ood_score))

    def probability_of(self, total: Doubles) -> Doubles:
        """Probability (N,) of recalibrated scores (N,)."""
        logit = np.clip(self.slope * total + self.offset, -LARGEST_LOGIT, LARGEST_LOGIT)
        found: Doubles = 1.0 / (1.0 + np.exp(-logit))
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All arrays in the types in which they are stored."""
        values = {**vars(self.basis), "seen": self.seen, "weights": self.weights}
        return {name: values[NAMES.get(name, name)].astype(kind) for name, kind in ARRAYS.items()}

    def numbers(self) -> dict[str, Any]:
        """All the rest, as JSON values."""
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in NUMBERS}

    def as_json(self) -> dict[str, Any]:
        """Values that `from_json` turns back into this calibration, to the bit; up to half a megabyte for the small
        preset."""
        return {**self.numbers(), **{k: base64.b64encode(v.tobytes()).decode() for k, v in self.arrays().items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Raises ValueError for anything that `as_json` would not give."""
        try:
            raw = {name: np.frombuffer(base64.b64decode(values[name], validate=True), ARRAYS[name]) for name in ARRAYS}
            many, few = len(raw["mean"]), len(raw["basis_offset"])
            raw["components"] = raw["components"].reshape(many, few)
            raw["seen"] = raw["seen"].reshape(-1, few)
        except (KeyError, TypeError, ValueError):
            raise ValueError("These are no values of a calibration.") from None
        return cls.from_parts(raw, values)

    @classmethod
    def from_parts(cls, arrays: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]) -> Calibration:
        """From `arrays` and `numbers`, of which the former fit together. Raises ValueError for what they would not
        give."""
        try:
            ins, outs = int(numbers["in_reviews"]), int(numbers["out_reviews"])
            intercept, slope, offset = (float(numbers[name]) for name in ("intercept", "slope", "offset"))
            column, score_unit, regression_unit = ((float(numbers[name][0]), float(numbers[name][1])) for name in UNITS)
        except (KeyError, TypeError, ValueError, IndexError):
            raise ValueError("These are no values of a calibration.") from None
        wide = {name: array.astype(np.float32) for name, array in arrays.items()}
        basis = FeatureBasis(wide["mean"], wide["scale"], wide["components"], wide["basis_offset"])
        units = column, score_unit, regression_unit
        found = cls(basis, wide["seen"], wide["weights"], intercept, *units, slope, offset, ins, outs)
        found.check()
        return found

    def check(self) -> None:
        """Raises ValueError when the parts don't fit together or could not give a finite score."""
        units = [self.column, self.score_unit, self.regression_unit]
        numbers = np.array([self.intercept, self.slope, self.offset, *(value for unit in units for value in unit)])
        finite = all(np.isfinite(array).all() for array in (*self.arrays().values(), numbers))
        positive = (self.basis.scale > 0).all() and self.slope > 0 and all(unit[1] > 0 for unit in units)
        few = len(self.basis.offset)
        fits = len(self.basis.scale) == len(self.basis.mean) > 0 and len(self.weights) == few + 1
        if not (finite and positive and fits and len(self.seen) > 0):
            raise ValueError("The values of the calibration are damaged.")


ARRAYS = {"mean": "<f4", "scale": "<f4", "components": "<f2", "basis_offset": "<f4", "seen": "<f2", "weights": "<f4"}
NAMES = {"basis_offset": "offset"}
UNITS = ("column", "score_unit", "regression_unit")
NUMBERS = [entry.name for entry in fields(Calibration) if entry.name not in ("basis", "seen", "weights")]


def calibrate(
    activations: Activations,
    ood_score: ArrayLike,
    is_out: ArrayLike,
    start_activations: Activations,
    start_scores: ArrayLike,
) -> Calibration | Refusal:
    """The calibration of one model version from its reviewed frames, (M, D), (M,), with is_out (M,), whether the
    verdict was OUT, and from frames that it was trained on, (S, D), (S,), possibly none. The same input gives the same
    calibration. Raises ValueError for input that doesn't fit together or isn't finite."""
    out = np.asarray(is_out, dtype=bool)
    ins, outs = int((~out).sum()), int(out.sum())
    reason = refusal(ins, outs)
    if reason:
        return Refusal(reason)
    if out.shape != activations.shape[:1] or np.shape(ood_score) != out.shape:
        raise ValueError("Calibration needs one verdict and one score for each reviewed frame.")
    width = activations.shape[1]
    rows = np.concatenate([as_rows(activations, width), as_rows(start_activations, width)])
    scores = _scores(np.concatenate([ood_score, start_scores]), len(rows))
    basis, standing = basis_of(rows)
    return _fitted(basis, basis.reduced(standing), scores, out)


def refusal(in_reviews: int, out_reviews: int) -> str:
    """Why so many verdicts are too few, in a sentence, or an empty one when they are enough."""
    total = in_reviews + out_reviews
    if total < MIN_REVIEWS:
        return f"{total} of the {MIN_REVIEWS} verdicts that calibration needs have been given."
    for name, count in (("IN", in_reviews), ("OUT", out_reviews)):
        if count < MIN_EACH:
            return f"Only {count} verdicts are {name}; calibration needs {MIN_EACH} of each."
    return ""


def regressed(features: Floats, standing: Doubles, weights: Floats, intercept: float) -> Doubles:
    """Log odds (N,) by the regression alone, of features (N, K) and standardised scores (N,)."""
    found: Doubles = features.astype(np.float64) @ weights[:-1] + weights[-1] * standing + intercept
    return found


def _fitted(basis: FeatureBasis, features: Floats, scores: Doubles, out: NDArray[np.bool_]) -> Calibration:
    """features (M + S, K), scores (M + S,): of the reviewed frames, then of the start frames."""
    column = float(scores.mean()), max(float(scores.std()), TINY)
    seen = features[:: -(-len(features) // MOST_SEEN)].astype(np.float16).astype(np.float32)
    return fitted_on(basis, seen, column, features, scores, out)


def fitted_on(
    basis: FeatureBasis,
    seen: Floats,
    column: Unit,
    features: Floats,
    scores: Doubles,
    out: NDArray[np.bool_],
    start: Doubles | None = None,
) -> Calibration:
    """The calibration with this basis and these frames as those seen; the rest as `_fitted`. `start`: slopes and
    intercept to begin at."""
    rows = np.concatenate([features, _in(column, scores)[:, None]], axis=1, dtype=np.float64)
    solution = _regression(rows, out, start)
    weights, intercept = solution[:-1].astype(np.float32), float(solution[-1])
    found = regressed(features, _in(column, scores), weights, intercept)
    judged = slice(0, len(out))
    score_unit = _unit(scores[judged], out, LEAST_UNIT * column[1])
    regression_unit = _unit(found[judged], out, max(LEAST_UNIT * float(found.std()), TINY))
    total = _in(score_unit, scores[judged]) + _in(regression_unit, found[judged])
    slope, offset = _platt(total, out)
    ins, outs = int((~out).sum()), int(out.sum())
    return Calibration(basis, seen, weights, intercept, column, score_unit, regression_unit, slope, offset, ins, outs)


def _scores(ood_score: ArrayLike, count: int) -> Doubles:
    scores = np.asarray(ood_score, np.float64)
    if scores.shape != (count,):
        raise ValueError("Recalibration needs a row of activations and a score for each frame.")
    if not np.isfinite(scores).all():
        raise ValueError("A score is not finite.")
    return scores


def _in(unit: Unit, values: Doubles) -> Doubles:
    return (values - unit[0]) / unit[1]


def _unit(values: Doubles, is_out: NDArray[np.bool_], least: float) -> Unit:
    """Mean of the frames that belong, and the standard deviation of all with either verdict counting half, whichever
    there are more of."""
    inside, outside = values[~is_out], values[is_out]
    variance = 0.5 * inside.var() + 0.5 * outside.var() + 0.25 * (inside.mean() - outside.mean()) ** 2
    return float(inside.mean()), max(float(np.sqrt(variance)), least)


def _regression(rows: Doubles, out: NDArray[np.bool_], start: Doubles | None) -> Doubles:
    """Slopes and intercept; the rows after the verdicts are start frames, which belong."""
    labels = np.zeros(len(rows), bool)
    labels[: len(out)] = out
    weights = np.where(np.arange(len(rows)) < len(out), 1.0, START_WEIGHT)
    weights[labels] = np.clip(weights[~labels].sum() / labels.sum(), 1.0, MAX_OUT_WEIGHT)
    return fit_logistic(rows, labels, weights, PENALTY, start)


def _platt(total: Doubles, out: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset from the sum (M,) to log odds, both verdicts weighing alike (Platt 1999)."""
    weights = np.where(out, len(out) / (2 * out.sum()), len(out) / (2 * (~out).sum()))
    slope, offset = fit_logistic(total[:, None], out, weights, 1.0)
    return max(float(slope), LEAST_SLOPE), float(offset)


def squared_distance(features: Floats, seen: Floats) -> Doubles:
    """Of each row (N, K) to the nearest of rows (S, K), a block at a time, (N,)."""
    lengths = np.square(seen).sum(1)
    blocks = [
        np.square(block).sum(1) + (lengths - 2 * block @ seen.T).min(1)
        for block in (features[start : start + BLOCK] for start in range(0, len(features), BLOCK))
    ]
    found: Doubles = np.maximum(np.concatenate([np.zeros(0), *blocks]), 0.0)
    return found
