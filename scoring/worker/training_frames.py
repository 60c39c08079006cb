"""The pixels of a frozen training set, read from packs and sorted by what they are for."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings

from curation import storage, training
from curation.leases import Lease
from curation.models import TrainingRun
from curation.problems import Problem
from scoring.errors import TrainingError
from scoring.frames import Pixels
from scoring.packs import read_inputs
from scoring.preprocessing import Preprocessing


@dataclass
class Part:
    """Frames of one kind, an array (n, H, W, 3) per pack in the frozen order, with the video and, for OUT frames, the
    reason of each frame."""

    pixels: list[Pixels] = field(default_factory=list)
    video_of_frame: list[int] = field(default_factory=list)
    reason_of_frame: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.video_of_frame)

    def add(self, pixels: Pixels, entry: dict[str, Any]) -> None:
        self.pixels.append(pixels)
        self.video_of_frame += [entry["video"]] * len(pixels)
        self.reason_of_frame += entry.get("reasons", [])

    def by_video(self) -> dict[int, list[Pixels]]:
        """The arrays of each video, in the order in which the videos first come."""
        found: dict[int, list[Pixels]] = {}
        place = 0
        for pixels in self.pixels:
            found.setdefault(self.video_of_frame[place], []).append(pixels)
            place += len(pixels)
        return found


@dataclass
class TrainingFrames:
    """inside: in distribution, to train on; heldout: likewise, to measure by; out: judged OUT, to learn from;
    measured_out: judged OUT, only to measure by."""

    preprocessing: Preprocessing
    inside: Part
    heldout: Part
    out: Part
    measured_out: Part

    @property
    def trained_videos(self) -> set[int]:
        return set(self.inside.video_of_frame) | set(self.out.video_of_frame)


def load(lease: Lease, training_run: TrainingRun, *, what_for: str = "") -> TrainingFrames:
    """`what_for` begins the progress note. Raises TrainingError when the frames were not all prepared in the same
    way."""
    entries = training.read_set(training_run)
    parts = {(is_out, is_heldout): Part() for is_out in (False, True) for is_heldout in (False, True)}
    with _Spool() as spool:
        for number, entry in enumerate(entries):
            lease.progress(0.0, f"{what_for}loading frames, pack {number + 1} of {len(entries)}")
            inputs = read_inputs(storage.read(entry["key"]))
            spool.add(inputs.pixels[np.asarray(entry["rows"])], inputs.preprocessing)
        for entry, pixels in zip(entries, spool.mapped(), strict=True):
            parts[bool(entry.get("out")), entry["heldout"]].add(pixels, entry)
    return TrainingFrames(
        spool.preprocessing, parts[False, False], parts[False, True], parts[True, False], parts[True, True]
    )


class _Spool:
    """Frames of many packs in one file of the scratch folder, which has no name and goes with the last array that looks
    into it. A training draws its batches through a memory map, so a set may be larger than the memory."""

    def __init__(self) -> None:
        settings.SCRATCH_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = tempfile.TemporaryFile(dir=settings.SCRATCH_DIR)  # noqa: SIM115  (closed by __exit__)
        self._counts: list[int] = []
        self._ways: set[Preprocessing] = set()

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def preprocessing(self) -> Preprocessing:
        """How all of them were prepared. Raises TrainingError when they weren't all in the same way."""
        if len(self._ways) > 1:
            ways = "; ".join(sorted(map(str, self._ways)))
            raise TrainingError(f"The frames were prepared in different ways: {ways}.")
        return next(iter(self._ways))

    def add(self, pixels: Pixels, preprocessing: Preprocessing) -> None:
        """Raises Problem when the disk is full."""
        self._ways.add(preprocessing)
        self._counts.append(len(pixels))
        try:
            self._file.write(pixels.tobytes())
        except OSError as error:
            raise Problem(
                "The worker's disk has no room for these frames. Free some space, then press Retry."
            ) from error

    def mapped(self) -> list[Pixels]:
        """The arrays that were added, in their order, read-only."""
        self._file.flush()
        size = self.preprocessing.size
        whole = np.memmap(self._file, np.uint8, "r", shape=(sum(self._counts), *size, 3))
        ends = np.cumsum(self._counts)
        return [whole[end - count : end] for end, count in zip(ends, self._counts, strict=True)]
