"""The variational autoencoder: the network, its loss terms, and its file format (its configuration: scoring/config.py).

Frames are RGB, (N, 3, H, W) float in [0, 1] inside the network. A model file is safetensors with the configuration as
JSON in the metadata; nothing here ever unpickles.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from scoring.config import VAEConfig, config_from, presets
from scoring.errors import ModelError

__all__ = [
    "VAE",
    "VAEConfig",
    "kl_divergence",
    "load_model",
    "presets",
    "read_notes",
    "reconstruction_loss",
    "save_model",
    "sha256",
]

METADATA_KEY = "framesift"
MAX_MODEL_BYTES = 4 * 1024**3
MAX_HEADER_BYTES = 1024**2
MAX_LOG_VARIANCE = 20.0  # exp() of more overflows a step for nothing: the prior's is 0


class VAE(nn.Module):
    """A convolutional VAE for frames of exactly `config.height` x `config.width`."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        widths, sizes = (3, *config.channels), config.sizes
        self.stages = nn.ModuleList(_down(a, b) for a, b in pairwise(widths))
        self.bottom = (widths[-1], *sizes[-1])
        flat = math.prod(self.bottom)
        self.squeeze = _dense(flat, config.hidden) if config.hidden else nn.Identity()
        self.to_moments = nn.Linear(config.hidden or flat, 2 * config.latent)
        self.widen = _dense(config.latent, config.hidden) if config.hidden else nn.Identity()
        self.from_latent = nn.Linear(config.hidden or config.latent, flat)
        steps = zip(widths[:0:-1], widths[-2::-1], sizes[:0:-1], sizes[-2::-1], strict=True)
        self.rises = nn.ModuleList(_up(a, b, small, large) for a, b, small, large in steps)

    def features(self, x: Tensor) -> list[Tensor]:
        """Output of each encoder stage, (N, channels[i], H / 2^(i+1), W / 2^(i+1)), for x (N, 3, H, W) in [0, 1]."""
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior (mu, logvar), each (N, latent) float32, of frames x (N, 3, H, W) in [0, 1]."""
        moments = self.to_moments(self.squeeze(self.features(x)[-1].flatten(1))).float()
        mu, logvar = moments.chunk(2, dim=1)
        return mu, logvar.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)

    def reparameterize(self, mu: Tensor, logvar: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw z (N, latent) from the posterior, differentiable in mu and logvar."""
        noise = torch.empty_like(mu).normal_(generator=generator)
        return mu + noise * torch.exp(0.5 * logvar)

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction (N, 3, H, W) float32 in [0, 1] of latents z (N, latent)."""
        x = nn.functional.leaky_relu(self.from_latent(self.widen(z)), 0.1).view(-1, *self.bottom)
        for rise in self.rises:
            x = rise(x)
        return torch.sigmoid(x.float())

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(reconstruction, mu, logvar). Training draws from the posterior; evaluation takes its mean, so that a frame
        always gets the same number."""
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar, generator) if self.training else mu
        return self.decode(z), mu, logvar


def place(model: VAE, device: torch.device) -> VAE:
    """The same model object on `device`, channels last in memory, which suits its convolutions on CPU and GPU."""
    placed: VAE = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def reconstruction_loss(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error of frames in [0, 1] summed over channels and pixels, (N,)."""
    return (reconstruction - x).square().flatten(1).sum(1)


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of the posterior from the standard normal in nats, (N,)."""
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(1)


def save_model(model: VAE, notes: Mapping[str, Any] | None = None) -> bytes:
    """The model as safetensors. `notes` is any JSON that should travel with it (`read_notes`)."""
    about = json.dumps({"config": asdict(model.config), "notes": dict(notes or {})}, sort_keys=True)
    tensors = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    return save_tensors(tensors, metadata={METADATA_KEY: about})


def load_model(data: bytes) -> VAE:
    """The model of a file, in evaluation mode on the CPU. Nothing is allocated before the header is found to be ours.
    Raises ModelError, in one line, for anything that `save_model` would not have written."""
    header = _read_header(data)
    config = config_from(_about(header)["config"])
    with torch.device("meta"):
        model = VAE(config)
    _check_header(header, model.state_dict())
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ModelError(f"The model file is damaged: {error}") from None
    _check_values(tensors)
    model.load_state_dict(tensors, assign=True)
    return model.eval()


def read_notes(data: bytes) -> dict[str, Any]:
    """The `notes` that `save_model` was given. Raises ModelError."""
    return dict(_about(_read_header(data))["notes"])


def sha256(data: bytes) -> str:
    """Hex digest under which a model file is recorded."""
    return hashlib.sha256(data).hexdigest()


def _down(before: int, after: int) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.1, inplace=True))


def _up(before: int, after: int, small: tuple[int, int], large: tuple[int, int]) -> nn.Sequential:
    odd = (large[0] - 2 * small[0], large[1] - 2 * small[1])
    last = after == 3
    conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, output_padding=odd, bias=last)
    return nn.Sequential(conv) if last else nn.Sequential(conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.1, inplace=True))


def _dense(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, after), nn.LeakyReLU(0.1, inplace=True))


def _read_header(data: bytes) -> dict[str, Any]:
    if not 8 < len(data) <= MAX_MODEL_BYTES:
        raise ModelError(f"This is not a model file: it has {len(data)} bytes.")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(MAX_HEADER_BYTES, len(data) - 8):
        raise ModelError("This is not a model file: safetensors is expected, and nothing else is opened.")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise ModelError("This is not a model file: its header can't be read.") from None
    if not isinstance(header, dict):
        raise ModelError("This is not a model file: its header is not a table of tensors.")
    return header


def _about(header: Mapping[str, Any]) -> dict[str, Any]:
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ModelError("The file has no model configuration: it was not written by Framesift.")
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        raise ModelError("The model configuration in the file can't be read.") from None
    if not isinstance(about, dict) or not all(isinstance(about.get(key), dict) for key in ("config", "notes")):
        raise ModelError("The model configuration in the file is incomplete.")
    return about


def _check_header(header: Mapping[str, Any], expected: Mapping[str, Tensor]) -> None:
    """Keys, shapes and types as declared, against those of a model of the same configuration."""
    found = {key: entry for key, entry in header.items() if key != "__metadata__"}
    for word, keys in (("lacks", set(expected) - set(found)), ("has an unknown", set(found) - set(expected))):
        if keys:
            raise ModelError(f"The model file {word} tensor {min(keys)!r}.")
    for key, tensor in expected.items():
        entry = found[key] if isinstance(found[key], dict) else {}
        dtype = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        if entry.get("shape") != list(tensor.shape) or entry.get("dtype") != dtype:
            declared = f"{entry.get('dtype')} {entry.get('shape')}"
            raise ModelError(f"Tensor {key!r} is {declared} where {dtype} {list(tensor.shape)} is expected.")


def _check_values(tensors: Mapping[str, Tensor]) -> None:
    for key, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"Tensor {key!r} holds values that are not finite.")
        if key.endswith("running_var") and bool((tensor < 0).any()):
            raise ModelError(f"Tensor {key!r} holds a negative variance.")
