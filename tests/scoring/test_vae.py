from __future__ import annotations

import json
import math
import pickle
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from scoring.errors import ModelError
from scoring.vae import (
    METADATA_KEY,
    VAE,
    VAEConfig,
    kl_divergence,
    load_model,
    presets,
    read_notes,
    reconstruction_loss,
    save_model,
    sha256,
)
from tests.scoring.frames_for_tests import SMALL


def model_of(config: VAEConfig = SMALL) -> VAE:
    torch.manual_seed(0)
    return VAE(config).eval()


def repacked(data: bytes, change: dict[str, Any] | None = None, about: object = None) -> bytes:
    """A well-formed safetensors file with other tensors or another configuration than `save_model` wrote."""
    tensors = {**load(data), **(change or {})}
    text = json.dumps({"config": asdict(SMALL), "notes": {}} if about is None else about)
    return save({key: value for key, value in tensors.items() if value is not None}, metadata={METADATA_KEY: text})


@pytest.mark.parametrize(("height", "width"), [(60, 80), (61, 83), (16, 16), (17, 31), (48, 96), (90, 67)])
def test_it_reconstructs_every_frame_size(height: int, width: int) -> None:
    model = model_of(VAEConfig(height=height, width=width, channels=(4, 4, 4, 4), latent=3))
    reconstruction, mu, logvar = model(torch.rand(2, 3, height, width))
    assert reconstruction.shape == (2, 3, height, width)
    assert mu.shape == logvar.shape == (2, 3)
    assert reconstruction.min() >= 0 and reconstruction.max() <= 1


def test_it_has_presets_of_the_promised_sizes() -> None:
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in VAE(config).parameters()) for name, config in presets().items()}
    assert 1e6 <= sizes["small"] <= 3e6
    assert 90e6 <= sizes["article"] <= 110e6


def test_it_takes_the_posterior_mean_in_evaluation_and_a_draw_in_training() -> None:
    model, x = model_of(), torch.rand(4, 3, 24, 32)
    assert torch.equal(model(x)[0], model(x)[0])
    model.train()
    first, second = (model(x, torch.Generator().manual_seed(seed))[0] for seed in (1, 2))
    assert not torch.equal(first, second)


def test_it_measures_losses_by_their_definitions() -> None:
    x, y = torch.rand(3, 3, 4, 5), torch.rand(3, 3, 4, 5)
    assert torch.allclose(
        reconstruction_loss(x, y), torch.stack([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)])
    )
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    posterior = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_divergence(mu, logvar), expected)


def test_it_saves_and_loads_the_same_model_with_its_notes() -> None:
    model = model_of(VAEConfig(height=24, width=32, channels=(4, 8), latent=5, hidden=7, beta=2.0))
    data = save_model(model, notes={"trained_on": 12})
    loaded, x = load_model(data), torch.rand(2, 3, 24, 32)
    assert loaded.config == model.config
    assert all(torch.equal(a, b) for a, b in zip(model(x), loaded(x), strict=True))
    assert read_notes(data) == {"trained_on": 12}
    assert sha256(data) == sha256(save_model(loaded, notes={"trained_on": 12})) != sha256(save_model(loaded))


def test_it_never_unpickles(tmp_path: Path) -> None:
    planted = tmp_path / "opened"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (planted,)

    torch.save(Evil(), tmp_path / "zip.pt")
    for data in (pickle.dumps(Evil()), (tmp_path / "zip.pt").read_bytes()):
        with pytest.raises(ModelError, match="not a model file"):
            load_model(data)
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
        load_model(repacked(save_model(model_of()), change))


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
        load_model(repacked(save_model(model_of()), about=about))


def test_it_refuses_headers_that_lie() -> None:
    data = save_model(model_of())
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
            load_model(lie)
        assert "\n" not in str(caught.value)
