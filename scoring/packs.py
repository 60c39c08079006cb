"""Packs: the sampled frames of a video in a few large objects. Pure format, bytes in and out.

A chunk is a run of frame numbers. Per chunk there are two blobs: the JPEG thumbnails end to end, and a safetensors
object with the model's inputs. The first chunks are small, so that the first pictures show early.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.frames import Pixels, SampledFrame

FIRST_CHUNK = 32
CHUNK = 256

INPUT_SUFFIX = ".safetensors"
THUMBNAIL_SUFFIX = ".thumbs"
PACK_NAME = re.compile(r"pack-\d{6}\.(safetensors|thumbs)")


class PackError(Exception):
    """Bytes that are not a pack, and why, in one line."""


def chunk_of(number: int) -> int:
    """The chunk that holds frame `number`: 0 for 0..31, 1 for 32..255, then one per 256."""
    return 0 if number < FIRST_CHUNK else 1 + number // CHUNK


def chunk_range(chunk: int) -> range:
    """The frame numbers of `chunk`."""
    if chunk == 0:
        return range(FIRST_CHUNK)
    return range(max((chunk - 1) * CHUNK, FIRST_CHUNK), chunk * CHUNK)


def pack_name(chunk: int) -> str:
    """The name of a chunk's files, without suffix."""
    return f"pack-{chunk:06d}"


class PackWriter:
    """Gathers the frames of one chunk, in order of their numbers."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.frames: list[SampledFrame] = []

    @property
    def full(self) -> bool:
        return len(self.frames) == len(chunk_range(self.chunk))

    def add(self, frame: SampledFrame) -> None:
        """Raises ValueError for a frame out of turn."""
        expected = chunk_range(self.chunk).start + len(self.frames)
        if self.full or frame.number != expected:
            raise ValueError(f"Frame {frame.number} can't follow in chunk {self.chunk}.")
        self.frames.append(frame)

    def thumbnails(self) -> tuple[bytes, list[tuple[int, int]]]:
        """The blob, and (offset, length) in bytes of each frame's JPEG within it."""
        places, offset = [], 0
        for frame in self.frames:
            places.append((offset, len(frame.thumbnail)))
            offset += len(frame.thumbnail)
        return b"".join(frame.thumbnail for frame in self.frames), places

    def inputs(self) -> bytes:
        """safetensors: inputs uint8 (N, H, W, 3), number int64 (N,), time_s float64 (N,). At least one frame."""
        return save(
            {
                "inputs": np.stack([frame.pixels for frame in self.frames]),
                "number": np.array([frame.number for frame in self.frames], dtype=np.int64),
                "time_s": np.array([frame.time_s for frame in self.frames], dtype=np.float64),
            }
        )


def packed(frames: Iterable[SampledFrame]) -> Iterator[PackWriter]:
    """Groups the frames of one video, numbered from 0, by chunk. A writer is given when it's full, or the last one."""
    writer = PackWriter(0)
    for frame in frames:
        writer.add(frame)
        if writer.full:
            yield writer
            writer = PackWriter(writer.chunk + 1)
    if writer.frames:
        yield writer


@dataclass(frozen=True)
class Inputs:
    """pixels: uint8 (N, H, W, 3) RGB; number: int64 (N,); time_s: float64 (N,)."""

    pixels: Pixels
    number: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.number)


def read_inputs(data: bytes) -> Inputs:
    """Reads what PackWriter.inputs() wrote. Raises PackError for anything else."""
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackError("This is not a pack of model inputs (safetensors).") from error
    if set(tensors) != {"inputs", "number", "time_s"}:
        raise PackError("A pack holds the tensors inputs, number and time_s, and nothing else.")
    inputs, number, time_s = tensors["inputs"], tensors["number"], tensors["time_s"]
    if inputs.dtype != np.uint8 or inputs.ndim != 4 or inputs.shape[3] != 3:
        raise PackError("The inputs of a pack must be uint8 of the shape N x H x W x 3.")
    if number.dtype != np.int64 or time_s.dtype != np.float64 or not number.shape == time_s.shape == inputs.shape[:1]:
        raise PackError("A pack needs one number (int64) and one time (float64) per frame.")
    if not np.isfinite(time_s).all():
        raise PackError("A pack holds a time that is not a number.")
    return Inputs(inputs, number, time_s)


def read_folder(folder: Path) -> list[Inputs]:
    """The packs that `python -m scoring extract` wrote, in order. Raises PackError when there is none, or a bad one."""
    files = sorted(folder.glob(f"pack-*{INPUT_SUFFIX}"))
    if not files:
        raise PackError("The folder holds no packs: make them with `python -m scoring extract VIDEO --out FOLDER`.")
    return [read_inputs(file.read_bytes()) for file in files]
