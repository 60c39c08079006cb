"""Which frames to ask people about next: the most outlying, ones unlike what was seen, ones near the threshold once it
means something, and a random audit. NumPy only.

In rehearsals of the loop on real frames the ways of asking were alike from 50 reviews on; before that, frames near the
threshold taught the wrong thing, since the first threshold is itself wrong on new videos.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.int64]
Why = Literal["top", "diverse", "near", "audit"]

AUDIT_SHARE, NEAR_SHARE = 0.2, 0.3
FEW_IN, FIRST_AUDIT_SHARE = 5, 0.4  # a good score's first picks are nearly all outliers, and learning needs both kinds
NEAR_FROM = 10  # confirmed in-distribution frames from which on the threshold is worth asking about
POOL = 20  # candidates looked at for each frame wanted, so that there is a choice of videos
MOST_CANDIDATES, MOST_CENTRES = 4096, 512  # for the diverse ones
FAR = 8.0  # standard deviations at which a feature is clipped
NEIGHBOURS = 2  # frames so close to a pick, in one video, are near copies of it


@dataclass(frozen=True)
class Pick:
    """A frame to ask about, by its place among the scores, and what it was picked for."""

    index: int
    why: Why


def choose(
    scores: ArrayLike,
    features: NDArray[np.floating[Any]] | None,
    *,
    threshold: float | None,
    reviewed: ArrayLike,
    videos: ArrayLike,
    count: int,
    confirmed_in: int,
    seed: int = 0,
) -> list[Pick]:
    """`count` frames that nobody reviewed, or all of them when there are fewer, in random order.

    scores (N,), higher = more outlying; features (N, F), only candidates are read; reviewed (N,) bool; videos (N,) ids;
    frames of a video stand together in the order of time. A fifth are an audit: drawn first, evenly from all that are
    unreviewed, whatever else is picked; two fifths until `confirmed_in` is 5. From 10 on, and with a threshold, three
    tenths lie nearest to it. Half of the rest have the highest scores; the other half are the ones farthest, among the
    outlying, from everything reviewed or picked (greedy k-centre; T. Gonzalez, 1985) in features scaled alike, or
    without features spread over the videos.
    Raises ValueError when lengths differ or a number is not finite.
    """
    frames = _Frames(scores, features, reviewed, videos, threshold)
    rng = np.random.default_rng(seed)
    left = np.flatnonzero(~frames.taken)
    near = threshold is not None and confirmed_in >= NEAR_FROM
    wanted = shares(min(max(count, 0), len(left)), near=near, few_in=confirmed_in < FEW_IN)
    picks = frames.take("audit", rng.choice(left, wanted["audit"], replace=False))
    picks += frames.take("top", _top(frames, wanted["top"]))
    picks += frames.take("near", _near(frames, wanted["near"]))
    picks += frames.take("diverse", _diverse(frames, wanted["diverse"]))
    return [picks[place] for place in rng.permutation(len(picks))]


def shares(count: int, *, near: bool, few_in: bool = False) -> dict[Why, int]:
    """How many of `count` frames are picked for what."""
    audit = round((FIRST_AUDIT_SHARE if few_in else AUDIT_SHARE) * count)
    by_threshold = round(NEAR_SHARE * count) if near else 0
    rest = count - audit - by_threshold
    return {"audit": audit, "near": by_threshold, "top": rest - rest // 2, "diverse": rest // 2}


class _Frames:
    """What is known of the frames, which are taken (reviewed or already picked), and a sample of those, `seen`."""

    def __init__(
        self,
        scores: ArrayLike,
        features: NDArray[np.floating[Any]] | None,
        reviewed: ArrayLike,
        videos: ArrayLike,
        threshold: float | None,
    ) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)
        self.features = features
        self.taken = np.array(reviewed, dtype=np.bool_)
        self.seen = _thinned(np.flatnonzero(self.taken), MOST_CENTRES)
        self.videos = np.asarray(videos)
        self.threshold = threshold
        columns = [self.taken, self.videos, *([] if features is None else [features])]
        if any(len(column) != len(self.scores) for column in columns):
            raise ValueError("Scores, features, reviews and videos must be of the same frames.")
        if not np.isfinite(self.scores).all() or not math.isfinite(threshold or 0.0):
            raise ValueError("A score is not finite.")

    def take(self, why: Why, indices: Sequence[int] | Indices) -> list[Pick]:
        self.taken[indices] = True
        self.seen = np.concatenate([self.seen, np.asarray(indices, dtype=np.int64)])
        return [Pick(int(index), why) for index in indices]

    def first_by(self, key: NDArray[np.float64], size: int) -> Indices:
        """The frames still free with the least `key`, (N,), at most `size` of them, least first."""
        free = np.flatnonzero(~self.taken)
        if size < len(free):
            free = np.sort(free[np.argpartition(key[free], size)[:size]])
        return free[np.argsort(key[free], kind="stable")]

    def features_of(self, indices: Indices) -> NDArray[np.float32]:
        assert self.features is not None
        values = self.features[indices].astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("A feature is not finite.")
        return values


def _top(frames: _Frames, count: int) -> list[int]:
    return _spread(frames.first_by(-frames.scores, POOL * count), frames.videos, count)


def _near(frames: _Frames, count: int) -> list[int]:
    if not count or frames.threshold is None:
        return []
    return _spread(frames.first_by(np.abs(frames.scores - frames.threshold), POOL * count), frames.videos, count)


def _diverse(frames: _Frames, count: int) -> list[int]:
    if not count:
        return []
    pool = _candidates(frames, POOL * count)
    if frames.features is None:
        return _spread(_in_turn(pool, frames.videos), frames.videos, count)
    farthest = _farthest(*_scaled(frames.features_of(pool), frames.features_of(frames.seen)), count)
    return [int(pool[place]) for place in farthest]


def _candidates(frames: _Frames, least: int) -> Indices:
    """Free frames above the threshold, at least `least`, evenly thinned over their ranks when there are very many."""
    flagged = 0
    if frames.threshold is not None:
        flagged = int(np.count_nonzero((frames.scores > frames.threshold) & ~frames.taken))
    return _thinned(frames.first_by(-frames.scores, max(least, flagged)), max(least, MOST_CANDIDATES))


def _thinned(indices: Indices, most: int) -> Indices:
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(np.int64)]


def unlike_order(features: NDArray[np.floating[Any]], count: int) -> list[int]:
    """`count` rows of features (N, F), or all when there are fewer: the first, then each time the one farthest from all
    before it, in features scaled alike. Raises ValueError when a number is not finite."""
    values = features.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("A feature is not finite.")
    return _farthest(*_scaled(values, values[:0]), min(count, len(values)))


def in_turn(videos: ArrayLike) -> list[int]:
    """Places of candidates, whose videos are given (N,), in rounds: first the first of each video, then the second."""
    owners = np.asarray(videos)
    order: list[int] = _in_turn(np.arange(len(owners)), owners).tolist()
    return order


def _scaled(
    values: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both by the spread of `values`."""
    middle, spread = values.mean(axis=0), values.std(axis=0)
    spread[spread == 0] = 1.0
    return np.clip((values - middle) / spread, -FAR, FAR), np.clip((others - middle) / spread, -FAR, FAR)


def _farthest(values: NDArray[np.float32], centres: NDArray[np.float32], count: int) -> list[int]:
    """Rows of `values`, (M, F), each the one farthest from all `centres`, (C, F), and from the rows before it. Without
    centres the first row comes first, which has the highest score."""
    length = np.sum(values**2, axis=1)
    far = np.full(len(values), np.inf, dtype=np.float32)
    if len(centres):
        far = length + np.min(np.sum(centres**2, axis=1) - 2 * values @ centres.T, axis=1)
    chosen: list[int] = []
    for _ in range(count):
        latest = int(np.argmax(far))
        chosen.append(latest)
        far = np.minimum(far, length + length[latest] - 2 * values @ values[latest])
        far[chosen] = -np.inf
    return chosen


def _in_turn(pool: Indices, videos: NDArray[Any]) -> Indices:
    """The first of each video, then the second of each, and so on."""
    seen: Counter[Any] = Counter()
    turn = []
    for owner in videos[pool].tolist():
        turn.append(seen[owner])
        seen[owner] += 1
    return pool[np.argsort(turn, kind="stable")]


def _spread(pool: Indices, videos: NDArray[Any], count: int) -> list[int]:
    """The first `count` of the pool: at first no neighbours of each other and from no video more than twice an even
    share, then as many as are missing from any video, then neighbours too."""
    owners = dict(zip(pool.tolist(), videos[pool].tolist(), strict=True))
    even = math.ceil(2 * count / max(len(set(owners.values())), 1))
    chosen: dict[int, None] = {}
    for most, apart in ((even, True), (count, True), (count, False)):
        used = Counter(owners[index] for index in chosen)
        for index, owner in owners.items():
            if len(chosen) == count:
                return list(chosen)
            if index in chosen or used[owner] >= most or (apart and _has_neighbour(index, owner, chosen, owners)):
                continue
            chosen[index] = None
            used[owner] += 1
    return list(chosen)


def _has_neighbour(index: int, owner: Any, chosen: dict[int, None], owners: dict[int, Any]) -> bool:
    around = (index + step for step in range(-NEIGHBOURS, NEIGHBOURS + 1))
    return any(other in chosen and owners[other] == owner for other in around)
