"""What decoding gives, as plain records. No decoder is imported here, so any process may use them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.records import Summary, VideoInfo

__all__ = ["Pixels", "SampledFrame", "Summary", "VideoInfo"]

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SampledFrame:
    """One sampled frame.

    number: counts sampled frames from 0, without holes. time_s: presentation time in seconds from the start of the
    file; may repeat or go backwards. thumbnail: JPEG, as shown (rotated), at most 320 pixels wide.
    pixels: uint8 (H, W, 3) RGB, the model's input, rotated, read-only.
    """

    number: int
    time_s: float
    keyframe: bool
    thumbnail: bytes
    pixels: Pixels
