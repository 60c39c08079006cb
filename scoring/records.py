"""What is said of a video before and after it was decoded. Imported by the decoder child, so no NumPy here."""

from dataclasses import asdict, dataclass
from typing import Any

from scoring.preprocessing import Crop


@dataclass(frozen=True)
class VideoInfo:
    """What the container and its video stream declare. Nothing of it was checked against the pictures yet.

    width, height: as shown, that is with pixel shape and rotation applied. rotation: degrees clockwise to turn
    the stored picture by (0, 90, 180, 270). bars: what is cut away for the model's input, in pixels as shown.
    """

    width: int
    height: int
    codec: str
    fps: float | None
    declared_duration_s: float | None
    declared_frames: int | None
    rotation: int
    bars: Crop

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """How the decoding ended. duration_s: seconds of video that could be read. warnings: sentences for people."""

    frames: int
    duration_s: float
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"frames": self.frames, "duration_s": self.duration_s, "warnings": list(self.warnings)}
