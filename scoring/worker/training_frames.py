"""The pixels of a frozen training set, read from packs and sorted by what they are for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curation import storage, training
from curation.leases import Lease
from curation.models import TrainingRun
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
    ways: set[Preprocessing] = set()
    for number, entry in enumerate(entries):
        lease.progress(0.0, f"{what_for}loading frames, pack {number + 1} of {len(entries)}")
        inputs = read_inputs(storage.read(entry["key"]))
        ways.add(inputs.preprocessing)
        rows: Pixels = inputs.pixels[np.asarray(entry["rows"])]
        parts[bool(entry.get("out")), entry["heldout"]].add(rows, entry)
    if len(ways) > 1:
        raise TrainingError(f"The frames were prepared in different ways: {'; '.join(sorted(map(str, ways)))}.")
    return TrainingFrames(ways.pop(), parts[False, False], parts[False, True], parts[True, False], parts[True, True])
