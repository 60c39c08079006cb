"""The index of frames like a frame: exact, grows at its end, and survives whoever is killed while writing it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.features import Activations
from scoring.neighbours import TABLE, Index, IndexDamaged

WIDTH = 48


def activations(rows: int, seed: int) -> Activations:
    return np.random.default_rng(seed).normal(0, 1, (rows, WIDTH)).astype(np.float16)


def numbers(start: int, count: int) -> NDArray[np.int64]:
    return np.arange(start, start + count, dtype=np.int64)


def nothing(count: int) -> NDArray[np.bool_]:
    return np.zeros(count, np.bool_)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Three packs of 40 frames with ids 1000, 1001, ...; of the second the first ten were trained on."""
    made = Index.create(tmp_path / "index", activations(200, seed=9), frames=120)
    for pack in range(3):
        trained = nothing(40)
        trained[:10] = pack == 1
        made.add(pack, 0, numbers(1000 + 40 * pack, 40), activations(40, seed=pack), trained)
    made.commit()
    return made


def exact(index: Index, query: NDArray[np.float32], packs: tuple[int, ...] = (0, 1, 2)) -> list[int]:
    """Ids by distance, computed apart from the index's files."""
    rows = np.concatenate([index.basis.transform(activations(40, seed=pack)) for pack in packs])
    ids = np.concatenate([numbers(1000 + 40 * pack, 40) for pack in packs])
    found: list[int] = ids[np.argsort(np.linalg.norm(rows - query, axis=1))].tolist()
    return found


def test_it_finds_the_nearest_frames_in_order(index: Index) -> None:
    query = index.feature(2, 7)
    assert query is not None
    found = index.nearest(query, 12)
    assert [each.frame for each in found] == exact(index, query)[:12]
    assert (found[0].frame, found[0].distance) == (1087, 0.0)
    distances = [each.distance for each in found]
    assert distances == sorted(distances)
    assert len(index.nearest(query, 1000)) == 120
    assert index.nearest(query, 0) == []


def test_it_asks_only_what_was_trained_on(index: Index) -> None:
    query = index.feature(1, 3)
    assert query is not None
    found = index.nearest(query, 50, trained=True)
    assert sorted(each.frame for each in found) == list(range(1040, 1050))
    assert found[0].frame == 1043
    assert index.trained == 10
    assert (index.is_trained(1, 9), index.is_trained(1, 10), index.is_trained(7, 0)) == (True, False, False)


def test_it_is_the_same_when_it_is_opened_again(index: Index) -> None:
    query = index.feature(0, 0)
    assert query is not None
    again = Index.open(index.folder)
    assert again.nearest(query, 20) == index.nearest(query, 20)
    assert again.packs == index.packs


def test_it_forgets_packs_that_are_gone_and_replaces_those_made_anew(index: Index) -> None:
    query = index.feature(0, 5)
    assert query is not None
    index.drop([0, 99])
    index.add(1, 1, numbers(5000, 3), activations(3, seed=40), nothing(3))
    index.commit()
    found = Index.open(index.folder).nearest(query, 200)
    assert {each.frame for each in found} == {5000, 5001, 5002, *range(1080, 1120)}
    assert index.feature(0, 5) is None
    assert index.feature(1, 3) is None
    assert index.trained == 0


def test_it_is_as_before_when_its_writer_is_killed_before_it_commits(index: Index) -> None:
    query = index.feature(0, 5)
    assert query is not None
    before = index.nearest(query, 30)
    index.add(7, 0, numbers(9000, 5), activations(5, seed=0)[:5], nothing(5))
    again = Index.open(index.folder)
    assert (len(again), again.nearest(query, 30)) == (120, before)
    again.add(8, 0, numbers(9100, 40), activations(40, seed=8), nothing(40))
    again.commit()
    assert {each.frame for each in Index.open(index.folder).nearest(query, 400)} == {
        *range(1000, 1120),
        *range(9100, 9140),
    }


def test_it_refuses_what_does_not_fit(index: Index) -> None:
    with pytest.raises(ValueError, match="its activations"):
        index.add(5, 0, numbers(0, 3), activations(4, seed=1), nothing(3))
    with pytest.raises(ValueError, match="another model version"):
        index.add(5, 0, numbers(0, 3), activations(3, seed=1)[:, :9], nothing(3))
    with pytest.raises(ValueError, match="finite"):
        index.add(5, 0, numbers(0, 3), activations(3, seed=1) * np.float16(np.inf), nothing(3))
    assert len(Index.open(index.folder)) == 120


@pytest.mark.parametrize("name", [TABLE, "features", "marks", "basis.safetensors"])
def test_it_says_so_when_files_are_damaged(index: Index, name: str) -> None:
    path = index.folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(IndexDamaged):
        Index.open(index.folder)
    with pytest.raises(IndexDamaged):
        Index.open(index.folder / "nowhere")
