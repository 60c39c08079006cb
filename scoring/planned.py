"""Decodes the packets that a plan names, and nothing else: the same pictures as a full decoding, for about half of it.

Between the sampled pictures only those are decoded that others refer to; behind a unit's last sampled picture the rest
of it is left out. Units are decoded side by side, each by a decoder with one thread: several threads on one picture, or
on its neighbours, cost more. A file of few or huge units is decoded as it is read, by one decoder with several threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from threading import Lock, local
from typing import TYPE_CHECKING, Generic, TypeVar

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from scoring.framing import CropError
from scoring.media import DECODER_THREADS, MediaLimits, open_video
from scoring.plan import SPARE, Plan, Unit

Result = TypeVar("Result")
Work = Callable[[VideoFrame], Result]
Results = list[tuple[int, Result]]
if TYPE_CHECKING:
    VideoPacket = Packet[VideoStream]  # at run time the class takes no parameters

UNITS_PER_THREAD = 2  # at least: with fewer, threads wait for the last one
SKIPPING = "h264 hevc vp8 mpeg4 mpeg2video mpeg1video"  # dav1d looks at skip_frame when it is opened, and never again
HUGE_BYTES = 16 * 1024 * 1024  # of packets in a unit


class NotAsPlannedError(Exception):
    """The decoder didn't give what was planned: the file is damaged, or not what it seems."""


@contextmanager
def _as_planned() -> Iterator[None]:
    """What goes wrong here goes wrong in a full decoding too, and is dealt with there; a wrong crop is told at once."""
    try:
        yield
    except (CropError, NotAsPlannedError, GeneratorExit):
        raise
    except Exception as error:
        raise NotAsPlannedError(str(error)) from error


def decode_planned(
    path: str, plan: Plan, limits: MediaLimits, make_work: Callable[[], Work[Result]], on_packet: Callable[[], None]
) -> Iterator[tuple[int, Result]]:
    """(pts, result) of each planned picture, in order of presentation.

    make_work: called once per thread, gives what is done with each picture there. on_packet: called for each packet
    read. Raises NotAsPlannedError, after which a full decoding gives the same up to there; CropError of the work.
    """
    threads = min(DECODER_THREADS, os.cpu_count() or 1)
    is_shared = len(plan.units) < UNITS_PER_THREAD * threads or max(u.size_bytes for u in plan.units) > HUGE_BYTES
    with _as_planned(), ExitStack() as stack:
        decoders = _Decoders(path, plan, limits, make_work, stack, threads=DECODER_THREADS if is_shared else 1)
        units = _units(stack, path, plan, limits, on_packet)
        if is_shared:
            for unit, packets in units:
                yield from decoders.decode(unit, packets)
        else:
            yield from _side_by_side(decoders, units, threads)


def _side_by_side(
    decoders: _Decoders[Result], units: Iterable[tuple[Unit, Iterable[tuple[int, VideoPacket]]]], threads: int
) -> Iterator[tuple[int, Result]]:
    """The first unit is finished before the others begin: what is cut is settled with the first picture."""
    waiting: deque[Future[Results[Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for turn, (unit, packets) in enumerate(units):
                waiting.append(pool.submit(decoders.decoded, unit, list(packets)))
                if turn == 0 or len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _units(
    stack: ExitStack, path: str, plan: Plan, limits: MediaLimits, on_packet: Callable[[], None]
) -> Iterator[tuple[Unit, Iterable[tuple[int, VideoPacket]]]]:
    """Each unit with its packets and their places; to be read up before the next is asked for."""
    opened = stack.enter_context(open_video(path, limits, threads=1))

    def read() -> Iterator[tuple[int, VideoPacket]]:
        for place, packet in enumerate(packet for packet in opened.container.demux(opened.stream) if packet.size):
            on_packet()
            yield place, packet

    places, position = read(), 0
    for unit in plan.units:
        yield unit, islice(places, unit.first - position, unit.last + 1 - position)
        position = unit.last + 1


class _Decoders(Generic[Result]):
    """A decoder and the work on its pictures for each thread that asks for them."""

    def __init__(
        self,
        path: str,
        plan: Plan,
        limits: MediaLimits,
        make_work: Callable[[], Work[Result]],
        stack: ExitStack,
        *,
        threads: int,
    ) -> None:
        self._open = partial(open_video, path, limits, threads=threads)
        self._plan = plan
        self._can_skip = plan.declared.codec in SKIPPING.split()
        self._make_work = make_work
        self._stack = stack
        self._lock = Lock()
        self._own = local()

    def decoded(self, unit: Unit, packets: list[tuple[int, VideoPacket]]) -> Results[Result]:
        return list(self.decode(unit, packets))

    def decode(self, unit: Unit, packets: Iterable[tuple[int, VideoPacket]]) -> Iterator[tuple[int, Result]]:
        context, work = self._mine()
        missing = sorted(unit.wanted, reverse=True)
        for picture in self._pictures(context, unit, packets):
            if picture.pts not in unit.wanted:
                continue
            if picture.pts != missing.pop():
                raise NotAsPlannedError("A picture came out of turn.")
            yield picture.pts, work(picture)
        if missing:
            raise NotAsPlannedError("A picture didn't come.")

    def _pictures(
        self, context: VideoCodecContext, unit: Unit, packets: Iterable[tuple[int, VideoPacket]]
    ) -> Iterator[VideoFrame]:
        for place, packet in packets:
            is_wanted = packet.pts in unit.wanted
            if not is_wanted and self._plan.flags[place] & SPARE:
                continue
            if self._can_skip:
                context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
            yield from context.decode(packet)
        yield from context.decode(None)
        context.flush_buffers()

    def _mine(self) -> tuple[VideoCodecContext, Work[Result]]:
        if not hasattr(self._own, "pair"):
            with self._lock:
                opened = self._stack.enter_context(self._open())
            self._own.pair = opened.stream.codec_context, self._make_work()
        pair: tuple[VideoCodecContext, Work[Result]] = self._own.pair
        return pair
