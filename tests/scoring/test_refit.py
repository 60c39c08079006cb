"""Refitting to newer verdicts on the basis of the last fit: what changes, what stays, and what is stored between."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.errors import ModelError
from scoring.recalibrate import Refusal, squared_distance
from scoring.refit import Digest, Reduced, Refit, reduced, refit
from tests.scoring.test_recalibrate import START, Frames, fitted_to, frames

FIRST = frames(60, seed=0)
LATER = frames(400, seed=2)


def digest(first: Frames = FIRST) -> Digest:
    """Ids count from 0 over the reviewed frames, from 1000 over the held-out ones, from 2000 over the sample."""
    found = fitted_to(*first)
    assert not isinstance(found, Refusal)
    inside = frames(80, seed=7, out=0)
    parts = (
        reduced(found.basis, activations, scores, start + np.arange(len(scores)), group.astype(np.int64))
        for activations, scores, start, group in (
            (*START, -1000, np.zeros(80)),
            (*first[:2], 0, first[2]),
            (*inside[:2], 1000, np.arange(80) // 10),
            (*LATER[:2], 2000, np.zeros(400)),
        )
    )
    start, judged, heldout, sample = parts
    held, drawn = (squared_distance(part.features, found.seen) for part in (heldout, sample))
    return Digest(found, start, judged, heldout, sample, held, drawn, 4000)


def nothing(of: Digest) -> Reduced:
    return of.judged.taken(np.zeros(0, np.int64))


def more(of: Digest, some: Frames, first_id: int = 5000) -> Reduced:
    ids = first_id + np.arange(len(some[1]))
    return reduced(of.calibration.basis, some[0], some[1], ids, np.zeros(len(ids), np.int64))


def done(of: Digest, verdicts: dict[int, bool | None], new: Reduced) -> Refit:
    found = refit(of, verdicts, new)
    assert isinstance(found, Refit)
    return found


def errors(found: Refit, truth: NDArray[np.bool_]) -> float:
    return float(np.mean((found.sample > 0.5) != truth))


def test_it_says_without_new_verdicts_what_the_fit_said() -> None:
    known = digest()
    found = done(known, {}, nothing(known))
    assert found.sample == pytest.approx(known.calibration.probability(*LATER[:2]), abs=0.01)
    assert found.calibration.weights == pytest.approx(known.calibration.weights, abs=2e-3)
    assert (found.calibration.in_reviews + found.calibration.out_reviews, len(found.judged)) == (60, 60)


def test_it_learns_from_what_was_judged_since() -> None:
    known, some = digest(), frames(300, seed=3)
    before = done(known, {}, nothing(known))
    verdicts: dict[int, bool | None] = {5000 + n: bool(out) for n, out in enumerate(some[2])}
    after = done(known, verdicts, more(known, some))
    assert len(after.judged) == 360 and after.calibration.out_reviews == int(FIRST[2].sum() + some[2].sum())
    assert errors(after, LATER[2]) < errors(before, LATER[2])
    assert np.mean((after.judged_probability > 0.5) == after.judged.group) > 0.8


def test_it_takes_the_last_word_on_a_frame_and_forgets_one_taken_back() -> None:
    known = digest()
    changed = int(np.flatnonzero(FIRST[2])[0])
    found = done(known, {changed: False, changed + 1: None}, nothing(known))
    assert changed + 1 not in found.judged.ids.tolist() and len(found.judged) == 59
    assert found.judged.group[found.judged.ids.tolist().index(changed)] == 0


def test_it_refuses_where_too_few_verdicts_are_left() -> None:
    known = digest()
    found = refit(known, {int(pk): None for pk in np.flatnonzero(FIRST[2])[3:]}, nothing(known))
    assert isinstance(found, Refusal) and "OUT" in found.reason


def test_it_counts_a_frame_that_was_just_judged_as_seen() -> None:
    """Far from all that was reviewed the regression hardly counts; beside a frame that was judged since it does."""
    known = digest()
    far = (np.random.default_rng(3).choice([-1.0, 1.0], size=(1, 120)) * 60).astype(np.float16)
    new = reduced(known.calibration.basis, far, np.zeros(1), np.array([5000]), np.zeros(1, np.int64))
    there = Digest(
        **{**vars(known), "sample": new, "sample_distance": squared_distance(new.features, known.calibration.seen)}
    )
    found = done(there, {5000: True}, new)
    own = found.calibration.total(new.features, new.scores, np.zeros(1))
    assert found.sample == pytest.approx(found.calibration.probability_of(own), abs=1e-4)
    assert there.sample_distance[0] > 100


def test_it_keeps_a_digest_in_few_bytes_and_reads_it_back() -> None:
    known = digest()
    data = known.as_bytes()
    assert len(data) < 300_000
    again = Digest.from_bytes(data)
    assert again.frames == 4000 and again.as_bytes() == data
    assert done(again, {}, nothing(again)).sample == pytest.approx(done(known, {}, nothing(known)).sample, abs=1e-3)
    for damaged in (b"", data[:-1], data.replace(b"sample.distance", b"simple.distance")):
        with pytest.raises(ModelError, match="damaged"):
            Digest.from_bytes(damaged)
    cut = Digest(**{**vars(known), "sample_distance": known.sample_distance[1:]})
    with pytest.raises(ModelError, match="damaged"):
        Digest.from_bytes(cut.as_bytes())


def test_it_loads_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, scoring.refit; print({'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
