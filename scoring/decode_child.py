"""The decoder process: reads one video, writes messages (scoring/wire.py) to its standard output.

    python -m scoring.decode_child TASK_AS_JSON

Started by scoring/sandbox.py only. It imports no NumPy and nothing that reads settings: it must start fast and own
no secret.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from scoring import isolation
from scoring.limits import OUT_OF_MEMORY, MediaError, MediaLimits
from scoring.preprocessing import Crop, Preprocessing
from scoring.sampling import Sampling
from scoring.wire import write_message

SIGN_OF_LIFE_S = 0.25

# PyAV imports these inside its functions.
LOADED_LATE = (
    "av.audio.codeccontext",
    "av.audio.stream",
    "av.filter.context",
    "av.subtitles.codeccontext",
    "av.subtitles.stream",
    "av.video.codeccontext",
    "av.video.stream",
)
DECODER_FAILED = "The decoder failed on this file."


@dataclass(frozen=True)
class Task:
    """What the parent asks for. path None: only tell the layers. parent_pid None: in another process namespace."""

    path: str | None
    sampling: Sampling
    preprocessing: Preprocessing
    crop: Crop | None
    limits: MediaLimits
    parent_pid: int | None

    @classmethod
    def parse(cls, text: str) -> "Task":
        fields = json.loads(text)
        return cls(
            path=fields["path"],
            sampling=Sampling(**fields["sampling"]),
            preprocessing=Preprocessing.from_json(fields["preprocessing"]),
            crop=None if fields["crop"] is None else Crop.parse(fields["crop"]),
            limits=MediaLimits(**fields["limits"]),
            parent_pid=fields["parent_pid"],
        )


def main(argv: list[str]) -> int:
    task = Task.parse(argv[1])
    out = _claim_stdout()
    isolation.die_with_parent(task.parent_pid)
    layers = isolation.limit_resources(memory_bytes=task.limits.memory_bytes, cpu_s=task.limits.cpu_s)
    _load_decoders()
    layers += isolation.confine(Path(task.path) if task.path else None)
    write_message(out, "hello", {"layers": layers})
    if task.path is not None:
        _answer(out, task, task.path)
    return 0


def _claim_stdout() -> BinaryIO:
    """A stray print of some library must not end up between the messages."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _load_decoders() -> None:
    """Everything that is imported later would have to be read from disk after that was given up."""
    for name in ("scoring.decode", *LOADED_LATE):
        importlib.import_module(name)
    Image.preinit()


def _answer(out: BinaryIO, task: Task, path: str) -> None:
    try:
        _decode(out, task, path)
    except MediaError as error:
        write_message(out, "error", {"reason": error.reason})
    except BrokenPipeError:
        return
    except MemoryError:
        write_message(out, "error", {"reason": OUT_OF_MEMORY})
    except Exception as error:
        print(repr(error), file=sys.stderr)
        write_message(out, "error", {"reason": DECODER_FAILED})


def _decode(out: BinaryIO, task: Task, path: str) -> None:
    from scoring.decode import DecodedFrame, sample_frames

    decoding = sample_frames(path, task.sampling, preprocessing=task.preprocessing, crop=task.crop, limits=task.limits)
    decoding.reader.on_packet = _SignsOfLife(out, lambda: _progress(decoding))

    def send(frame: DecodedFrame) -> None:
        body = {"time_s": frame.time_s, "keyframe": frame.keyframe, **_progress(decoding)}
        write_message(out, "frame", body, (frame.thumbnail, frame.rgb))

    for frame in decoding:
        if frame.number == 0:
            write_message(out, "info", decoding.info.as_json())
        send(frame)
    write_message(out, "summary", decoding.summary().as_json())


def _progress(decoding: Any) -> dict[str, float]:
    return {"decoded": decoding.reader.decoded, "duration_s": decoding.reader.gone_s}


class _SignsOfLife:
    """Tells the parent now and then that work goes on, also where no frame is sampled for long."""

    def __init__(self, out: BinaryIO, body: Any) -> None:
        self._out = out
        self._body = body
        self._last = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._last >= SIGN_OF_LIFE_S:
            self._last = now
            write_message(self._out, "progress", self._body())


if __name__ == "__main__":
    sys.exit(main(sys.argv))
