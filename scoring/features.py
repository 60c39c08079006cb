"""What the encoder saw in frames, as it is stored beside the packs, and the few features that it is reduced to:
recalibration learns from them. NumPy and scikit-learn, no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.errors import ModelError

LARGEST = 6e4  # float16 ends a little above
COMPONENTS = 64
BASIS_ROWS = 800  # frames from which the components are found: more take time and change little
ROUNDS = 3  # of subspace iteration
SPREAD = 4.0  # root mean square length of the features of the frames that the basis was found from
CLIP = 8.0  # standard deviations
DEAD = 1e-3  # of the largest spread: a channel that hardly moves must not drown the others
RANK = 1e-4  # of the largest component: what has less is rounding
TINY = 1e-6

Activations = NDArray[np.float16]
Floats = NDArray[np.float32]


def rounded(activations: NDArray[np.float32]) -> Activations:
    """Pooled activations (N, D) as they are stored. The scorer hands them out like this, so that a frame has the same
    ones on every path."""
    stored: Activations = np.clip(activations, -LARGEST, LARGEST).astype(np.float16)
    return stored


def features_to_bytes(features: Activations, number: NDArray[np.int64]) -> bytes:
    """safetensors of activations (N, D) and the numbers (N,) of their frames: one object per version and pack, 2 kB a
    frame for the small preset. Raises ValueError when they don't fit together or aren't finite."""
    if features.ndim != 2 or number.shape != features.shape[:1] or not _are_finite(features):
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
    if not fits or features.dtype != np.float16 or number.dtype != np.int64 or not _are_finite(features):
        raise ModelError("The features of the frames are damaged.")
    return features, number


def _are_finite(halves: Activations) -> bool:
    """By their bits: NumPy's own answer takes as long as reading a pack's features."""
    return bool((halves.view(np.uint16) & 0x7FFF).max(initial=0) < 0x7C00)


HEAD_BYTES = 512  # of `features_to_bytes`: enough for `row_place`


def row_place(head: bytes, row: int) -> tuple[int, int]:
    """Where the activations of a row lie in the bytes of `features_to_bytes`, of which `head` is the beginning:
    offset and length. For who wants a frame and not its pack. Raises ModelError when there is no such row."""
    try:
        length = int.from_bytes(head[:8], "little")
        about = json.loads(head[8 : 8 + length])["features"]
        (rows, width), (first, _) = about["shape"], about["data_offsets"]
    except (ValueError, KeyError, TypeError):
        raise ModelError("These are no features of frames.") from None
    if about["dtype"] != "F16" or not 0 <= row < rows:
        raise ModelError("The features of the frame are missing.")
    return 8 + length + first + row * width * 2, width * 2


@dataclass(frozen=True)
class FeatureBasis:
    """From D pooled activations to K features. mean, scale: (D,); components: (D, K), in the precision of float16 as
    they are stored; offset: (K,); all float32."""

    mean: Floats
    scale: Floats
    components: Floats
    offset: Floats

    def transform(self, activations: Activations) -> Floats:
        """Features (N, K) of activations (N, D) by the version that the basis was fitted on. Raises ValueError for
        those of another one, and for some that aren't finite."""
        return self.reduced(_standardised(as_rows(activations, len(self.mean)), self.mean, self.scale))

    def reduced(self, standing: Floats) -> Floats:
        """Features (N, K) of what has been standardised and clipped, (N, D)."""
        return standing @ self.components - self.offset


def fit_basis(activations: Activations) -> FeatureBasis:
    """The basis from frames of one model version, (M, D). Raises ValueError when there are none, or some that aren't
    finite."""
    if not len(activations):
        raise ValueError("A basis needs frames.")
    return basis_of(as_rows(activations, activations.shape[1]))[0]


def as_rows(activations: Activations, width: int) -> Floats:
    """Activations as float32, a copy."""
    if activations.ndim != 2 or activations.shape[1] != width:
        raise ValueError("The activations belong to another model version.")
    rows = activations.astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("An activation is not finite.")
    return rows


def basis_of(rows: Floats) -> tuple[FeatureBasis, Floats]:
    """The basis of rows (M, D), which are standardised in place, and those."""
    mean, spread = rows.mean(0), rows.std(0)
    scale = np.maximum(spread, max(DEAD * float(spread.max(initial=0)), TINY)).astype(np.float32)
    standing = _standardised(rows, mean, scale)
    centre = standing.mean(0)
    components = _components(standing[:: -(-len(rows) // BASIS_ROWS)] - centre)
    return FeatureBasis(mean, scale, components, centre @ components), standing


def _components(centred: Floats) -> Floats:
    """Directions (D, K) of most variance of rows (M, D), each scaled so that together they spread by SPREAD. They are
    found by subspace iteration (Halko et al. 2011, algorithm 4.4): the whole decomposition takes several times as
    long."""
    from sklearn.utils.extmath import randomized_svd

    wanted = min(COMPONENTS, *centred.shape)
    _, sizes, axes = randomized_svd(centred, wanted, n_iter=ROUNDS, power_iteration_normalizer="QR", random_state=0)
    kept = sizes > max(RANK * float(sizes.max(initial=0)), TINY)
    spread = sizes[kept] / np.sqrt(len(centred))
    components = axes[kept].T / spread * (SPREAD / np.sqrt(max(int(kept.sum()), 1)))
    stored: Floats = np.ascontiguousarray(components, np.float16).astype(np.float32)
    return stored


def _standardised(rows: Floats, mean: Floats, scale: Floats) -> Floats:
    """`rows`, changed in place."""
    rows -= mean
    rows /= scale
    return np.clip(rows, -CLIP, CLIP, out=rows)
