"""Writing the probabilities of a fit beside every frame's score: threads read features and multiply, one writes rows.

What a threshold and a refit need of it, held-out frames and a random sample of all, is kept on the way.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curation import probability_rows
from curation.leases import Lease
from curation.models import Calibration as CalibrationRow
from curation.models import Pack
from scoring.features import Floats
from scoring.recalibrate import Calibration, squared_distance
from scoring.refit import Reduced
from scoring.threads import in_threads
from scoring.worker.ahead import Rows, with_rows
from scoring.worker.judged import HeldOut, activations_of, scored_packs

SAMPLE = 20_000  # frames that a live histogram is drawn from: its bars are good to 0.7 % of all frames
AHEAD = 256  # packs, some 50 kB each, that are read and multiplied while others are written


@dataclass(frozen=True)
class Worked:
    """A pack's frames: ids, outlier scores, features and squared distances to what was seen, probabilities, (N,)
    each."""

    pack: Pack
    frames: list[int]
    scores: NDArray[np.float64]
    features: Floats
    distance: NDArray[np.float64]
    probability: NDArray[np.float64]

    def reduced(self, chosen: NDArray[np.int64]) -> Reduced:
        ids = np.array(self.frames, np.int64)[chosen]
        group = np.full(len(chosen), self.pack.video_id, np.int64)
        kept = self.features[chosen].astype(np.float16).astype(np.float32)
        return Reduced(kept, self.scores[chosen], ids, group)


@dataclass
class Kept:
    """Frames that were met on the way, with their squared distances; probabilities of the held-out ones by video."""

    parts: list[Reduced] = field(default_factory=list)
    distances: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, worked: Worked, chosen: NDArray[np.int64]) -> None:
        if len(chosen):
            self.parts.append(worked.reduced(chosen))
            self.distances.append(worked.distance[chosen])

    def all(self, few: int) -> tuple[Reduced, NDArray[np.float64]]:
        """`few`: how many features a frame has, for when nothing was kept."""
        whole = Reduced(np.zeros((0, few), np.float32), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
        for part in (_merged(self.parts),) if self.parts else ():
            whole = part
        return whole, np.concatenate([np.zeros(0), *self.distances])


def _merged(parts: list[Reduced]) -> Reduced:
    return Reduced(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))


@dataclass
class Writer:
    """Writes the probabilities of a fit, and keeps what is needed of held-out and of sampled frames. `begins`, `ends`:
    the shares of the job that are done before and after."""

    lease: Lease
    row: CalibrationRow
    calibration: Calibration
    heldout: HeldOut
    begins: float
    ends: float
    heldout_scores: dict[int, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    held: Kept = field(default_factory=Kept)
    sampled: Kept = field(default_factory=Kept)
    written: set[int] = field(default_factory=set)
    frames: int = 0

    def write(self) -> None:
        """Every scored pack that was not written yet."""
        packs = [pack for pack in scored_packs(self.row.model_version) if pack.pk not in self.written]
        total = self.frames + sum(pack.frame_count for pack in packs)
        chosen = _drawn(total) if not self.frames else np.zeros(0, np.int64)
        with probability_rows.writing(self.lease, self.row) as rows:
            for worked in in_threads(with_rows(self.row.model_version, packs), self._work, AHEAD):
                self._keep(worked, chosen)
                rows.write(worked.frames, worked.probability.tolist())
                self.written.add(worked.pack.pk)
                self.frames += len(worked.frames)
                share = self.begins + (self.ends - self.begins) * self.frames / max(total, 1)
                self.lease.progress(share, f"{self.frames:,} of {total:,} frames")

    def _work(self, each: tuple[Pack, Rows]) -> Worked:
        """In a thread that knows no database."""
        pack, rows = each
        scores = np.array([score for _, score in rows], np.float64)
        features = self.calibration.basis.transform(activations_of(self.row.model_version, pack)[: len(rows)])
        distance = squared_distance(features, self.calibration.seen)
        found = self.calibration.probability_of(self.calibration.total(features, scores, distance))
        return Worked(pack, [frame for frame, _ in rows], scores, features, distance, found)

    def _keep(self, worked: Worked, chosen: NDArray[np.int64]) -> None:
        inside = chosen[(chosen >= self.frames) & (chosen < self.frames + len(worked.frames))] - self.frames
        self.sampled.add(worked, inside)
        if worked.pack.pk in self.heldout:
            rows = np.array(sorted(self.heldout[worked.pack.pk]), np.int64)
            self.held.add(worked, rows)
            self.heldout_scores[worked.pack.video_id].append(worked.probability[rows])


def _drawn(frames: int) -> NDArray[np.int64]:
    """Places of a random sample of all frames; the same for the same number."""
    rng = np.random.default_rng(frames)
    return np.sort(rng.choice(frames, min(SAMPLE, frames), replace=False)) if frames else np.zeros(0, np.int64)
