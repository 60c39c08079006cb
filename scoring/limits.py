"""What a video may cost, and the error for one that can't be used. No decoder is imported here."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024

OUT_OF_MEMORY = "The decoder ran out of memory on this file."


class MediaError(Exception):
    """The video can't be used. `reason` is one sentence for people: no path, no traceback."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class MediaLimits:
    """Refusals name the limit and the value found.

    The wall clock runs only while the decoder works (not while the caller handles a frame): wall_base_s, plus
    wall_per_1000_s for each 1000 pictures decoded; and never more than stall_s without a sign of life.
    """

    max_pixels: int = 36_000_000
    max_side: int = 16_384
    max_streams: int = 32
    max_duration_h: float = 12.0
    max_frames: int = 1_000_000
    memory_bytes: int = 1024 * MEBIBYTE
    cpu_s: int = 24 * 3600
    wall_base_s: float = 60.0
    wall_per_1000_s: float = 60.0
    stall_s: float = 60.0


def check_size(width: int, height: int, limits: MediaLimits) -> None:
    """Raises MediaError for a picture of width x height pixels that is over the limits."""
    if width * height > limits.max_pixels:
        found, limit = f"{width * height / 1e6:.3g}", f"{limits.max_pixels / 1e6:.3g}"
        raise MediaError(f"The picture is {width} x {height} ({found} megapixels); the limit is {limit} megapixels.")
    if max(width, height) > limits.max_side:
        raise MediaError(f"The picture is {width} x {height}; the limit is {limits.max_side} pixels per side.")
