"""A look at a few pictures spread over a video, before it is decoded: where are its black bars? In the child only.

Costs a dozen seeks and key frames. Whatever goes wrong, a video without bars is the answer: the decoding that follows
tells what is wrong with the file.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from scoring import bars
from scoring.bars import Look
from scoring.geometry import Geometry
from scoring.limits import check_size
from scoring.media import DECODER_THREADS, MediaLimits, Opened, open_video
from scoring.pictures import rgb, source_colours
from scoring.preprocessing import Crop

LOOKS = 12
FEW_LOOKS = 4
MAX_PACKETS = 2000
MAX_PICTURES = 300


class Survey:
    """on_packet: called for each packet read."""

    def __init__(self, path: str, limits: MediaLimits, on_packet: Callable[[], None]) -> None:
        self._path = path
        self._limits = limits
        self._on_packet = on_packet
        self._geometry: Geometry | None = None
        self._narrow, self._flat = VideoReformatter(), VideoReformatter()

    def bars(self) -> tuple[Crop, tuple[int, int]]:
        """The bars in pixels as shown, and the (width, height) as shown that they were found at."""
        with suppress(Exception):
            looks = list(self._looks(self._key_frames()))
            look = bars.together(looks)
            if look is not None and len(looks) < FEW_LOOKS and (bars.find(look) or bars.all_dark(look)):
                # A short file may begin with a title, or in the dark, and have no other key frame.
                look = bars.together([look, *self._looks(self._first_pictures())])
            if look is not None and self._geometry is not None:
                return self._geometry.shown(bars.find(look)), self._geometry.display_size
        return Crop(), (1, 1)

    def _looks(self, pictures: Iterator[VideoFrame]) -> Iterator[Look]:
        for picture in pictures:
            check_size(picture.width, picture.height, self._limits)
            colours = source_colours(picture)
            narrow = rgb(self._narrow, picture, (bars.PIECES, picture.height), colours)
            yield Look.of(narrow, rgb(self._flat, picture, (picture.width, bars.PIECES), colours))

    def _key_frames(self) -> Iterator[VideoFrame]:
        """Up to 12, spread over the declared length; without one, the first 12."""
        with open_video(self._path, self._limits, threads=1) as opened:
            opened.stream.codec_context.skip_frame = "NONKEY"
            if opened.declared.duration_s:
                yield from self._spread(opened, opened.declared.duration_s)
            else:
                yield from islice(self._decoded(opened), LOOKS)

    def _spread(self, opened: Opened, duration_s: float) -> Iterator[VideoFrame]:
        seen: set[int] = set()
        for turn in range(LOOKS):
            time_s = (opened.declared.start_s or 0.0) + duration_s * turn / LOOKS
            with suppress(Exception):
                opened.container.seek(int(time_s / (opened.stream.time_base or Fraction(1))), stream=opened.stream)
                yield from self._next_key_frame(opened, seen)

    def _next_key_frame(self, opened: Opened, seen: set[int]) -> Iterator[VideoFrame]:
        context = opened.stream.codec_context
        for packet in islice(opened.container.demux(opened.stream), MAX_PACKETS):
            self._on_packet()
            if not packet.is_keyframe or packet.pts is None:
                continue
            if packet.pts not in seen:
                seen.add(packet.pts)
                # Emptied at once: a decoder waits for the pictures that come before the key frame. A seek revives it.
                pictures = [*context.decode(packet), *context.decode(None)]
                yield from self._of_stream(opened, pictures[:1])
            return

    def _first_pictures(self) -> Iterator[VideoFrame]:
        with open_video(self._path, self._limits, threads=DECODER_THREADS) as opened:
            opened.stream.codec_context.skip_frame = "NONREF"
            yield from islice(self._decoded(opened), 0, MAX_PICTURES, MAX_PICTURES // LOOKS)

    def _decoded(self, opened: Opened) -> Iterator[VideoFrame]:
        for packet in islice(opened.container.demux(opened.stream), MAX_PACKETS):
            self._on_packet()
            with suppress(ValueError, OSError):
                yield from self._of_stream(opened, opened.stream.codec_context.decode(packet))

    def _of_stream(self, opened: Opened, pictures: list[VideoFrame]) -> Iterator[VideoFrame]:
        for picture in pictures:
            if self._geometry is None:
                self._geometry = Geometry.of(picture, opened.declared.pixel_aspect)
            yield picture
