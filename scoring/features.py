"""The features of a frame from which recalibration learns: pooled encoder activations, made few, and the score. NumPy
only, so that any process may read them. Recipe: pooled values standardised on frames known to belong, clipped, reduced
by principal components to equal spread; the size of that spread sets how much the score counts beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.errors import ModelError

COMPONENTS = 48
CLIP = 8.0
SPREAD = 4.0  # of all components together, against 1 of the score
LARGEST = 1e4  # far inside what float16 holds
DEAD = 1e-3  # of the largest spread: a channel that hardly moves on frames that belong must not drown the others
RANK = 1e-8  # of the largest variance: directions with less are rounding
TINY = 1e-6

Features = NDArray[np.float16]


@dataclass(frozen=True)
class FeatureBasis:
    """float32 arrays, from D pooled values to K components: mean, scale (D,); components (D, K), offset (K,); score
    (2,): mean and standard deviation of the default score."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    components: NDArray[np.float32]
    offset: NDArray[np.float32]
    score: NDArray[np.float32]

    def transform(self, pooled: NDArray[np.float32], ood_score: NDArray[np.float64]) -> Features:
        """Features (N, K + 1) float16 of pooled activations (N, D) and scores (N,); the last column is the score. They
        are rounded here and not when they are stored, so that a frame has the same ones on every path."""
        reduced = _standardised(pooled, self.mean, self.scale) @ self.components - self.offset
        standing = (ood_score - self.score[0]) / self.score[1]
        both = np.concatenate([reduced, standing[:, None]], axis=1)
        features: Features = np.clip(both, -LARGEST, LARGEST).astype(np.float16)
        return features


def fit_basis(pooled: NDArray[np.float32], ood_score: NDArray[np.float64]) -> FeatureBasis:
    """The basis from frames known to belong: pooled (S, D), ood_score (S,), S >= 2. At most 48 components, fewer when
    there are not so many frames."""
    mean, spread = pooled.mean(0), pooled.std(0)
    scale = np.maximum(spread, max(DEAD * float(spread.max()), TINY)).astype(np.float32)
    standardised = _standardised(pooled, mean, scale)
    centre = standardised.mean(0)
    axes, sizes = _principal(standardised - centre)
    share = SPREAD / np.sqrt(max(len(sizes), 1))
    components = (axes * share / sizes).astype(np.float32)
    score = np.array([ood_score.mean(), max(float(ood_score.std()), TINY)], np.float32)
    return FeatureBasis(mean, scale, components, centre @ components, score)


def features_to_bytes(features: Features, number: NDArray[np.int64]) -> bytes:
    """safetensors of features (N, F) and the numbers (N,) of their frames: one object per version and pack.
    Raises ValueError when they don't fit together or aren't finite."""
    if features.ndim != 2 or number.shape != features.shape[:1] or not np.isfinite(features).all():
        raise ValueError("Features need one row of finite values per frame number.")
    return save({"features": features.astype(np.float16), "number": number.astype(np.int64)})


def features_from_bytes(data: bytes) -> tuple[Features, NDArray[np.int64]]:
    """(features, number) of `features_to_bytes`. Raises ModelError for anything else."""
    try:
        tensors = load(data)
        features, number = tensors["features"], tensors["number"]
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError("These are no features of frames.") from None
    fits = features.ndim == 2 and number.shape == features.shape[:1]
    if not fits or features.dtype != np.float16 or number.dtype != np.int64 or not np.isfinite(features).all():
        raise ModelError("The features of the frames are damaged.")
    return features, number


def _standardised(
    pooled: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    standing: NDArray[np.float32] = np.clip((pooled - mean) / scale, -CLIP, CLIP)
    return standing


def _principal(centred: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Directions (D, K) of most variance of rows (S, D), and the standard deviation (K,) along each. By way of the
    S x S products: there are fewer frames than values. The sign of each is fixed, or machines would differ."""
    rows = centred.astype(np.float64)
    powers, mixes = np.linalg.eigh(rows @ rows.T)
    kept = [i for i in np.argsort(powers)[::-1][:COMPONENTS] if powers[i] > max(RANK * powers.max(), TINY)]
    lengths = np.sqrt(powers[kept])
    axes = rows.T @ mixes[:, kept] / lengths
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(len(kept))])
    return axes.astype(np.float32), (lengths / np.sqrt(len(rows))).astype(np.float32)
