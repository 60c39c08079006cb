"""What is cut from a video's pictures: black bars that were found, or what a person set."""

from collections.abc import Callable

from scoring.geometry import Geometry
from scoring.limits import MediaError, MediaLimits
from scoring.preprocessing import Crop
from scoring.survey import Survey


class CropError(MediaError):
    """What a person wants cut leaves next to nothing of the picture."""


class Framing:
    """set_by_hand: pixels as shown, of the first picture; None: find the bars."""

    def __init__(self, path: str, set_by_hand: Crop | None, limits: MediaLimits) -> None:
        self._path = path
        self._limits = limits
        self._set_by_hand = set_by_hand
        self._cut = set_by_hand or Crop()
        self._found_at: tuple[int, int] | None = None

    def look(self, on_packet: Callable[[], None]) -> None:
        """Finds the bars where that is asked for. on_packet: called for each packet read."""
        if self._set_by_hand is None:
            self._cut, self._found_at = Survey(self._path, self._limits, on_packet).bars()

    def cut_of(self, geometry: Geometry) -> Crop:
        """Of a picture with this geometry: the same share when its size changed in the middle of the stream. Raises
        CropError."""
        size = geometry.display_size
        if self._found_at is None:
            self._check(size)
            self._found_at = size
        return self._cut.scaled(self._found_at, size)

    def _check(self, size: tuple[int, int]) -> None:
        try:
            self._cut.check(*size)
        except ValueError as error:
            raise CropError(str(error)) from None
