"""What one network measures of a batch of frames, in one pass and as one tensor, so that a GPU is asked once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from scoring.errors import ModelError
from scoring.features import Activations, rounded
from scoring.ood import Values
from scoring.structure import Placed, structure_loss
from scoring.vae import absolute_error, fitted_loss, image_variance, kl_divergence, pooled, reconstruction_loss

log = logging.getLogger(__name__)

COLUMNS = ("reconstruction_loss", "fitted_loss", "structure_loss", "l1", "kl", "variance")


class Network(Protocol):
    """A `VAE` in evaluation mode, or its `Inference`."""

    def features(self, x: Tensor) -> list[Tensor]: ...

    def moments(self, bottom: Tensor) -> tuple[Tensor, Tensor]: ...

    def decode(self, z: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Measured:
    """What one pass over N frames gave: losses as in scoring/score.py; fitted_loss: squared error after a fit of
    brightness and contrast (scoring/vae.py); structure_loss: that of the structure model, None without one; parts (N,)
    of an anchored score, none of a fresh model; activations: pooled, (N, D) float16."""

    reconstruction_loss: Values
    fitted_loss: Values
    structure_loss: Values | None
    l1: Values
    kl: Values
    variance: Values
    parts: dict[str, Values]
    activations: Activations


def measure(network: Network, structure: Placed | None, x: Tensor) -> Tensor:
    """Of frames x (N, 3, H, W) in [0, 1]: COLUMNS, that of a structure model that isn't there being 0, then the pooled
    activations; (N, 6 + D) float32."""
    stages = network.features(x)
    mu, logvar = network.moments(stages[-1])
    # Colours apart: sums over pixels of three values each would take three times as long.
    x, reconstruction = x.contiguous(), network.decode(mu).contiguous()
    columns = (
        reconstruction_loss(x, reconstruction),
        fitted_loss(x, reconstruction),
        torch.zeros_like(mu[:, 0]) if structure is None else structure_loss(x, structure),
        absolute_error(x, reconstruction),
        kl_divergence(mu, logvar),
        image_variance(x),
    )
    return torch.cat([torch.stack(columns, dim=1), pooled(stages)], dim=1)


class Compiled:
    """`measure` compiled for batches of one size; a shorter one is filled up, so that a frame's numbers never depend on
    how many came with it. Where it can't be compiled, as without a C compiler, it is computed step by step."""

    is_possible = True  # in this process; to try again for each model would take seconds each time

    def __init__(self, size: int, **options: Any) -> None:
        """size: frames of a batch. options: of torch.compile."""
        self._size = size
        self._options = options
        self._fast: Callable[..., Tensor] | None = None

    def __call__(self, network: Network, structure: Placed | None, x: Tensor) -> Tensor:
        """As `measure`, of at most so many frames."""
        full = functional.pad(x, (0, 0, 0, 0, 0, 0, 0, self._size - len(x)))
        return self._measured(network, structure, full.contiguous(memory_format=torch.channels_last))[: len(x)]

    def _measured(self, network: Network, structure: Placed | None, x: Tensor) -> Tensor:
        if Compiled.is_possible:
            self._fast = self._fast or torch.compile(measure, dynamic=False, **self._options)
            try:
                return self._fast(network, structure, x)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:
                # Compilers and drivers raise many kinds; what is wrong with the model itself is raised again below.
                if isinstance(error.__cause__, torch.OutOfMemoryError):
                    raise error.__cause__ from None
                log.warning("Scoring could not be compiled and goes on without: %s", error)
                Compiled.is_possible = False
        return measure(network, structure, x)


def read(rows: Tensor, *, with_structure: bool) -> Measured:
    """The numbers of `measure` on the CPU. Raises ModelError for one that isn't finite."""
    numbers = rows.cpu().numpy()
    if not np.isfinite(numbers).all():
        raise ModelError("The model makes no finite number of a frame: its weights have run away; train it again.")
    columns: dict[str, Any] = {name: numbers[:, place].astype(np.float64) for place, name in enumerate(COLUMNS)}
    if not with_structure:
        columns["structure_loss"] = None
    return Measured(**columns, parts={}, activations=rounded(numbers[:, len(COLUMNS) :]))


def gathered(batches: Sequence[Measured]) -> Measured:
    """Several, at least one, as if they had been one batch."""

    def whole(name: str) -> NDArray[Any] | None:
        if getattr(batches[0], name) is None:
            return None
        return np.concatenate([getattr(batch, name) for batch in batches])

    parts = {name: np.concatenate([batch.parts[name] for batch in batches]) for name in batches[0].parts}
    found: dict[str, Any] = {entry.name: whole(entry.name) for entry in fields(Measured) if entry.name != "parts"}
    return Measured(**found, parts=parts)
