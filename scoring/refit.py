"""The calibration once more, from newer verdicts, within a request: the basis of the last fit stays, all else is new.

The worker that fits leaves a digest: features of the frames that it learned from, of frames that were held out, and of
a random sample of all. From these and the features of frames judged since then the regression, its threshold and the
spread of the probabilities follow in some tens of milliseconds. NumPy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.errors import ModelError
from scoring.features import FeatureBasis, Floats
from scoring.recalibrate import ARRAYS, NUMBERS, Calibration, Refusal, fitted_on, refusal, squared_distance

Doubles = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Reduced:
    """Frames by their features (N, K) float32, outlier scores (N,), ids (N,), and a group (N,): the video, or whether
    the verdict was OUT."""

    features: Floats
    scores: Doubles
    ids: Ids
    group: Ids

    def __len__(self) -> int:
        return len(self.ids)

    def taken(self, rows: NDArray[Any]) -> Reduced:
        return Reduced(*(getattr(self, each.name)[rows] for each in fields(self)))

    def joined(self, other: Reduced) -> Reduced:
        pairs = ((getattr(self, each.name), getattr(other, each.name)) for each in fields(self))
        return Reduced(*(np.concatenate(pair) for pair in pairs))


PARTS = ("start", "judged", "heldout", "sample")
STORED = {"features": "<f2", "scores": "<f8", "ids": "<i8", "group": "<i8"}


@dataclass(frozen=True)
class Digest:
    """What a refit needs of the last fit. start: frames that were trained on (group 0); judged: those with a verdict
    (group 1: OUT), in-distribution ones that were held out left away; heldout: known to belong and never learned from
    (group: the video); sample: a random draw of all frames (group: the video). frames: how many that draw stands
    for."""

    calibration: Calibration
    start: Reduced
    judged: Reduced
    heldout: Reduced
    sample: Reduced
    heldout_distance: Doubles
    sample_distance: Doubles
    frames: int

    def as_bytes(self) -> bytes:
        """safetensors: 3 MB with a sample of 20 000. Raises ValueError when a value isn't finite."""
        arrays = {f"calibration.{name}": value for name, value in self.calibration.arrays().items()}
        numbers = [np.ravel(value) for value in self.calibration.numbers().values()]
        arrays["numbers"] = np.concatenate([*numbers, [self.frames]]).astype("<f8")
        for name in PARTS:
            part: Reduced = getattr(self, name)
            arrays |= {f"{name}.{each}": getattr(part, each).astype(kind) for each, kind in STORED.items()}
        arrays["heldout.distance"] = self.heldout_distance.astype("<f4")
        arrays["sample.distance"] = self.sample_distance.astype("<f4")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("A value of the digest is not finite.")
        return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Digest:
        """Raises ModelError for anything that `as_bytes` would not give."""
        try:
            arrays = load(data)
            numbers, frames = _numbers(arrays["numbers"].tolist())
            names = {name: arrays[f"calibration.{name}"] for name in ARRAYS}
            start, judged, heldout, sample = (_part(arrays, name) for name in PARTS)
            held, drawn = (arrays[f"{name}.distance"].astype(np.float64) for name in ("heldout", "sample"))
            calibration = Calibration.from_parts(names, numbers)
            found = cls(calibration, start, judged, heldout, sample, held, drawn, frames)
            found._check()
        except (SafetensorError, ValueError, KeyError, TypeError, IndexError):
            raise ModelError("The digest of the calibration is damaged.") from None
        return found

    def _check(self) -> None:
        few = len(self.calibration.basis.offset)
        parts: list[Reduced] = [getattr(self, name) for name in PARTS]
        lengths = all(len(getattr(part, each)) == len(part) for part in parts for each in STORED)
        fits = all(part.features.shape == (len(part), few) for part in parts)
        aside = len(self.heldout_distance) == len(self.heldout) and len(self.sample_distance) == len(self.sample)
        if not (lengths and fits and aside):
            raise ValueError("The parts don't fit together.")


def _numbers(values: list[float]) -> tuple[dict[str, Any], int]:
    """The calibration's numbers as `Calibration.numbers` gives them, and the number of frames."""
    found: dict[str, Any] = {}
    for name in NUMBERS:
        is_unit = name in ("column", "score_unit", "regression_unit")
        found[name] = [values.pop(0), values.pop(0)] if is_unit else values.pop(0)
    return found, int(values.pop(0))


def _part(arrays: Mapping[str, NDArray[Any]], name: str) -> Reduced:
    features, scores, ids, group = (arrays[f"{name}.{each}"] for each in STORED)
    return Reduced(features.astype(np.float32), scores.astype(np.float64), ids, group)


@dataclass(frozen=True)
class Refit:
    """A calibration, and its probabilities of the held-out frames, of the sample and of the frames with a verdict, in
    the order in which the digest has them; those judged since come last."""

    calibration: Calibration
    heldout: Doubles
    sample: Doubles
    judged: Reduced
    judged_probability: Doubles


def refit(digest: Digest, verdicts: Mapping[int, bool | None], more: Reduced) -> Refit | Refusal:
    """`verdicts`: of frames judged since the fit, whether they are OUT, None for those that are neither by now. `more`:
    those of them that the digest doesn't hold. The same input gives the same result."""
    judged = _judged(digest.judged.joined(more), verdicts)
    is_out = judged.group.astype(bool)
    few = refusal(int((~is_out).sum()), int(is_out.sum()))
    if few:
        return Refusal(few)
    old = digest.calibration
    features = np.concatenate([judged.features, digest.start.features])
    scores = np.concatenate([judged.scores, digest.start.scores])
    begin = np.append(old.weights.astype(np.float64), old.intercept)
    found = fitted_on(old.basis, old.seen, old.column, features, scores, is_out, begin)
    heldout, sample = (
        found.probability_of(found.total(part.features, part.scores, _nearer(part, distance, more)))
        for part, distance in ((digest.heldout, digest.heldout_distance), (digest.sample, digest.sample_distance))
    )
    own = found.probability_of(found.total(judged.features, judged.scores, np.zeros(len(judged))))
    return Refit(found, heldout, sample, judged, own)


def _judged(known: Reduced, verdicts: Mapping[int, bool | None]) -> Reduced:
    """With the verdicts of now, without the frames that have none any more."""
    said = [verdicts.get(pk, bool(out)) for pk, out in zip(known.ids.tolist(), known.group.tolist(), strict=True)]
    kept = np.array([each is not None for each in said], dtype=bool)
    group = np.array([bool(each) for each in said], dtype=np.int64)
    return Reduced(known.features, known.scores, known.ids, group).taken(kept)


def _nearer(part: Reduced, distance: Doubles, more: Reduced) -> Doubles:
    """Squared distances to what was seen, the frames that came since among it."""
    return np.minimum(distance, squared_distance(part.features, more.features)) if len(more) else distance


def reduced(basis: FeatureBasis, activations: NDArray[np.float16], scores: Doubles, ids: Ids, group: Ids) -> Reduced:
    """Frames (N, D) by the features of this basis, in the precision in which a digest keeps them."""
    features = basis.transform(activations) if len(activations) else np.zeros((0, len(basis.offset)), np.float32)
    return Reduced(features.astype(np.float16).astype(np.float32), scores, ids, group)
