"""Reads a video's pictures in presentation order, whatever the file does."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from scoring.limits import OUT_OF_MEMORY
from scoring.media import DECODER_THREADS, Declared, MediaLimits, Opened, open_video
from scoring.timeline import Timeline

STOPPED_READING = "The file is damaged: it can't be read to its end."

# More than any decoder holds back for reordering and threads together.
HELD_BACK = 64

HEEDLESS = ("vp9",)  # its decoder doesn't look at skip_frame: packets that aren't wanted are kept from it

# Of a decoded picture, up to 10 bits with half the colour.
BYTES_PER_PIXEL = 3


class PictureReader:
    """Iterate once. `declared` and `timeline` are set before the first picture, the counts grow on the way.

    on_packet: called for each packet read, before its pictures are given.
    """

    declared: Declared
    timeline: Timeline

    def __init__(self, path: str, limits: MediaLimits, *, keyframes_only: bool) -> None:
        self.packets = 0
        self.decoded = 0
        self.damaged = 0
        self.problems: list[str] = []
        self.on_packet: Callable[[], None] = lambda: None
        self.path = path
        self._limits = limits
        self._keyframes_only = keyframes_only
        self._sent: deque[int] = deque(maxlen=HELD_BACK)
        self._given: deque[int | None] = deque(maxlen=4 * HELD_BACK)

    @property
    def gone_s(self) -> float:
        """How much of the video has gone by; nothing before the file was opened for decoding."""
        return self.timeline.duration_s if hasattr(self, "timeline") else 0.0

    def follow(self, declared: Declared, packets: int) -> None:
        """Take down what somebody else reads and decodes by a plan (scoring/plan.py)."""
        self.declared, self.timeline, self.packets = declared, Timeline(declared), packets

    def passed(self) -> None:
        """A packet went by."""
        self.decoded += 1
        self.on_packet()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Raises MediaError when the file can't be opened or is over a limit."""
        self.packets = 0
        for picture in self._read():
            self.decoded += 1
            self._given.append(picture.pts)
            yield picture
        lost = set(self._sent) - set(self._given)
        if lost:
            yield from self._rescued(lost)

    def _read(self) -> Iterator[VideoFrame]:
        with open_video(self.path, self._limits, threads=DECODER_THREADS) as opened:
            self.declared, self.timeline = opened.declared, Timeline(opened.declared)
            self._prepare(opened)
            for packet in self._packets(opened):
                if packet is not None and packet.size:
                    self._count(packet)
                    if self._is_left_out(opened, packet):
                        continue
                pictures = self._decode(opened, packet)
                if pictures is None:
                    return
                yield from pictures

    def _rescued(self, lost: set[int]) -> Iterator[VideoFrame]:
        """The decoder gives up emptying itself at its first damaged packet, and with several threads good pictures
        wait behind that one. So the tail is read once more with one thread, which holds none back."""
        with open_video(self.path, self._limits, threads=1) as opened:
            self._prepare(opened)
            with suppress(Exception):
                opened.container.seek(min(lost), stream=opened.stream)
            noticed = self.damaged
            for packet in self._packets(opened):
                pictures = self._decode(opened, packet) or []
                for picture in pictures:
                    if picture.pts in lost:
                        lost.remove(picture.pts)
                        self.decoded += 1
                        yield picture
            # Most of these were met the first time, too.
            self.damaged = max(noticed, self.damaged - noticed)

    def _prepare(self, opened: Opened) -> None:
        if self._keyframes_only:
            opened.stream.codec_context.skip_frame = "NONKEY"

    def _is_left_out(self, opened: Opened, packet: "Packet[VideoStream]") -> bool:
        return self._keyframes_only and not packet.is_keyframe and opened.declared.codec in HEEDLESS

    def _packets(self, opened: Opened) -> "Iterator[Packet[VideoStream] | None]":
        """Ends with one that makes the decoder give what it still holds."""
        packets = opened.container.demux(opened.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except Exception:
                self.problems.append(STOPPED_READING)
                yield None
                return
            yield packet

    def _count(self, packet: "Packet[VideoStream]") -> None:
        self.packets += 1
        gives_a_picture = not packet.is_discard and (packet.is_keyframe or not self._keyframes_only)
        if packet.pts is not None and gives_a_picture:
            self._sent.append(packet.pts)
        if self._keyframes_only:
            self.timeline.reach(packet.pts, packet.time_base)
        self.on_packet()

    def _decode(self, opened: Opened, packet: "Packet[VideoStream] | None") -> list[VideoFrame] | None:
        """The pictures that the packet completes; none for a damaged one; None when there is no going on."""
        context = opened.stream.codec_context
        try:
            return context.decode(packet)
        except Exception as error:
            if isinstance(error, MemoryError) or not _has_room(context.width * context.height * BYTES_PER_PIXEL):
                self.problems.append(OUT_OF_MEMORY)
                return None
            self.damaged += 1
            return []


def _has_room(size: int) -> bool:
    """Some decoders call their own lack of memory damaged data."""
    try:
        bytearray(size)
    except MemoryError:
        return False
    return True
