"""Packs: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from scoring.frames import SampledFrame
from scoring.packs import PackError, PackWriter, chunk_of, chunk_range, packed, read_folder, read_inputs
from scoring.preprocessing import BARS, Preprocessing

Tensor = npt.NDArray[Any]


def frame(number: int) -> SampledFrame:
    pixels = np.full((6, 8, 3), number % 256, np.uint8)
    return SampledFrame(number, number / 2, number % 3 == 0, b"\xff\xd8\xff" + bytes(number % 7), pixels)


def frames(count: int) -> list[SampledFrame]:
    return [frame(number) for number in range(count)]


MADE = Preprocessing(6, 8)


def packed_frames(sampled: list[SampledFrame]) -> Iterator[PackWriter]:
    return packed(sampled, MADE)


def test_it_starts_small_and_goes_on_with_256() -> None:
    assert [chunk_range(chunk) for chunk in range(4)] == [range(32), range(32, 256), range(256, 512), range(512, 768)]


@given(st.integers(0, 10**7))
def test_it_puts_every_number_into_the_chunk_that_holds_it(number: int) -> None:
    assert number in chunk_range(chunk_of(number))


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (32, [32]), (33, [32, 1]), (600, [32, 224, 256, 88])])
def test_it_groups_frames_by_chunk(count: int, sizes: list[int]) -> None:
    packs = list(packed_frames(frames(count)))
    assert [len(pack.frames) for pack in packs] == sizes
    assert [pack.chunk for pack in packs] == list(range(len(sizes)))


def test_it_gives_a_pack_as_soon_as_it_is_full() -> None:
    taken = []

    def watched() -> object:
        for one in frames(40):
            taken.append(one.number)
            yield one

    next(packed(watched(), MADE))  # type: ignore[arg-type]
    assert taken[-1] == 31


def test_it_finds_each_thumbnail_by_offset_and_length() -> None:
    (pack,) = packed_frames(frames(20))
    blob, places = pack.thumbnails()
    assert [blob[offset : offset + length] for offset, length in places] == [one.thumbnail for one in frames(20)]
    assert sum(length for _, length in places) == len(blob)


def test_it_reads_back_the_inputs() -> None:
    *_, last = packed_frames(frames(300))
    inputs = read_inputs(last.inputs())
    assert len(inputs) == 44
    assert inputs.pixels.shape == (44, 6, 8, 3)
    assert inputs.number.tolist() == list(range(256, 300))
    assert inputs.time_s.tolist() == [number / 2 for number in range(256, 300)]
    assert (inputs.pixels[1] == 257 % 256).all()


@pytest.mark.parametrize("number", [1, 32, -1])
def test_it_refuses_a_frame_out_of_turn(number: int) -> None:
    with pytest.raises(ValueError, match="can't follow"):
        PackWriter(0, MADE).add(frame(number))


GOOD: dict[str, Tensor] = {
    "inputs": np.zeros((2, 6, 8, 3), np.uint8),
    "number": np.arange(2, dtype=np.int64),
    "time_s": np.zeros(2, np.float64),
}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"inputs": np.zeros((2, 6, 8, 4), np.uint8)}, "N x H x W x 3"),
        ({"inputs": np.zeros((2, 6, 8, 3), np.float32)}, "uint8"),
        ({"number": np.arange(3, dtype=np.int64)}, "one number"),
        ({"number": np.arange(2, dtype=np.int32)}, "one number"),
        ({"time_s": np.zeros((2, 1), np.float64)}, "one time"),
        ({"time_s": np.array([0.0, np.nan])}, "not a number"),
        ({"more": np.zeros(1)}, "nothing else"),
    ],
)
def test_it_refuses_tensors_that_are_not_ours(change: dict[str, Tensor], word: str) -> None:
    with pytest.raises(PackError, match=word):
        read_inputs(save({**GOOD, **change}))


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04pickle", b"\xff" * 64, save(GOOD)[:-1], b"\x02\x00\x00\x00\x00\x00\x00\x00{}"]
)
def test_it_refuses_bytes_that_are_no_pack(data: bytes) -> None:
    with pytest.raises(PackError):
        read_inputs(data)


def test_it_tells_how_its_frames_were_made() -> None:
    (pack,) = packed(frames(3), Preprocessing(6, 8, "keep"))
    assert read_inputs(pack.inputs()).preprocessing == Preprocessing(6, 8, "keep")
    assert read_inputs(save(GOOD)).preprocessing == Preprocessing(6, 8, "keep")  # packs from before the record


@pytest.mark.parametrize(
    "record", ["", "7", "[]", '{"bars": "crop"}', json.dumps(Preprocessing(60, 80).as_json()), "[" * 100_000]
)
def test_it_refuses_a_record_that_is_wrong(record: str) -> None:
    with pytest.raises(PackError):
        read_inputs(save(GOOD, {"preprocessing": record}))


def test_it_refuses_a_folder_of_packs_made_in_two_ways(tmp_path: Path) -> None:
    for chunk, bars in enumerate(BARS):
        (pack,) = packed(frames(3), Preprocessing(6, 8, bars))
        (tmp_path / f"pack-{chunk:06d}.safetensors").write_bytes(pack.inputs())
    with pytest.raises(PackError, match="in different ways"):
        read_folder(tmp_path)


def test_it_reads_a_folder_in_order(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="holds no packs"):
        read_folder(tmp_path)
    for pack in packed_frames(frames(600)):
        (tmp_path / f"pack-{pack.chunk:06d}.safetensors").write_bytes(pack.inputs())
    numbers = np.concatenate([inputs.number for inputs in read_folder(tmp_path)])
    assert numbers.tolist() == list(range(600))
