"""Which packets of a video have to be decoded for its sampled frames, found by reading it once without decoding.

The sampled frames are chosen over the whole file, in the order in which pictures are shown: choosing them per group of
pictures loses some at the edges. What can't be planned for sure is decoded whole (scoring/reading.py).
"""

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from av.packet import Packet
from av.video.stream import VideoStream

from scoring.bitstream import begins_afresh, is_shown, is_spare
from scoring.media import Declared, MediaLimits, Opened, open_video
from scoring.sampling import Sampling, sampler_for
from scoring.timeline import Timeline

CODECS = "h264 hevc vp8 vp9 av1 mpeg4 mpeg2video mpeg1video mjpeg prores ffv1"
MOST = 0.5  # of the pictures: of more, leaving out the others saves less than it takes
REORDERED = 16  # pictures: no codec here shows one further from where it stands in the file

ENTRY, SHOWN, SPARE = 1, 2, 4


@dataclass
class Packets:
    """Of each packet in file order: presentation time in units of `time_base`, size in bytes, and ENTRY (decoding can
    begin here), SHOWN (gives a picture that is shown), SPARE (nothing needs it, and the decoder doesn't skip it)."""

    time_base: Fraction
    pts: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("l"))
    flags: bytearray = field(default_factory=bytearray)

    def add(self, pts: int, size: int, flags: int) -> None:
        self.pts.append(pts)
        self.sizes.append(size)
        self.flags.append(flags)

    def __len__(self) -> int:
        return len(self.pts)


@dataclass(frozen=True)
class Unit:
    """Packets `first` to `last`, both included, by their place in the file: decoded by themselves they give the
    pictures `wanted` (their pts)."""

    first: int
    last: int
    wanted: frozenset[int]
    size_bytes: int


@dataclass(frozen=True)
class Plan:
    """`time_s` of each sampled picture by its pts, in the order of presentation; `gone_s`: how much of the video has
    gone by with it. `flags` of every packet as in Packets."""

    declared: Declared
    units: list[Unit]
    time_s: dict[int, float]
    gone_s: dict[int, float]
    duration_s: float
    packets: int
    flags: bytearray


def plan(path: str, sampling: Sampling, limits: MediaLimits, on_packet: Callable[[], None]) -> Plan | None:
    """None when the file must be decoded whole: key frames alone are asked for (the reader does that well) or most
    pictures, times are missing, repeated or go back, the file breaks off or is of another codec. Raises MediaError as
    `open_video`."""
    if sampling.mode == "keyframes":
        return None
    with open_video(path, limits, threads=1) as opened:
        if opened.declared.codec not in CODECS.split() or not opened.stream.time_base:
            return None
        packets = _listed(opened, opened.stream.time_base, on_packet)
        return planned(packets, opened.declared, sampling, limits.max_frames) if packets else None


def _listed(opened: Opened, time_base: Fraction, on_packet: Callable[[], None]) -> Packets | None:
    """None when the file breaks off, or its times can't be relied on."""
    found, previous = Packets(time_base), -math.inf
    for read in _read(opened):
        if read is None:
            return None
        packet, flags = read
        decoded_at = previous if packet.dts is None else packet.dts
        if packet.pts is None or packet.is_corrupt or decoded_at < previous:
            return None
        previous = decoded_at
        found.add(packet.pts, packet.size, flags)
        on_packet()
    return found


def _read(opened: Opened) -> "Iterator[tuple[Packet[VideoStream], int] | None]":
    """The packets with their flags; then None when the file is damaged: a full decoding gets out of it what there is.
    What goes wrong with the caller is not caught here."""
    try:
        for packet in opened.container.demux(opened.stream):
            if packet.size:
                yield packet, _flags(opened, packet)
    except Exception:
        yield None


def _flags(opened: Opened, packet: "Packet[VideoStream]") -> int:
    codec, data = opened.declared.codec, memoryview(packet)
    entry = packet.is_keyframe and begins_afresh(codec, opened.stream.codec_context.extradata, data)
    shown = not packet.is_discard and is_shown(codec, data)
    return ENTRY * entry | SHOWN * shown | SPARE * is_spare(codec, data)


def planned(packets: Packets, declared: Declared, sampling: Sampling, max_frames: int) -> Plan | None:
    """The plan for these packets; None when their times don't tell which pictures a decoder would give."""
    shown = [place for place, flags in enumerate(packets.flags) if flags & SHOWN]
    order = sorted(shown, key=packets.pts.__getitem__)
    if not order or len({packets.pts[place] for place in order}) < len(order) or _is_scattered(shown, order):
        return None
    timeline, sampler = Timeline(declared), sampler_for(sampling)
    time_s: dict[int, float] = {}
    gone_s: dict[int, float] = {}
    for place in order:
        now_s = timeline.time_of(packets.pts[place], packets.time_base)
        timeline.advance(now_s)
        if sampler.wants(now_s, keyframe=False):
            time_s[packets.pts[place]], gone_s[packets.pts[place]] = now_s, timeline.duration_s
        if len(time_s) >= max_frames:
            break
    if len(time_s) > MOST * len(order):
        return None
    units = list(_units(packets, time_s))
    if sum(len(unit.wanted) for unit in units) < len(time_s):
        return None
    return Plan(declared, units, time_s, gone_s, timeline.duration_s, len(packets), packets.flags)


def _is_scattered(shown: list[int], order: list[int]) -> bool:
    """Whether pictures are shown far from where they stand: recordings joined in one file, each with its own clock."""
    return any(abs(a - b) > REORDERED for a, b in zip(shown, order, strict=True))


def _units(packets: Packets, wanted: dict[int, float]) -> Iterable[Unit]:
    """The parts of the file that can be decoded by themselves and hold a wanted picture, each up to the last packet
    that it takes."""
    for first, end in pairwise([*_entries(packets), len(packets)]):
        places = [p for p in range(first, end) if packets.flags[p] & SHOWN and packets.pts[p] in wanted]
        if places:
            last = places[-1]
            size = sum(packets.sizes[first : last + 1])
            yield Unit(first, last, frozenset(packets.pts[place] for place in places), size)


def _entries(packets: Packets) -> list[int]:
    """Where decoding can begin and nothing shown later needs what stands before: key frames that are shown after
    everything in front of them and before everything behind them (closed groups of pictures)."""
    least_behind = array("q", packets.pts)
    for place in range(len(packets) - 2, -1, -1):
        least_behind[place] = min(least_behind[place], least_behind[place + 1])
    entries, highest = [], -(1 << 62)
    for place, pts in enumerate(packets.pts):
        if packets.flags[place] & ENTRY and highest < pts <= least_behind[place]:
            entries.append(place)
        highest = max(highest, pts)
    return entries
