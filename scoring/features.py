"""What the encoder saw in frames, as it is stored beside the packs: recalibration learns from it. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.errors import ModelError

LARGEST = 6e4  # float16 ends a little above

Activations = NDArray[np.float16]


def rounded(activations: NDArray[np.float32]) -> Activations:
    """Pooled activations (N, D) as they are stored. The scorer hands them out like this, so that a frame has the same
    ones on every path."""
    stored: Activations = np.clip(activations, -LARGEST, LARGEST).astype(np.float16)
    return stored


def features_to_bytes(features: Activations, number: NDArray[np.int64]) -> bytes:
    """safetensors of activations (N, D) and the numbers (N,) of their frames: one object per version and pack, 2 kB a
    frame for the small preset. Raises ValueError when they don't fit together or aren't finite."""
    if features.ndim != 2 or number.shape != features.shape[:1] or not np.isfinite(features).all():
        raise ValueError("Features need one row of finite values per frame number.")
    return save({"features": features.astype(np.float16), "number": number.astype(np.int64)})


def features_from_bytes(data: bytes) -> tuple[Activations, NDArray[np.int64]]:
    """(activations, number) of `features_to_bytes`. Raises ModelError for anything else."""
    try:
        tensors = load(data)
        features, number = tensors["features"], tensors["number"]
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelError("These are no features of frames.") from None
    fits = features.ndim == 2 and number.shape == features.shape[:1]
    if not fits or features.dtype != np.float16 or number.dtype != np.int64 or not np.isfinite(features).all():
        raise ModelError("The features of the frames are damaged.")
    return features, number
