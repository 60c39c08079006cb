"""Packs: the sampled frames of a video in a few large objects. Pure format, bytes in and out.

A chunk is a run of frame numbers. Per chunk there are two blobs: the JPEG thumbnails end to end, and a safetensors
object with the model's inputs. The first chunks are small, so that the first pictures show early.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.frames import Pixels, SampledFrame
from scoring.preprocessing import Preprocessing

FIRST_CHUNK = 32
CHUNK = 256

INPUT_SUFFIX = ".safetensors"
THUMBNAIL_SUFFIX = ".thumbs"
PREPROCESSING = "preprocessing"
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
    """Gathers the frames of one chunk, in order of their numbers. preprocessing: how they were made."""

    def __init__(self, chunk: int, preprocessing: Preprocessing) -> None:
        self.chunk = chunk
        self.preprocessing = preprocessing
        self.frames: list[SampledFrame] = []

    @property
    def full(self) -> bool:
        return len(self.frames) == len(chunk_range(self.chunk))

    @property
    def pixels(self) -> Pixels:
        """uint8 (N, H, W, 3). At least one frame."""
        return np.stack([frame.pixels for frame in self.frames])

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
        """safetensors: inputs uint8 (N, H, W, 3), number int64 (N,), time_s float64 (N,), and the preprocessing in its
        metadata. At least one frame."""
        return save(
            {
                "inputs": self.pixels,
                "number": np.array([frame.number for frame in self.frames], dtype=np.int64),
                "time_s": np.array([frame.time_s for frame in self.frames], dtype=np.float64),
            },
            {PREPROCESSING: json.dumps(self.preprocessing.as_json())},
        )


def packed(frames: Iterable[SampledFrame], preprocessing: Preprocessing) -> Iterator[PackWriter]:
    """Groups the frames of one video, numbered from 0, by chunk. A writer is given when it's full, or the last one."""
    writer = PackWriter(0, preprocessing)
    for frame in frames:
        writer.add(frame)
        if writer.full:
            yield writer
            writer = PackWriter(writer.chunk + 1, preprocessing)
    if writer.frames:
        yield writer


@dataclass(frozen=True)
class Inputs:
    """pixels: uint8 (N, H, W, 3) RGB; number: int64 (N,); time_s: float64 (N,); how the pixels were made."""

    pixels: Pixels
    number: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    preprocessing: Preprocessing

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
    return Inputs(inputs, number, time_s, _preprocessing(data, inputs.shape[1:3]))


def _preprocessing(data: bytes, size: tuple[int, int]) -> Preprocessing:
    """As the pack's metadata say; `data` is known to be safetensors. Older packs say nothing and kept black bars."""
    length = int.from_bytes(data[:8], "little")
    written = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get(PREPROCESSING)
    try:
        found = Preprocessing(*size, bars="keep") if written is None else Preprocessing.from_json(json.loads(written))
    except (ValueError, RecursionError) as error:
        raise PackError(f"A pack can't be used: {error}") from None
    if found.size != size:
        raise PackError("A pack holds frames of another size than it says.")
    return found


def read_folder(folder: Path) -> list[Inputs]:
    """The packs that `python -m scoring extract` wrote, in order. Raises PackError when there is none, or a bad one."""
    files = sorted(folder.glob(f"pack-*{INPUT_SUFFIX}"))
    if not files:
        raise PackError("The folder holds no packs: make them with `python -m scoring extract VIDEO --out FOLDER`.")
    found = [read_inputs(file.read_bytes()) for file in files]
    if len({inputs.preprocessing for inputs in found}) > 1:
        raise PackError("The packs of this folder were made in different ways: extract the video again.")
    return found
