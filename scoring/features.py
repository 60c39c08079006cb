"""The features of a frame from which recalibration learns: what each encoder stage made of it, pooled, and the outlier
score. NumPy only, so that any process may read them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.errors import ModelError

LARGEST = 6e4  # float16 ends a little above

Features = NDArray[np.float16]


def joined(activations: NDArray[np.float32], ood_score: NDArray[np.float64]) -> Features:
    """Features (N, D + 1) float16 of pooled activations (N, D) and scores (N,), which stand in the last column. They
    are rounded here and not when they are stored, so that a frame has the same ones on every path."""
    both = np.concatenate([activations, ood_score[:, None]], axis=1)
    features: Features = np.clip(both, -LARGEST, LARGEST).astype(np.float16)
    return features


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
