"""Frames like a frame: an index over what the encoder saw, in files that are mapped into memory. NumPy, no torch.

A feature is a frame's pooled activations (scoring/features.py), standardised, along the 64 directions in which frames
spread most, each by as much as it does: distances are nearly those of all activations, in standard deviations (root
mean square over them). Of the 10 nearest frames elsewhere in the demo, .96 were of the same kind (.95 by the posterior
means); of advertisements alone .72 (.73), and .06 with directions scaled alike, as recalibration wants them: that
enlarges noise.

The search is exhaustive and exact. A million frames are 128 MB of float16, read in one pass of some 0.15 s on one core;
a tree or a graph would be faster, but has to be tuned, built anew, and is never sure.

Columns only ever grow at their ends, and `packs.json` says how much of them counts. It is replaced last and at once, so
an index whose writer was killed is as it was before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from scoring.features import Activations, FeatureBasis, Floats, fit_basis

ROWS_AT_ONCE = 16_384  # so that what is being compared stays in the processor's cache
LIVE, TRAINED = 1, 2  # bits of a mark
COLUMNS = {"features": np.float16, "frames": np.int64, "marks": np.uint8}
PARTS = ("mean", "scale", "components", "offset")
TABLE, BASIS = "packs.json", "basis.safetensors"
FORMAT = 1


class IndexDamaged(Exception):
    """The files are none of ours, or some are missing: make the index anew."""


@dataclass(frozen=True)
class Neighbour:
    """A frame, by its id, and how far it lies from what was asked for, in standard deviations."""

    frame: int
    distance: float


@dataclass(frozen=True)
class Place:
    """Where the frames of a pack stand: rows `start` to `start + count - 1`. `revision`: of the pack when it was
    read."""

    revision: int
    start: int
    count: int


class Index:
    """Features of frames by one model version, in a folder of its own. One process may write at a time."""

    def __init__(self, folder: Path, basis: FeatureBasis, packs: dict[int, Place], size: int, fitted_on: int) -> None:
        self.folder = folder
        self.basis = basis
        self.packs = packs
        self.size = size
        self.fitted_on = fitted_on

    def __len__(self) -> int:
        """Rows, those of packs that were dropped included."""
        return self.size

    @property
    def width(self) -> int:
        return int(self.basis.components.shape[1])

    @classmethod
    def create(cls, folder: Path, sample: Activations, *, frames: int) -> Index:
        """An empty index whose directions are found from a sample (M, D) of the `frames` that there are. What was in
        the folder is written over. Raises ValueError for no sample, and one that isn't finite."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TABLE).unlink(missing_ok=True)
        basis = _directions(sample)
        (folder / BASIS).write_bytes(save({name: getattr(basis, name) for name in PARTS}))
        for name in COLUMNS:
            (folder / name).write_bytes(b"")
        made = cls(folder, basis, {}, 0, frames)
        made.commit()
        return made

    @classmethod
    def open(cls, folder: Path) -> Index:
        """The index of a folder. Raises IndexDamaged when there is none."""
        try:
            table = json.loads((folder / TABLE).read_bytes())
            basis = _basis(folder / BASIS)
            packs = {int(pack): Place(*place) for pack, place in table["packs"].items()}
            found = cls(folder, basis, packs, int(table["size"]), int(table["fitted_on"]))
            if table["format"] != FORMAT or not all(found._is_whole(name) for name in COLUMNS):
                raise IndexDamaged(str(folder))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise IndexDamaged(str(folder)) from error
        return found

    def add(
        self, pack: int, revision: int, frames: NDArray[np.int64], activations: Activations, trained: NDArray[np.bool_]
    ) -> None:
        """Append a pack's frames: ids (N,), pooled activations (N, D), and which of them the model was trained on,
        (N,). They count once `commit` was called. Raises ValueError when the lengths differ, for activations of
        another version, and for some that aren't finite."""
        if not len(frames) == len(activations) == len(trained):
            raise ValueError("Each frame needs its activations.")
        self.drop([pack])
        marks = (LIVE + TRAINED * trained).astype(np.uint8)
        rows: dict[str, NDArray[Any]] = {
            "features": self.basis.transform(activations),
            "frames": frames,
            "marks": marks,
        }
        for name, values in rows.items():
            self._write(name, self.size, values)
        self.packs[pack] = Place(revision, self.size, len(frames))
        self.size += len(frames)

    def drop(self, packs: Iterable[int]) -> None:
        """Frames of these packs are found no more; their rows stay until the index is made anew."""
        for pack in packs:
            place = self.packs.pop(pack, None)
            if place is not None:
                self._write("marks", place.start, np.zeros(place.count, np.uint8))

    def commit(self) -> None:
        """Let what was added count."""
        packs = {pack: (place.revision, place.start, place.count) for pack, place in self.packs.items()}
        table = {"format": FORMAT, "size": self.size, "fitted_on": self.fitted_on, "packs": packs}
        fresh = self.folder / f"{TABLE}.new"
        fresh.write_text(json.dumps(table, separators=(",", ":")))
        fresh.replace(self.folder / TABLE)

    def nearest(self, query: Floats, count: int, *, trained: bool = False) -> list[Neighbour]:
        """The `count` frames nearest to a feature (K,), nearest first; only those that were trained on, if asked."""
        if not self.size or count < 1:
            return []
        rows = np.flatnonzero(self._column("marks") & TRAINED) if trained else None
        squared = self._squared(query) if rows is None else self._squared_of(query, rows)
        best = _smallest(squared, count)
        best = best[np.isfinite(squared[best])]
        frames = self._column("frames")[best if rows is None else rows[best]]
        return [Neighbour(int(pk), math.sqrt(far)) for pk, far in zip(frames, squared[best].tolist(), strict=True)]

    def feature(self, pack: int, row: int) -> Floats | None:
        """The feature (K,) of row `row` of a pack; None when the index doesn't hold it."""
        place = self.packs.get(pack)
        if place is None or not 0 <= row < place.count:
            return None
        found: Floats = self._column("features")[place.start + row].astype(np.float32)
        return found

    def is_trained(self, pack: int, row: int) -> bool:
        """Whether the model was trained on this frame."""
        place = self.packs.get(pack)
        return place is not None and 0 <= row < place.count and bool(self._column("marks")[place.start + row] & TRAINED)

    @property
    def trained(self) -> int:
        """How many of its frames the model was trained on."""
        return int(np.count_nonzero(self._column("marks") & TRAINED)) if self.size else 0

    def _squared(self, query: Floats) -> Floats:
        """Squared distances (N,) of all rows; infinite for those that were dropped."""
        features, marks = self._column("features"), self._column("marks")
        found = np.empty(self.size, np.float32)
        for start in range(0, self.size, ROWS_AT_ONCE):
            part = slice(start, min(start + ROWS_AT_ONCE, self.size))
            found[part] = _distances(features[part], query)
        found[marks == 0] = np.inf
        return found

    def _squared_of(self, query: Floats, rows: NDArray[np.int64]) -> Floats:
        features = self._column("features")
        parts = [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
        return np.concatenate([np.zeros(0, np.float32), *(_distances(features[part], query) for part in parts)])

    def _shape(self, name: str) -> tuple[int, ...]:
        return (self.size, self.width) if name == "features" else (self.size,)

    def _column(self, name: str) -> NDArray[Any]:
        return np.memmap(self.folder / name, COLUMNS[name], "r", shape=self._shape(name))

    def _is_whole(self, name: str) -> bool:
        needed = np.dtype(COLUMNS[name]).itemsize * math.prod(self._shape(name))
        return (self.folder / name).stat().st_size >= needed

    def _write(self, name: str, row: int, values: NDArray[Any]) -> None:
        stored = np.ascontiguousarray(values, COLUMNS[name])
        with (self.folder / name).open("r+b") as file:
            file.seek(row * stored.dtype.itemsize * math.prod(stored.shape[1:]))
            file.write(stored.tobytes())


def _directions(sample: Activations) -> FeatureBasis:
    """The basis of recalibration, its directions each of the length that makes distances those of the activations."""
    basis = fit_basis(sample)
    lengths = np.linalg.norm(basis.components, axis=0) * math.sqrt(max(len(basis.mean), 1))
    return replace(basis, components=basis.components / lengths, offset=basis.offset / lengths)


def _basis(path: Path) -> FeatureBasis:
    parts = load(path.read_bytes())
    return FeatureBasis(*(parts[name] for name in PARTS))


def _distances(rows: Activations, query: Floats) -> Floats:
    """Squared Euclidean distances (N,) of rows (N, K) in float16 to a query (K,)."""
    apart = rows.astype(np.float32)
    apart -= query
    found: Floats = np.einsum("nk,nk->n", apart, apart)
    return found


def _smallest(values: Floats, count: int) -> NDArray[np.intp]:
    """Places of the `count` smallest, ascending."""
    some = np.argpartition(values, count - 1)[:count] if count < len(values) else np.arange(len(values))
    return some[np.argsort(values[some], kind="stable")]
