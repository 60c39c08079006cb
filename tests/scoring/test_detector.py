"""The file of a detector: what comes back, and what is refused."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from scoring.config import VAEConfig
from scoring.detector import Detector, load_detector, plain, save_detector
from scoring.errors import ModelError
from scoring.fitting import fit_detector, fit_retrained
from scoring.frameset import FrameSet
from scoring.model_file import METADATA_KEY, read_about, read_header, read_notes, sha256, tensor_table
from scoring.preprocessing import Preprocessing
from scoring.score import Scorer, Scores
from scoring.vae import VAE
from tests.scoring.frames_for_tests import SMALL, stripe_frames, turf_frames

FRAMES = turf_frames(5, seed=7)


def model_of(config: VAEConfig = SMALL, seed: int = 0) -> VAE:
    torch.manual_seed(seed)
    return VAE(config).eval()


def fitted(config: VAEConfig) -> Detector:
    prepared = Preprocessing(config.height, config.width)
    return fit_detector(model_of(config), FrameSet(turf_frames(20)), prepared, device="cpu")


def retrained() -> Detector:
    inside, outside = FrameSet(turf_frames(20)), FrameSet(stripe_frames(9))
    model, anchor = model_of(replace(SMALL, head=4)), model_of(SMALL, seed=1)
    return fit_retrained(model, anchor, inside, outside, Preprocessing(24, 32), device="cpu")


def bare(model: VAE) -> bytes:
    """A file with the network and no more than has to stand beside it."""
    return repacked(save_detector(plain(model)))


def same(scores: Scores, others: Scores) -> bool:
    pairs = zip(vars(scores).values(), vars(others).values(), strict=True)
    return all(a is b is None or np.array_equal(a, b) for a, b in pairs)


def repacked(data: bytes, change: dict[str, Any] | None = None, about: object = None) -> bytes:
    """A well-formed safetensors file with other tensors or another configuration than `save_detector` wrote."""
    tensors = {**load(data), **(change or {})}
    text = json.dumps({"config": asdict(SMALL), "notes": {}} if about is None else about)
    return save({key: value for key, value in tensors.items() if value is not None}, metadata={METADATA_KEY: text})


def test_it_saves_and_loads_the_same_model_with_its_notes() -> None:
    detector = fitted(VAEConfig(height=24, width=32, channels=(4, 8), latent=5, hidden=7, beta=2.0))
    data = save_detector(detector, notes={"trained_on": 12})
    loaded = load_detector(data)
    assert loaded.vae.config == detector.vae.config and loaded.preprocessing == detector.preprocessing
    assert same(Scorer(loaded, "cpu").score(FRAMES), Scorer(detector, "cpu").score(FRAMES))
    for name in ("start_activations", "start_scores"):
        assert np.array_equal(getattr(loaded, name), getattr(detector, name))
    assert loaded.linear is not None and detector.linear is not None
    assert np.array_equal(loaded.linear.reconstruction_loss(FRAMES), detector.linear.reconstruction_loss(FRAMES))
    assert read_notes(data) == {"trained_on": 12}
    assert sha256(data) == sha256(save_detector(loaded, notes={"trained_on": 12})) != sha256(save_detector(loaded))


def test_it_saves_and_loads_a_retrained_model_with_its_anchor() -> None:
    original = retrained()
    loaded = load_detector(save_detector(original))
    assert loaded.retrained is not None and original.retrained is not None
    assert loaded.retrained.anchor.config == SMALL
    assert loaded.retrained.start.as_json() == original.retrained.start.as_json()
    assert same(Scorer(loaded, "cpu").score(FRAMES), Scorer(original, "cpu").score(FRAMES))


def test_it_reads_files_of_before_which_hold_the_network_alone() -> None:
    model = model_of()
    old = {key: value for key, value in asdict(SMALL).items() if key != "head"}
    loaded = load_detector(repacked(bare(model), about={"config": old, "notes": {}}))
    assert loaded.preprocessing == Preprocessing(24, 32, bars="keep")
    assert (loaded.start_scores, loaded.start_activations, loaded.retrained) == (None, None, None)
    assert same(Scorer(loaded, "cpu").score(FRAMES), Scorer(model, "cpu").score(FRAMES))


def test_it_lists_the_tensors_of_a_file_without_reading_them() -> None:
    table = tensor_table(save_detector(fitted(SMALL)))
    assert table["to_moments.bias"] == ["float32", [16]] and table["stages.0.1.num_batches_tracked"] == ["int64", []]
    assert table["frames.activations"] == ["float16", [20, 3 * 40]] and table["frames.scores"] == ["float32", [20]]


def test_it_never_unpickles(tmp_path: Path) -> None:
    planted = tmp_path / "opened"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (planted,)

    torch.save(Evil(), tmp_path / "zip.pt")
    for data in (pickle.dumps(Evil()), (tmp_path / "zip.pt").read_bytes()):
        with pytest.raises(ModelError, match="not a model file"):
            load_detector(data)
    assert not planted.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to_moments.bias": torch.zeros(17)}, r"F32 \[17\] where F32 \[16\] is expected"),
        ({"to_moments.bias": torch.zeros(16, dtype=torch.float16)}, r"F16 \[16\] where F32"),
        ({"to_moments.bias": None}, "lacks tensor 'to_moments.bias'"),
        ({"stranger": torch.zeros(1)}, "unknown tensor 'stranger'"),
        ({"to_moments.bias": torch.full((16,), float("nan"))}, "not finite"),
        ({"stages.0.1.running_var": torch.full((8,), -1.0)}, "negative variance"),
    ],
)
def test_it_refuses_tensors_that_are_not_this_models(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_detector(repacked(bare(model_of()), change))


@pytest.mark.parametrize(
    "about",
    [
        [],
        {"config": {}},
        {"config": {"latent": 10**9}, "notes": {}},
        {"config": {"channels": []}, "notes": {}},
        {"config": {"channels": 24}, "notes": {}},
        {"config": {"height": "60"}, "notes": {}},
        {"config": {"beta": float("nan")}, "notes": {}},
        {"config": {"exec": "rm"}, "notes": {}},
        {"config": {"latent": 9}, "notes": {}},
    ],
)
def test_it_refuses_a_configuration_that_lies(about: object) -> None:
    with pytest.raises(ModelError):
        load_detector(repacked(bare(model_of()), about=about))


def test_it_refuses_headers_that_lie() -> None:
    data = bare(model_of())
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    first = min(key for key in header if key != "__metadata__")
    overlapping = {**header, first: {**header[first], "data_offsets": [0, 10**12]}}
    lies = [
        b"",
        b"\x00" * 8,
        struct.pack("<Q", 2**63) + data[8:],
        struct.pack("<Q", length - 1) + data[8:],
        data[:-1],
        data + b"more",
        struct.pack("<Q", 2) + b"[]" + data[8 + length :],
        save(load(data)),
        struct.pack("<Q", len(text := json.dumps(overlapping).encode())) + text + data[8 + length :],
        struct.pack("<Q", 900_000) + b"[" * 900_000,
    ]
    for lie in lies:
        with pytest.raises(ModelError) as caught:
            load_detector(lie)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": None}, "unknown tensor 'frames.activations'"),
        ({"start": 21}, r"F16 \[20, 120\] where F16 \[21, 120\]"),
        ({"start": "x"}, "damaged"),
        ({"linear": 7}, r"F16 \[7, 2304\]"),
        ({"linear": None}, "unknown tensor 'linear"),
        ({"structure": None}, "unknown tensor 'structure"),
        ({"structure": 0}, "damaged"),
        ({"start": True}, "damaged"),
        ({"start": 10**9}, "damaged"),
        ({"preprocessing": {"height": 24}}, "no record of how"),
        ({"preprocessing": Preprocessing(30, 32).as_json()}, "another size"),
        ({"more": 1}, "incomplete"),
    ],
)
def test_it_refuses_a_detector_that_lies(change: dict[str, Any], message: str) -> None:
    data = save_detector(fitted(SMALL))
    about = read_about(read_header(data))
    about["detector"] |= change
    with pytest.raises(ModelError, match=message):
        load_detector(repacked(data, about=about))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"anchor": None}, "unknown tensor 'anchor"),
        ({"anchor": {"latent": -1}}, "latent size"),
        ({"anchor": 3}, "incomplete"),
        ({"anchor": asdict(replace(SMALL, channels=(8, 16)))}, r"(lacks|unknown) tensor|is expected"),
        ({"calibrations": None}, "incomplete"),
        ({"calibrations": {"start": {}}}, "incomplete"),
        ({"calibrations": {"start": {}, "verdicts": {}}}, "is expected"),
        ({"slope": 0.0}, "damaged"),
        ({"slope": "steep"}, "no values of a calibration"),
        ({"score_unit": [0.0, -1.0]}, "damaged"),
        ({"score_unit": [0.0]}, "no values of a calibration"),
        ({"seen": 3}, "is expected"),
        ({"features": -1}, "damaged"),
    ],
)
def test_it_refuses_a_retrained_detector_that_lies(change: dict[str, Any], message: str) -> None:
    data = save_detector(retrained())
    about = read_about(read_header(data))
    whole = set(change) <= {"anchor", "calibrations"}
    (about["detector"] if whole else about["detector"]["calibrations"]["start"]).update(change)
    with pytest.raises(ModelError, match=message):
        load_detector(repacked(data, about=about))
