"""The parent's side of decoding: starts the confined child, hands on its frames, trusts nothing that it says."""

import functools
import logging
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scoring import bubblewrap
from scoring.child import Child, Task
from scoring.errors import Stopped
from scoring.frames import Pixels, SampledFrame, Summary, VideoInfo
from scoring.inbox import ChildEnded, Inbox
from scoring.limits import MediaError, MediaLimits
from scoring.preprocessing import Crop, Preprocessing
from scoring.sampling import Sampling
from scoring.wire import Message, WireError

__all__ = [
    "Extraction",
    "MediaError",
    "MediaLimits",
    "SandboxError",
    "Stopped",
    "extract",
    "layers",
    "require_network_isolation",
]

ALLOW_UNSANDBOXED = "ALLOW_UNSANDBOXED"
PROBE_LIMITS = MediaLimits(wall_base_s=30.0, stall_s=30.0)

CRASHED = "The decoder crashed on this file."
NO_SUCH_FILE = "There is no such file."
MAX_REASON = 300
MAX_WARNINGS = 20
MAX_DECODED = 10**9  # at 10 000 pictures a second more than the longest video has
JPEG_MAGIC = b"\xff\xd8\xff"

log = logging.getLogger(__name__)


class SandboxError(Exception):
    """Decoding can't be isolated on this machine; the text is a sentence that says what to do."""


class Extraction:
    """Iterate once for the sampled frames; `info` is set before the first, `summary` after the last.

    Iterating raises MediaError(reason) for a video that can't be used, Stopped when should_stop() turned true, and
    SandboxError where decoding can't be isolated. Whatever happens, also when the iteration is left early, the child
    is killed with all it started.

    crop: pixels as shown to cut from each side for the model's input, whatever bars there are. on_progress: gets the
    fraction 0..1 of the declared duration. with_bwrap False: leave that layer out although it works.
    """

    def __init__(
        self,
        path: Path,
        *,
        sampling: Sampling,
        preprocessing: Preprocessing | None = None,
        crop: Crop | None = None,
        limits: MediaLimits | None = None,
        on_info: Callable[[VideoInfo], None] | None = None,
        on_progress: Callable[[float], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        with_bwrap: bool = True,
    ) -> None:
        self.info: VideoInfo | None = None
        self.summary: Summary | None = None
        self.pid: int | None = None
        self.preprocessing = preprocessing or Preprocessing()
        self._task = Task(path, sampling, self.preprocessing, limits or MediaLimits(), crop)
        self._on_info = on_info or (lambda info: None)
        self._on_progress = on_progress or (lambda fraction: None)
        self._should_stop = should_stop or (lambda: False)
        self._bwrap = working_bwrap() if with_bwrap else None
        self._frames = 0

    def __iter__(self) -> Iterator[SampledFrame]:
        assert self._task.video is not None
        if not self._task.video.is_file():
            raise MediaError(NO_SUCH_FILE)
        require_network_isolation()
        child = Child(self._task, bwrap=self._bwrap)
        self.pid = child.pid
        try:
            yield from self._frames_of(child)
        finally:
            child.close()

    def _frames_of(self, child: Child) -> Iterator[SampledFrame]:
        inbox = Inbox(child.stdout.fileno(), self._task.limits, self._should_stop)
        try:
            _greet(inbox, self._bwrap)
            while self.summary is None:
                message = inbox.next()
                inbox.decoded = max(inbox.decoded, _count(message.body.get("decoded", 0)))
                if message.kind == "frame":
                    yield self._frame(message)
                else:
                    self._hear(message)
        except ChildEnded:
            raise MediaError(_obituary(child)) from None
        except (WireError, TypeError, ValueError, KeyError, OverflowError) as error:
            log.warning("the decoder child broke the protocol: %r", error)
            raise MediaError(CRASHED) from None

    def _hear(self, message: Message) -> None:
        body = message.body
        if message.kind == "error":
            raise MediaError(_line(body["reason"]))
        if message.kind == "info":
            self.info = _info(body)
            self._on_info(self.info)
        elif message.kind == "progress":
            self._report(_seconds(body["duration_s"]))
        elif message.kind == "summary":
            self.summary = self._summary(body)
            self._on_progress(1.0)
        else:
            raise WireError(f"a message of kind {message.kind!r}")

    def _frame(self, message: Message) -> SampledFrame:
        thumbnail, rgb = message.blobs
        if self.info is None or not thumbnail.startswith(JPEG_MAGIC):
            raise WireError("a frame that isn't one")
        # The numbers are counted here, so that they are right whatever the child says.
        number, self._frames = self._frames, self._frames + 1
        if self._frames > self._task.limits.max_frames:
            raise WireError("more frames than the limit")
        time_s = _seconds(message.body["time_s"])
        self._report(_seconds(message.body["duration_s"]))
        return SampledFrame(number, time_s, message.body["keyframe"] is True, thumbnail, self._pixels(rgb))

    def _pixels(self, rgb: bytes) -> Pixels:
        return np.frombuffer(rgb, dtype=np.uint8).reshape(*self.preprocessing.size, 3)

    def _summary(self, body: dict[str, Any]) -> Summary:
        if self._frames == 0:
            raise WireError("an end without frames")
        warnings = tuple(_line(warning) for warning in body["warnings"][:MAX_WARNINGS])
        return Summary(self._frames, _seconds(body["duration_s"]), warnings)

    def _report(self, decoded_s: float) -> None:
        declared_s = self.info.declared_duration_s if self.info else None
        if declared_s:
            self._on_progress(min(max(decoded_s / declared_s, 0.0), 1.0))


def extract(
    path: Path,
    *,
    sampling: Sampling,
    preprocessing: Preprocessing | None = None,
    crop: Crop | None = None,
    limits: MediaLimits | None = None,
    on_info: Callable[[VideoInfo], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Extraction:
    """The frames of `path`, decoded in the sandbox. See Extraction."""
    return Extraction(
        path,
        sampling=sampling,
        preprocessing=preprocessing,
        crop=crop,
        limits=limits,
        on_info=on_info,
        on_progress=on_progress,
        should_stop=should_stop,
    )


def layers() -> list[str]:
    """The layers of isolation that are active here, outermost first, such as ["bwrap", "rlimits", "seccomp"]."""
    outer = ["bwrap"] if working_bwrap() else []
    return outer + list(_probe(working_bwrap()) or ())


def require_network_isolation() -> None:
    """Raises SandboxError where the decoder could reach the network, unless ALLOW_UNSANDBOXED=1."""
    if os.environ.get(ALLOW_UNSANDBOXED) == "1" or _isolated(layers()):
        return
    raise SandboxError(
        "Videos can't be decoded safely here: neither bubblewrap (bwrap) nor a seccomp filter works on this machine. "
        f"Install bubblewrap, or set {ALLOW_UNSANDBOXED}=1 to decode without network isolation."
    )


@functools.cache
def working_bwrap() -> str | None:
    """The path of bwrap if it is installed and may be used here (containers often forbid it)."""
    bwrap = bubblewrap.executable()
    return bwrap if bwrap is not None and _probe(bwrap) is not None else None


@functools.cache
def _probe(bwrap: str | None) -> tuple[str, ...] | None:
    """The layers that a child reports, or None if it can't even start."""
    child = Child(Task(None, Sampling(), Preprocessing(), PROBE_LIMITS), bwrap=bwrap)
    try:
        return tuple(_hello(Inbox(child.stdout.fileno(), PROBE_LIMITS, lambda: False)))
    except (ChildEnded, WireError, MediaError, KeyError, TypeError):
        child.wait()
        log.warning("a decoder child can't start %s bwrap: %s", "with" if bwrap else "without", child.last_words())
        return None
    finally:
        child.close()


def _hello(inbox: Inbox) -> list[str]:
    return [str(layer) for layer in inbox.next().body["layers"]]


def _greet(inbox: Inbox, bwrap: str | None) -> None:
    """The child tells what took hold in it, before it opens the file."""
    found = (["bwrap"] if bwrap else []) + _hello(inbox)
    if not _isolated(found) and os.environ.get(ALLOW_UNSANDBOXED) != "1":
        raise SandboxError("The decoder could not cut itself off from the network.")


def _isolated(found: list[str]) -> bool:
    return "bwrap" in found or "seccomp" in found


def _obituary(child: Child) -> str:
    status = child.wait()
    log.warning("the decoder child ended with status %s: %s", status, child.last_words())
    return CRASHED


def _info(body: dict[str, Any]) -> VideoInfo:
    fps, duration_s, frames = body["fps"], body["declared_duration_s"], body["declared_frames"]
    width, height, bars = int(body["width"]), int(body["height"]), Crop(**body["bars"])
    bars.check(width, height)
    return VideoInfo(
        width=width,
        height=height,
        codec=_line(body["codec"]),
        fps=None if fps is None else _seconds(fps),
        declared_duration_s=None if duration_s is None else _seconds(duration_s),
        declared_frames=None if frames is None else int(frames),
        rotation=int(body["rotation"]),
        bars=bars,
    )


def _seconds(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise WireError("a number that isn't finite")
    return number


def _count(value: Any) -> int:
    """A number of pictures that a child may have decoded. Raises ValueError for one that it can't have."""
    if not isinstance(value, int) or not 0 <= value <= MAX_DECODED:
        raise ValueError("a count that isn't one")
    return value


def _line(text: Any) -> str:
    """One printable line, for people."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return printable[:MAX_REASON].strip() or CRASHED
