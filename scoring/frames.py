"""What decoding gives, as plain records. No decoder is imported here, so any process may use them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """What the container and its video stream declare. Nothing of it was checked against the pictures yet.

    width, height: as shown, that is with pixel shape and rotation applied. rotation: degrees clockwise to turn
    the stored picture by (0, 90, 180, 270).
    """

    width: int
    height: int
    codec: str
    fps: float | None
    declared_duration_s: float | None
    declared_frames: int | None
    rotation: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


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


@dataclass(frozen=True)
class Summary:
    """How the decoding ended. duration_s: seconds of video that could be read. warnings: sentences for people."""

    frames: int
    duration_s: float
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"frames": self.frames, "duration_s": self.duration_s, "warnings": list(self.warnings)}
