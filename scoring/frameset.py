"""Frames of many packs seen as one array, without a copy. No torch here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.frames import Pixels


class FrameSet:
    """uint8 frames (H, W, 3) from one array (N, H, W, 3) or several of the same frame size, in their order.
    Raises ValueError when the arrays are not such frames."""

    def __init__(self, frames: Pixels | Sequence[Pixels]) -> None:
        self.parts = [frames] if isinstance(frames, np.ndarray) else [part for part in frames if len(part)]
        for part in self.parts:
            if part.dtype != np.uint8 or part.ndim != 4 or part.shape[3] != 3:
                raise ValueError(f"Frames are uint8 of shape (N, H, W, 3), not {part.dtype} of shape {part.shape}.")
        if len({part.shape[1:3] for part in self.parts}) > 1:
            raise ValueError("The frames have different sizes.")
        self.ends = np.cumsum([len(part) for part in self.parts], dtype=np.int64)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every frame; (0, 0) without frames."""
        height, width = self.parts[0].shape[1:3] if self.parts else (0, 0)
        return int(height), int(width)

    def take(self, indices: NDArray[np.int64]) -> Pixels:
        """The frames at `indices` (M,), in that order, copied to (M, H, W, 3)."""
        parts = np.searchsorted(self.ends, indices, side="right")
        taken = np.empty((len(indices), *self.size, 3), dtype=np.uint8)
        for part in np.unique(parts):
            here = parts == part
            start = self.ends[part] - len(self.parts[part])
            taken[here] = self.parts[part][indices[here] - start]
        return taken
