from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.selection import Pick, choose, shares

N = 600
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=N)
FEATURES = RNG.normal(size=(N, 8)).astype(np.float16)
VIDEOS = np.repeat(np.arange(12), 50)
NOTHING = np.zeros(N, dtype=bool)


def ask(**changes: Any) -> list[Pick]:
    settings = {"threshold": 1.6, "reviewed": NOTHING, "videos": VIDEOS, "count": 25, "confirmed_in": 10, "seed": 0}
    known = {"scores": SCORES, "features": FEATURES, **settings, **changes}
    return choose(known.pop("scores"), known.pop("features"), **known)


def picked(picks: list[Pick], why: str) -> NDArray[np.int64]:
    return np.array([pick.index for pick in picks if pick.why == why], dtype=np.int64)


def test_it_mixes_the_ways_of_asking() -> None:
    assert shares(25, near=True) == {"audit": 5, "near": 8, "top": 6, "diverse": 6}
    assert shares(25, near=False) == {"audit": 5, "near": 0, "top": 10, "diverse": 10}
    assert shares(25, near=False, few_in=True) == {"audit": 10, "near": 0, "top": 8, "diverse": 7}
    assert Counter(pick.why for pick in ask()) == {"audit": 5, "near": 8, "top": 6, "diverse": 6}


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 700), st.booleans())
def test_it_shares_out_every_frame_asked_for(count: int, near: bool) -> None:
    assert sum(shares(count, near=near).values()) == count
    assert min(shares(count, near=near).values()) >= 0


def test_it_asks_near_the_threshold_only_once_that_means_something() -> None:
    assert not len(picked(ask(confirmed_in=9), "near"))
    assert not len(picked(ask(threshold=None), "near"))
    near = picked(ask(), "near")
    assert np.abs(SCORES[near] - 1.6).max() < 0.4


def test_it_asks_about_the_highest_scores() -> None:
    top = picked(ask(count=50), "top")
    assert np.mean(SCORES[top]) > np.sort(SCORES)[-60]
    assert SCORES.argmax() in {pick.index for pick in ask(count=50)}


def test_it_spreads_over_videos_and_skips_near_copies() -> None:
    scores = np.where(VIDEOS == 3, 5.0, SCORES) + np.where(VIDEOS == 4, 3.0, 0.0)
    top = picked(ask(scores=scores, count=50, confirmed_in=5), "top")
    assert len(top) == 20 and max(Counter(VIDEOS[top]).values()) <= 4  # twice an even share of twelve videos
    one_video = np.sort(picked(ask(scores=scores, videos=np.zeros(N), count=50, confirmed_in=5), "top"))
    assert np.diff(one_video).min() > 2


def test_it_takes_near_copies_when_nothing_else_is_left() -> None:
    picks = choose(
        np.arange(12.0), None, threshold=None, reviewed=[False] * 12, videos=["a"] * 12, count=10, confirmed_in=5
    )
    assert len({pick.index for pick in picks}) == 10


def clustered() -> tuple[NDArray[np.float64], NDArray[np.float16], NDArray[np.int64]]:
    """Outlying frames of five kinds, one of them far more frequent and higher scored than the others."""
    kind = np.repeat([0, 1, 2, 3, 4], [400, 5, 5, 5, 5])
    rng = np.random.default_rng(1)
    features = (10 * np.eye(5)[kind] + rng.normal(0, 0.3, (len(kind), 5))).astype(np.float16)
    return 5.0 + 3.0 * (kind == 0) + rng.normal(0, 0.1, len(kind)), features, kind


def test_it_finds_every_kind_of_outlier_by_features() -> None:
    scores, features, kind = clustered()
    common = {"scores": scores, "reviewed": kind < 0, "videos": np.arange(len(kind)), "confirmed_in": 5}
    picks = ask(features=features, **common)
    assert set(kind[picked(picks, "diverse")]) >= {1, 2, 3, 4}
    assert set(kind[picked(picks, "top")]) == {0}


def test_it_looks_for_what_differs_from_the_reviewed_frames() -> None:
    scores, features, kind = clustered()
    reviewed = kind == 1
    reviewed[np.flatnonzero(kind == 1)[0]] = False  # one of this kind is left, and like those already seen
    known = {"scores": scores, "features": features, "reviewed": reviewed, "videos": np.arange(len(kind))}
    for seed in range(5):
        picks = ask(**known, count=8, confirmed_in=5, seed=seed)
        assert sorted(kind[picked(picks, "diverse")]) == [2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_it_takes_each_time_the_frame_farthest_from_all_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, reviewed = rng.normal(3.0, [1.0, 5.0, 100.0], (80, 3)), rng.random(80) < 0.2
    known = {"scores": rng.random(80), "reviewed": reviewed, "videos": np.arange(80), "threshold": -1.0}
    picks = ask(features=features, **known, count=12, confirmed_in=5)
    centres = [*np.flatnonzero(reviewed), *picked(picks, "audit"), *picked(picks, "top")]
    left = np.setdiff1d(np.arange(80), centres)
    scaled = (features / features[left].std(axis=0)).astype(np.float64)
    for _ in picked(picks, "diverse"):
        nearest = np.linalg.norm(scaled[left][:, None] - scaled[centres], axis=2).min(axis=1)
        centres.append(left[nearest.argmax()])
    assert set(picked(picks, "diverse")) == set(centres[-5:])


def test_it_asks_about_each_frame_once_when_all_look_alike() -> None:
    assert len({pick.index for pick in ask(features=np.ones((N, 4)), count=100)}) == 100


def test_it_lets_no_feature_count_more_for_its_unit() -> None:
    scores, features, kind = clustered()
    known = {"scores": scores, "reviewed": kind < 0, "videos": np.arange(len(kind)), "count": 10, "confirmed_in": 5}
    noise = np.random.default_rng(2).normal(size=(len(kind), 1))
    wide = np.concatenate([features, noise], axis=1) * np.array([1, 1, 1, 1, 1, 1000.0]) + 5.0
    constant = np.concatenate([features.astype(np.float64), np.full((len(kind), 1), 7.0)], axis=1)
    assert len(set(kind[picked(ask(features=wide, **known), "diverse")])) >= 3
    assert ask(features=constant, **known) == ask(features=features, **known)


def test_it_spreads_over_videos_without_features() -> None:
    scores = VIDEOS + 0.01 * SCORES
    diverse = picked(ask(scores=scores, features=None, count=60, confirmed_in=5), "diverse")
    per_video = Counter(VIDEOS[diverse])
    assert len(per_video) >= 9 and max(per_video.values()) <= 3


def test_it_audits_every_unreviewed_frame_alike() -> None:
    times = np.zeros(N)
    reviewed = np.arange(N) % 3 == 0
    for seed in range(400):
        times[picked(ask(seed=seed, reviewed=reviewed, features=None), "audit")] += 1
    assert times.sum() == 400 * 5 and not times[reviewed].any()
    in_top = np.argsort(SCORES)[-100:]
    assert times[in_top].sum() == pytest.approx(400 * 5 * (~reviewed[in_top]).mean() / 4, rel=0.2)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 60).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n),
            st.lists(st.booleans(), min_size=n, max_size=n),
            st.lists(st.integers(0, 4), min_size=n, max_size=n),
        )
    ),
    st.integers(0, 80),
    st.sampled_from([None, 0.5]),
    st.booleans(),
    st.integers(0, 99),
)
def test_it_picks_unreviewed_frames_once(
    frames: tuple[list[float], list[bool], list[int]], count: int, threshold: float | None, seen: bool, seed: int
) -> None:
    scores, reviewed, videos = frames
    features = np.random.default_rng(seed).normal(size=(len(scores), 3)) if seen else None
    known = {"threshold": threshold, "reviewed": reviewed, "videos": videos, "count": count, "confirmed_in": seed}
    picks = choose(scores, features, **known, seed=seed)  # type: ignore[arg-type]
    indices = [pick.index for pick in picks]
    assert len(indices) == len(set(indices)) == min(count, reviewed.count(False))
    assert not any(reviewed[index] for index in indices)
    assert choose(scores, features, **known, seed=seed) == picks  # type: ignore[arg-type]


def test_it_varies_with_the_seed_and_leaves_the_reviews_alone() -> None:
    reviewed = NOTHING.copy()
    assert ask(seed=1, reviewed=reviewed) != ask(seed=2, reviewed=reviewed)
    assert not reviewed.any()


def test_it_starts_with_a_mixture_so_that_stopping_early_does_no_harm() -> None:
    assert len({pick.why for pick in ask(count=100)[:25]}) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": np.full(N, np.nan)},
        {"threshold": float("inf")},
        {"features": np.full((N, 8), np.nan)},
        {"features": FEATURES[:-1]},
        {"reviewed": NOTHING[:-1]},
        {"videos": VIDEOS[:-1]},
    ],
)
def test_it_refuses_what_it_cannot_use(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"finite|same frames"):
        ask(**changes)
