"""What a training is asked to do, and the folder in which another process finds it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scoring.checkpoint import Checkpoint, as_bytes, load_checkpoint
from scoring.config import TrainConfig
from scoring.detector import Detector, load_detector, save_detector
from scoring.errors import TrainingError
from scoring.frameset import FrameSet
from scoring.outliers import Outliers
from scoring.preprocessing import Preprocessing

ABOUT, FRAMES, START, RESUME = "order.json", "frames.u8", "start.safetensors", "resume.safetensors"


@dataclass(frozen=True)
class Order:
    """As the arguments of `train` (scoring/train.py)."""

    frames: FrameSet
    heldout: FrameSet
    config: TrainConfig
    outliers: Outliers | None = None
    preprocessing: Preprocessing | None = None
    start_from: Detector | None = None
    resume: Checkpoint | None = None

    @property
    def _sets(self) -> list[FrameSet]:
        return [self.frames, self.heldout, *([] if self.outliers is None else [self.outliers.frames])]


def write_order(order: Order, folder: Path) -> None:
    """Raises TrainingError when the disk is full."""
    about = {
        "config": order.config.as_json(),
        "preprocessing": None if order.preprocessing is None else order.preprocessing.as_json(),
        "size": order.frames.size,
        "counts": [len(frames) for frames in order._sets],
        "reasons": None if order.outliers is None else list(order.outliers.reasons),
        "heldout": None if order.outliers is None else order.outliers.is_heldout.tolist(),
    }
    try:
        (folder / ABOUT).write_text(json.dumps(about))
        _write_frames(order, folder / FRAMES)
        if order.start_from is not None:
            (folder / START).write_bytes(save_detector(order.start_from))
        if order.resume is not None:
            (folder / RESUME).write_bytes(as_bytes(order.resume))
    except OSError as error:
        raise TrainingError(
            f"The frames can't be laid out for several processes: {error.strerror or error}."
        ) from error


def _write_frames(order: Order, path: Path) -> None:
    """All sets end to end. Parts are read a little at a time: they may be larger than the memory."""
    with path.open("wb") as file:
        for part in (part for frames in order._sets for part in frames.parts):
            for start in range(0, len(part), 256):
                file.write(np.ascontiguousarray(part[start : start + 256]).data)


def read_order(folder: Path) -> Order:
    """The order of `write_order`, its frames through a memory map that all readers share."""
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    counts: list[int] = about["counts"]
    whole = np.memmap(folder / FRAMES, np.uint8, "r", shape=(sum(counts), *about["size"], 3))
    sets = np.split(whole, np.cumsum(counts)[:-1])
    prepared, start, resume = about["preprocessing"], folder / START, folder / RESUME
    return Order(
        frames=FrameSet(sets[0]),
        heldout=FrameSet(sets[1]),
        config=TrainConfig.from_json(about["config"]),
        outliers=Outliers(sets[2], about["reasons"], about["heldout"]) if len(sets) > 2 else None,
        preprocessing=None if prepared is None else Preprocessing.from_json(prepared),
        start_from=load_detector(start.read_bytes()) if start.exists() else None,
        resume=load_checkpoint(resume.read_bytes()) if resume.exists() else None,
    )


def forget_order(folder: Path) -> None:
    """Takes the files away. Who has read the order keeps its frames, and nothing is left behind whatever ends them."""
    for name in (ABOUT, FRAMES, START, RESUME):
        (folder / name).unlink(missing_ok=True)
