"""Made-up recordings for load tests: frame by frame, what a broadcast with ads and a trained model would have given.

Nothing here is measured. Losses are log-normal with a level per shot and a drift within it, ads lie higher and overlap
with the match; the outlier score and the probability follow the same truth with noise of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from curation.models import Score

Values = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

PACK = 256
STEP_S = 1.0
SHOT_FRAMES = 9  # mean length
AD_SHARE = 0.08
COPY_SHARE = 0.04  # of frames that begin a run of near copies
MOST_COPIES = 12
REVIEW_RUN = 40  # frames that a person judges in one go


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The frames of one video, (N,) each. `verdict`: 0 unreviewed, 1 IN, 2 OUT, 3 unsure; `copy_of`: -1 for none."""

    is_ad: Flags
    shot_start: Flags
    copy_of: Whole
    copies: Whole
    reconstruction_loss: Values
    ood_score: Values
    probability: Values
    verdict: Whole

    def __len__(self) -> int:
        return len(self.is_ad)

    def scores(self, name: str) -> Values:
        found: Values = getattr(self, name)
        return found

    def part(self, rows: slice) -> Recording:
        return Recording(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def lengths(rng: np.random.Generator, frames: int, videos: int) -> Whole:
    """Frames of each video (videos,): uneven, at least one each, `frames` in all."""
    shares = rng.lognormal(0.0, 0.6, videos)
    found: Whole = 1 + np.floor(shares / shares.sum() * (frames - videos)).astype(np.int64)
    found[: frames - int(found.sum())] += 1
    return found


def recording(rng: np.random.Generator, frames: int, reviewed: float) -> Recording:
    """One video, with about this share of its frames judged by people."""
    shot_start = rng.random(frames) < 1 / SHOT_FRAMES
    shot_start[0] = True
    shot = np.cumsum(shot_start) - 1
    is_ad = _ads(rng, shot, int(shot[-1]) + 1)
    copy_of, copies = _copies(rng, shot_start)
    loss, ood, probability = _scores(rng, is_ad, shot)
    head = np.where(copy_of >= 0, copy_of, np.arange(frames))
    jitter = np.where(copy_of >= 0, rng.normal(0, 1e-3, frames), 0.0)
    return Recording(
        is_ad=is_ad,
        shot_start=shot_start,
        copy_of=copy_of,
        copies=copies,
        reconstruction_loss=loss[head] * np.exp(jitter),
        ood_score=ood[head] + jitter,
        probability=np.clip(probability[head] + jitter * 0.1, 0, 1),
        verdict=_verdicts(rng, is_ad, reviewed),
    )


def _ads(rng: np.random.Generator, shot: Whole, shots: int) -> Flags:
    """Ads come in breaks of several shots."""
    per_break = 6
    breaks = np.repeat(rng.random(-(-shots // per_break)) < AD_SHARE, per_break)[:shots]
    found: Flags = breaks[shot]
    return found


def _copies(rng: np.random.Generator, shot_start: Flags) -> tuple[Whole, Whole]:
    """Runs of near copies: within a shot and a pack, a head and then its copies."""
    frames = len(shot_start)
    copy_of, copies = np.full(frames, -1, np.int64), np.zeros(frames, np.int64)
    for head in np.flatnonzero(rng.random(frames) < COPY_SHARE).tolist():
        if copy_of[head] >= 0:
            continue
        end = head + 1
        last = min(frames, head + 1 + int(rng.integers(1, MOST_COPIES)), (head // PACK + 1) * PACK)
        while end < last and not shot_start[end]:
            end += 1
        copy_of[head + 1 : end], copies[head] = head, end - head - 1
    return copy_of, copies


def _scores(rng: np.random.Generator, is_ad: Flags, shot: Whole) -> tuple[Values, Values, Values]:
    frames, shots = len(is_ad), int(shot[-1]) + 1
    level = rng.normal(0, 0.12) + rng.normal(0, 0.18, shots)[shot]
    loss = np.exp(np.where(is_ad, 4.6, 3.75) + level + rng.normal(0, 0.08, frames))
    ood = np.where(is_ad, 1.4, 0.0) + level + rng.normal(0, 0.3, shots)[shot] + rng.normal(0, 0.1, frames)
    probability = 1 / (1 + np.exp(-5 * (ood - 0.8)))
    return loss, ood, probability


def _verdicts(rng: np.random.Generator, is_ad: Flags, reviewed: float) -> Whole:
    """People judge runs of frames, mostly rightly."""
    runs = -(-len(is_ad) // REVIEW_RUN)
    judged = np.repeat(rng.random(runs) < reviewed, REVIEW_RUN)[: len(is_ad)]
    said = np.where(is_ad, 2, 1)
    said[rng.random(len(is_ad)) < 0.005] = 3
    found: Whole = np.where(judged, said, 0)
    return found


def belonging(recordings: list[Recording]) -> dict[str, Values]:
    """Score -> its values of frames that belong: what thresholds are measured on."""
    return {score: np.concatenate([r.scores(score)[~r.is_ad] for r in recordings]) for score in Score.values}
