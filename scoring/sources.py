"""Where the command line takes frames from: videos, folders of packs, images. A source is what was filmed as one piece;
frames of one source resemble each other. No torch here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from scoring import bars
from scoring.frames import Pixels, SampledFrame
from scoring.limits import MediaError, MediaLimits
from scoring.packs import INPUT_SUFFIX, Inputs, PackError, read_folder, read_inputs
from scoring.preprocessing import Preprocessing
from scoring.sampling import Sampling
from scoring.sandbox import extract

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".mpeg", ".flv", ".ogv", ".3gp"}
)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
BATCH = 256

Item = TypeVar("Item")


class SourceError(Exception):
    """A path without usable frames, and why, in one line."""


@dataclass(frozen=True)
class Source:
    """`path` is a video, a folder of packs, a pack, or a folder of images; `kind` says which."""

    path: Path
    kind: str


def find_sources(path: Path) -> list[Source]:
    """The sources at `path`: itself, or all in a folder and its folders, by name. Raises SourceError without any."""
    found = list(_found(path))
    if not found:
        missing = "There are no videos, images or packs in" if path.is_dir() else "This is no video, image or pack:"
        raise SourceError(f"{missing} {path.name!r}." if path.exists() else f"{path.name!r} does not exist.")
    return found


def read(source: Source, preprocessing: Preprocessing, sampling: Sampling) -> Iterator[Inputs]:
    """The frames of a source, a batch at a time, made as `preprocessing` says; those of packs as they were made. Raises
    SourceError in one line that names the source."""
    try:
        yield from _reader(source, preprocessing, sampling)
    except (MediaError, PackError, OSError) as error:
        raise SourceError(f"{source.path.name}: {error}") from None


def _found(path: Path) -> Iterator[Source]:
    if path.is_dir():
        files = sorted(path.iterdir())
        if any(file.match(f"pack-*{INPUT_SUFFIX}") for file in files):
            yield Source(path, "packs")
            return
        if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
            yield Source(path, "images")
        for file in files:
            if file.is_dir() or file.suffix.lower() in VIDEO_SUFFIXES:
                yield from _found(file)
    elif path.suffix == INPUT_SUFFIX and path.is_file():
        yield Source(path, "pack")
    elif path.is_file():
        yield Source(path, "video")


def _reader(source: Source, preprocessing: Preprocessing, sampling: Sampling) -> Iterator[Inputs]:
    if source.kind == "packs":
        yield from read_folder(source.path)
    elif source.kind == "pack":
        yield read_inputs(source.path.read_bytes())
    elif source.kind == "images":
        yield from _images(source.path, preprocessing)
    else:
        for frames in _batches(extract(source.path, sampling=sampling, preprocessing=preprocessing)):
            yield _gathered(frames, preprocessing)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _gathered(frames: list[SampledFrame], preprocessing: Preprocessing) -> Inputs:
    number, time_s = [frame.number for frame in frames], [frame.time_s for frame in frames]
    return Inputs(np.stack([frame.pixels for frame in frames]), np.array(number), np.array(time_s), preprocessing)


def _images(folder: Path, preprocessing: Preprocessing) -> Iterator[Inputs]:
    files = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in IMAGE_SUFFIXES]
    for batch in _batches(enumerate(files)):
        pixels = np.stack([_image(file, preprocessing) for _, file in batch])
        yield Inputs(pixels, np.array([number for number, _ in batch]), np.zeros(len(batch)), preprocessing)


def _image(file: Path, preprocessing: Preprocessing) -> Pixels:
    """One image, shown upright, without its bars, area-averaged to the input's size as the decoder does with video."""
    height, width = preprocessing.size
    try:
        with warnings.catch_warnings(), Image.open(file, formats=IMAGE_FORMATS) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MediaLimits().max_pixels:
                raise MediaError(f"{file.name} is larger than {MediaLimits().max_pixels / 1e6:.0f} megapixels.")
            image.draft("RGB", (2 * width, 2 * height))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            box = _without_bars(upright) if preprocessing.bars == "crop" else None
            return np.asarray(upright.resize((width, height), Image.Resampling.BOX, box))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise MediaError(f"{file.name} can't be read as an image.") from None


def _without_bars(image: Image.Image) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the picture within its bars."""
    cut = bars.find(bars.Look.at(image))
    return cut.left, cut.top, image.width - cut.right, image.height - cut.bottom
