"""Recalibration: from a few verdicts to the probability that a frame doesn't belong, without touching the network.

Logistic regression on features of a frame: its pooled activations (scoring/features.py), standardised, clipped and
reduced by principal components of equal spread, and its outlier score. That basis comes from the reviewed frames
besides some that were trained on; the latter alone are too much alike for it (docs/decisions.md). Trained-on frames
count as IN with little weight; OUT verdicts, which are fewer, count for more. What the regression finds and the outlier
score then count alike: where a video resembles none that was reviewed, the regression may break, and the score holds.
NumPy and scikit-learn, no torch.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.features import Activations
from scoring.ood import units_of

MIN_REVIEWS, MIN_EACH = 25, 5
COMPONENTS = 48
ROUNDS = 3  # of subspace iteration
BASIS_ROWS = 800  # frames from which the components are found: more take time and change little
SPREAD = 4.0  # of all components together, where the score alone has 1
CLIP = 8.0  # standard deviations
PENALTY = 0.1  # C of the regression; .03 to .3 do alike
START_WEIGHT = 0.2
MAX_OUT_WEIGHT = 10.0
DEAD = 1e-3  # of the largest spread: a channel that hardly moves must not drown the others
RANK = 1e-4  # of the largest component: what has less is rounding
TINY = 1e-6
LARGEST_LOGIT = 30.0
LEAST_UNIT = 0.1  # or what hardly varies on the reviewed frames would drown the rest
LEAST_SLOPE = 0.1  # probability always rises with the sum

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
ARRAYS = ("mean", "scale", "weights")


@dataclass(frozen=True)
class Refusal:
    """Why there is nothing to learn from yet, in a sentence. The label-free score stays in charge."""

    reason: str


@dataclass(frozen=True)
class FeatureBasis:
    """From D pooled activations and the outlier score to K + 1 features. mean, scale: (D + 1,), the score last;
    components: (D, K); offset: (K,); all float32."""

    mean: Floats
    scale: Floats
    components: Floats
    offset: Floats

    def transform(self, activations: Activations, ood_score: ArrayLike) -> Floats:
        """Features (N, K + 1) of activations (N, D) and scores (N,) by the version that the basis was fitted on."""
        return self.reduced(_standardised(_rows(activations, ood_score), self.mean, self.scale))

    def reduced(self, standing: Floats) -> Floats:
        """Features (N, K + 1) of what has been standardised, (N, D + 1)."""
        return np.concatenate([standing[:, :-1] @ self.components - self.offset, standing[:, -1:]], axis=1)


@dataclass(frozen=True)
class Calibration:
    """A fitted regression. All after the clipping is linear, so basis and slopes are folded into one weight for each
    activation: mean, scale, weights (D + 1,) float32, the score last, and an intercept. in_reviews, out_reviews: how
    many verdicts it learned from."""

    mean: Floats
    scale: Floats
    weights: Floats
    intercept: float
    in_reviews: int
    out_reviews: int

    def logit(self, activations: Activations, ood_score: ArrayLike) -> NDArray[np.float64]:
        """Log odds (N,) that a frame doesn't belong, within +-30, from activations (N, D) and scores (N,) by the same
        model version. Raises ValueError for those of another one."""
        standing = _standardised(_rows(activations, ood_score), self.mean, self.scale)
        logit: NDArray[np.float64] = standing.astype(np.float64) @ self.weights + self.intercept
        return np.clip(logit, -LARGEST_LOGIT, LARGEST_LOGIT)

    def probability(self, activations: Activations, ood_score: ArrayLike) -> NDArray[np.float64]:
        """Probability (N,) in [0, 1] that a frame doesn't belong, as `logit`."""
        found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-self.logit(activations, ood_score)))
        return found

    def as_json(self) -> dict[str, Any]:
        """Values that `from_json` turns back into this calibration, to the bit; 17 kB for the small preset."""
        arrays = {name: base64.b64encode(getattr(self, name).tobytes()).decode() for name in ARRAYS}
        return {**vars(self), **arrays}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Raises ValueError for anything that `as_json` would not give."""
        try:
            mean, scale, weights = (
                np.frombuffer(base64.b64decode(values[name], validate=True), "<f4") for name in ARRAYS
            )
            intercept, ins, outs = float(values["intercept"]), int(values["in_reviews"]), int(values["out_reviews"])
        except (KeyError, TypeError, ValueError):
            raise ValueError("These are no values of a calibration.") from None
        same_length = len(mean) == len(scale) == len(weights) > 0
        finite = all(np.isfinite(array).all() for array in (mean, scale, weights, np.array(intercept)))
        if not (same_length and finite and (scale > 0).all()):
            raise ValueError("The values of the calibration are damaged.")
        return cls(mean, scale, weights, intercept, ins, outs)


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
    reason = refusal(int((~out).sum()), int(out.sum()))
    if reason:
        return Refusal(reason)
    rows = _rows(np.concatenate([activations, start_activations]), np.concatenate([ood_score, start_scores]))
    basis, standing = _basis(rows)
    features = basis.reduced(standing)
    return fit(features[: len(out)], out, features[len(out) :], basis=basis)


def fit_basis(activations: Activations, ood_score: ArrayLike) -> FeatureBasis:
    """The basis from frames of one model version, reviewed or not: activations (M, D), scores (M,). Raises
    ValueError when they don't fit together or there are none."""
    rows = _rows(activations, ood_score)
    if not len(rows):
        raise ValueError("A basis needs frames.")
    return _basis(rows)[0]


def _basis(rows: Floats) -> tuple[FeatureBasis, Floats]:
    """The basis of rows (M, D + 1), which are standardised in place, and those."""
    mean, spread = rows.mean(0), rows.std(0)
    scale = np.maximum(spread, max(DEAD * float(spread[:-1].max(initial=0)), TINY)).astype(np.float32)
    standing = _standardised(rows, mean, scale)
    seen = standing[:, :-1]
    centre = seen.mean(0)
    components = _components(seen[:: -(-len(rows) // BASIS_ROWS)] - centre)
    return FeatureBasis(mean, scale, components, centre @ components), standing


def fit(features: Floats, is_out: ArrayLike, start_features: Floats, *, basis: FeatureBasis) -> Calibration | Refusal:
    """As `calibrate`, from features by `basis.transform`: (M, K + 1) of reviewed and (S, K + 1) of start frames."""
    out = np.asarray(is_out, dtype=bool)
    _check(features, out, start_features, basis)
    ins, outs = int((~out).sum()), int(out.sum())
    reason = refusal(ins, outs)
    if reason:
        return Refusal(reason)
    rows = np.concatenate([features, start_features]).astype(np.float64)
    slopes, intercept = _anchored(rows, out, *_regression(rows, out))
    weights = np.append(basis.components @ slopes[:-1], slopes[-1]).astype(np.float32)
    return Calibration(basis.mean, basis.scale, weights, intercept - float(basis.offset @ slopes[:-1]), ins, outs)


def refusal(in_reviews: int, out_reviews: int) -> str:
    """Why so many verdicts are too few, in a sentence, or an empty one when they are enough."""
    total = in_reviews + out_reviews
    if total < MIN_REVIEWS:
        return f"{total} of the {MIN_REVIEWS} verdicts that calibration needs have been given."
    for name, count in (("IN", in_reviews), ("OUT", out_reviews)):
        if count < MIN_EACH:
            return f"Only {count} verdicts are {name}; calibration needs {MIN_EACH} of each."
    return ""


def _check(features: Floats, out: NDArray[np.bool_], start_features: Floats, basis: FeatureBasis) -> None:
    width = len(basis.offset) + 1
    if not features.shape[1:] == start_features.shape[1:] == (width,):
        raise ValueError("The features of the reviewed frames and of the start frames need the basis that is given.")
    if out.shape != features.shape[:1]:
        raise ValueError("Calibration needs one verdict for each reviewed frame.")
    if not (np.isfinite(features).all() and np.isfinite(start_features).all()):
        raise ValueError("A feature is not finite.")


def _rows(activations: Activations, ood_score: ArrayLike) -> Floats:
    """Activations and score side by side, (N, D + 1). Raises ValueError when they don't fit or aren't finite."""
    scores = np.asarray(ood_score, np.float32)
    if activations.ndim != 2 or scores.shape != activations.shape[:1]:
        raise ValueError("Recalibration needs a row of activations and a score for each frame.")
    rows = np.concatenate([activations.astype(np.float32), scores[:, None]], axis=1)
    if not np.isfinite(rows).all():
        raise ValueError("An activation or a score is not finite.")
    return rows


def _standardised(rows: Floats, mean: Floats, scale: Floats) -> Floats:
    """`rows`, changed in place."""
    if rows.shape[1] != len(mean):
        raise ValueError("The activations belong to another model version.")
    rows -= mean
    rows /= scale
    return np.clip(rows, -CLIP, CLIP, out=rows)


def _components(centred: Floats) -> Floats:
    """Directions (D, K) of most variance of rows (M, D), each scaled so that together they spread by SPREAD. They are
    found by subspace iteration (Halko et al. 2011, algorithm 4.4): the whole decomposition takes several times as
    long."""
    from sklearn.utils.extmath import randomized_svd

    wanted = min(COMPONENTS, *centred.shape)
    _, sizes, axes = randomized_svd(centred, wanted, n_iter=ROUNDS, power_iteration_normalizer="QR", random_state=0)
    kept = sizes > max(RANK * float(sizes.max(initial=0)), TINY)
    spread = sizes[kept] / np.sqrt(len(centred))
    components: Floats = (axes[kept].T / spread * (SPREAD / np.sqrt(max(int(kept.sum()), 1)))).astype(np.float32)
    return components


def _anchored(rows: Doubles, out: NDArray[np.bool_], slopes: Doubles, intercept: float) -> tuple[Doubles, float]:
    """Slopes and intercept of the sum of the regression and the score, the last column of `rows`, each in units of the
    reviewed frames, made a probability by another regression on that sum alone (Platt 1999)."""
    parts = {"regression": rows @ slopes + intercept, "score": rows[:, -1]}
    units = units_of({name: values[: len(out)] for name, values in parts.items()}, out)
    deviations = {name: max(unit[1], LEAST_UNIT) for name, unit in units.items()}
    whole = np.sum([(parts[name] - units[name][0]) / deviations[name] for name in parts], axis=0)
    rises, offset = _regression(whole[:, None], out)
    rise = max(float(rises[0]), LEAST_SLOPE)
    shift = sum(units[name][0] / deviations[name] for name in parts)
    summed = slopes / deviations["regression"]
    summed[-1] += 1 / deviations["score"]
    return rise * summed, rise * (intercept / deviations["regression"] - shift) + offset


def _regression(rows: Doubles, out: NDArray[np.bool_]) -> tuple[Doubles, float]:
    """Slopes and intercept; the rows after the verdicts are start frames."""
    from sklearn.linear_model import LogisticRegression

    labels = np.zeros(len(rows), bool)
    labels[: len(out)] = out
    weights = np.where(np.arange(len(rows)) < len(out), 1.0, START_WEIGHT)
    weights[labels] = np.clip(weights[~labels].sum() / labels.sum(), 1.0, MAX_OUT_WEIGHT)
    fitted = LogisticRegression(C=PENALTY, max_iter=500).fit(rows, labels, weights)
    return fitted.coef_[0], float(fitted.intercept_[0])
