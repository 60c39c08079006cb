"""The stratified draw: everybody's chance is known, top-ups go on from it, and every beginning is balanced."""

from __future__ import annotations

import numpy as np
import pytest

from scoring import audit


def test_it_cuts_strata_that_hold_as_many_frames() -> None:
    scores = np.random.default_rng(0).gamma(2.0, size=7000)
    cuts = audit.cut_points(scores)
    assert len(cuts) == 6
    assert np.bincount(audit.strata_of(scores, cuts)).tolist() == pytest.approx([1000] * 7, abs=1)


def test_it_makes_do_with_fewer_strata_where_scores_are_equal() -> None:
    assert len(audit.cut_points([1.0] * 50)) == 0
    cuts = audit.cut_points([1.0] * 90 + [2.0] * 10)
    assert cuts.tolist() == [1.0]
    assert np.bincount(audit.strata_of([1.0, 2.0], cuts)).tolist() == [1, 1]
    with pytest.raises(ValueError, match="finite"):
        audit.cut_points([1.0, np.nan])


def test_it_draws_more_of_the_outlying_and_never_more_than_there_are() -> None:
    assert audit.allocation([1000] * 7, 100) == [10, 10, 10, 10, 10, 20, 30]
    assert audit.allocation([1000, 1000, 1000, 1000, 1000, 5, 5], 100) == [18, 18, 18, 18, 18, 5, 5]
    assert audit.allocation([5] * 7, 100) == [5] * 7
    assert sum(audit.allocation([9, 40, 2, 0, 7, 30, 11], 61)) == 61
    assert min(audit.allocation([1000] * 7, 14)) == 2


def test_it_draws_by_its_seed_and_balances_every_beginning() -> None:
    strata = np.repeat(np.arange(7), 500)
    drawn = audit.draw(strata, cuts=6, count=200, seed=3)
    again = audit.draw(strata, cuts=6, count=200, seed=3)
    assert (
        drawn.indices.tolist()
        == again.indices.tolist()
        != audit.draw(strata, cuts=6, count=200, seed=4).indices.tolist()
    )
    assert len(set(drawn.indices.tolist())) == 200
    assert (strata[drawn.indices] == drawn.strata).all()
    half = np.bincount(drawn.strata[:100], minlength=7)
    assert half.tolist() == pytest.approx([10, 10, 10, 10, 10, 20, 30], abs=1)


def test_it_draws_each_frame_of_a_stratum_equally_often_also_when_topped_up() -> None:
    strata = np.repeat(np.arange(2), 20)
    seen = np.zeros(40)
    for seed in range(800):
        first = audit.draw(strata, cuts=1, count=8, seed=seed)
        taken = np.isin(np.arange(40), first.indices)
        more = audit.draw(strata, cuts=1, count=8, seed=1000 + seed, taken=taken)
        assert not set(first.indices.tolist()) & set(more.indices.tolist())
        seen[np.concatenate([first.indices, more.indices])] += 1
    for stratum in (0, 1):
        inside = seen[strata == stratum] / 800
        assert inside == pytest.approx([inside.mean()] * 20, abs=0.075)


def test_it_sets_a_share_of_the_videos_aside_at_random() -> None:
    frames = dict.fromkeys(range(10), 10) | {99: 0}
    chosen = audit.choose_videos(frames, share=0.5, seed=1)
    assert len(chosen) == 5 and 99 not in chosen
    assert audit.choose_videos(frames, share=0.5, seed=1) == chosen
    often = np.bincount([video for seed in range(300) for video in audit.choose_videos(frames, share=0.5, seed=seed)])
    assert often.tolist() == pytest.approx([150] * 10, abs=35)
    assert audit.choose_videos({4: 10, 7: 1}, share=0.1, seed=0) == [4, 7]
    assert audit.choose_videos({4: 10}, share=0.5, seed=0) == [4]
