"""Recalibration: from a few verdicts to the probability that a frame doesn't belong, without touching the network.

Logistic regression on the features of a frame (scoring/features.py), standardised, clipped and reduced by principal
components to equal spread. Mean, scale and components come from the reviewed frames as well as from frames that were
trained on: the latter alone are too much alike, and everything else then looks the same. Trained-on frames count as IN
with little weight; OUT verdicts, which are fewer, count for more. NumPy and scikit-learn, no torch.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.features import Features

MIN_REVIEWS, MIN_EACH = 25, 5
COMPONENTS = 48
BASIS_ROWS = 800  # frames from which the components are found: more take long and change nothing
SPREAD = 4.0  # of all components together, where the score alone has 1
CLIP = 8.0  # standard deviations
PENALTY = 0.1  # C of the regression; .03 to .3 do alike
START_WEIGHT = 0.2
MAX_OUT_WEIGHT = 10.0
DEAD = 1e-3  # of the largest spread: a channel that hardly moves must not drown the others
RANK = 1e-4  # of the largest component: what has less is rounding
TINY = 1e-6
LARGEST_LOGIT = 30.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Refusal:
    """Why there is nothing to learn from yet, in a sentence. The label-free score stays in charge."""

    reason: str


@dataclass(frozen=True)
class Calibration:
    """A fitted regression, folded into one weight per feature: mean, scale, weights (F,) float32 and an intercept.
    in_reviews, out_reviews: how many verdicts it learned from."""

    mean: Floats
    scale: Floats
    weights: Floats
    intercept: float
    in_reviews: int
    out_reviews: int

    def probability(self, features: Features) -> NDArray[np.float64]:
        """Probability (N,) in [0, 1] that a frame doesn't belong, from features (N, F) of the same model version.
        Raises ValueError for features of another one."""
        if features.ndim != 2 or features.shape[1] != len(self.weights):
            raise ValueError("The features and the calibration belong to different model versions.")
        logit = _standardised(features, self.mean, self.scale).astype(np.float64) @ self.weights + self.intercept
        found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logit, -LARGEST_LOGIT, LARGEST_LOGIT)))
        return found

    def as_json(self) -> dict[str, Any]:
        """Values that `from_json` turns back into this calibration, to the bit; about 17 kB for the small preset."""
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


ARRAYS = ("mean", "scale", "weights")


def fit(features: Features, is_out: ArrayLike, start_features: Features) -> Calibration | Refusal:
    """The calibration from reviewed frames: features (M, F), is_out (M,), whether the verdict was OUT; start_features
    (S, F): of frames that the version was trained on, possibly none. The same input gives the same calibration.
    Raises ValueError for input that doesn't fit together or isn't finite."""
    out = np.asarray(is_out, dtype=bool)
    rows = _rows(features, out, start_features)
    reason = refusal(int((~out).sum()), int(out.sum()))
    if reason:
        return Refusal(reason)
    mean, spread = rows.mean(0), rows.std(0)
    scale = np.maximum(spread, max(DEAD * float(spread[:-1].max(initial=0)), TINY)).astype(np.float32)
    standing = _standardised(rows, mean, scale)
    components = _components(standing[:: -(-len(rows) // BASIS_ROWS), :-1])
    reduced = np.concatenate([standing[:, :-1] @ components, standing[:, -1:]], axis=1)
    slopes, intercept = _regression(reduced, out)
    weights = np.append(components @ slopes[:-1], slopes[-1]).astype(np.float32)
    return Calibration(mean, scale, weights, intercept, int((~out).sum()), int(out.sum()))


def refusal(in_reviews: int, out_reviews: int) -> str:
    """Why so many verdicts are too few, in a sentence, or an empty one when they are enough."""
    total = in_reviews + out_reviews
    if total < MIN_REVIEWS:
        return f"{total} of the {MIN_REVIEWS} verdicts that calibration needs have been given."
    for name, count in (("IN", in_reviews), ("OUT", out_reviews)):
        if count < MIN_EACH:
            return f"Only {count} verdicts are {name}; calibration needs {MIN_EACH} of each."
    return ""


def _rows(features: Features, out: NDArray[np.bool_], start_features: Features) -> Floats:
    """Reviewed frames, then start frames, checked, (M + S, F)."""
    if features.ndim != 2 or start_features.ndim != 2 or features.shape[1] != start_features.shape[1]:
        raise ValueError("The features of the reviewed frames and of the start frames belong to different versions.")
    if out.shape != features.shape[:1]:
        raise ValueError("Calibration needs one verdict for each reviewed frame.")
    rows = np.concatenate([features, start_features]).astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("A feature is not finite.")
    return rows


def _standardised(features: Features | Floats, mean: Floats, scale: Floats) -> Floats:
    standing = features.astype(np.float32)
    standing -= mean
    standing /= scale
    return np.clip(standing, -CLIP, CLIP, out=standing)


def _components(standing: Floats) -> Floats:
    """Directions (D, K) of most variance of rows (M, D), each scaled so that together they spread by SPREAD. The basis
    is found by a round of subspace iteration (Halko et al. 2011, algorithm 4.4): the whole decomposition takes
    several times as long."""
    from sklearn.utils.extmath import randomized_svd

    centred = standing - standing.mean(0)
    wanted = min(COMPONENTS, *centred.shape)
    _, sizes, axes = randomized_svd(centred, wanted, n_iter=1, power_iteration_normalizer="QR", random_state=0)
    kept = sizes > max(RANK * float(sizes.max(initial=0)), TINY)
    spread = sizes[kept] / np.sqrt(len(centred))
    components: Floats = (axes[kept].T / spread * (SPREAD / np.sqrt(max(int(kept.sum()), 1)))).astype(np.float32)
    return components


def _regression(reduced: Floats, out: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Slopes and intercept; the rows after the verdicts are start frames."""
    from sklearn.linear_model import LogisticRegression

    labels = np.zeros(len(reduced), bool)
    labels[: len(out)] = out
    weights = np.where(np.arange(len(reduced)) < len(out), 1.0, START_WEIGHT)
    weights[labels] = np.clip(weights[~labels].sum() / labels.sum(), 1.0, MAX_OUT_WEIGHT)
    fitted = LogisticRegression(C=PENALTY, max_iter=500).fit(reduced.astype(np.float64), labels, weights)
    return fitted.coef_[0], float(fitted.intercept_[0])
