"""Where a training stands after an epoch, as safetensors bytes: everything that going on needs, and nothing pickled.

No random state is stored: each epoch draws from generators seeded by (seed, epoch), so the epoch number is that state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from scoring.config import TrainConfig
from scoring.errors import ModelError, TrainingError

METADATA_KEY = "framesift_checkpoint"


@dataclass(frozen=True)
class Progress:
    """What is known after `epoch` epochs. best_epoch counts from 1, 0 when none was good; `history` holds one object of
    numbers per epoch; the frame counts tell whether a checkpoint belongs to a training set."""

    train_frames: int
    heldout_frames: int
    outlier_frames: int = 0
    epoch: int = 0
    best_epoch: int = 0
    best_loss: float | None = None
    skipped_steps: int = 0
    elapsed_s: float = 0.0
    history: tuple[dict[str, Any], ...] = ()

    @property
    def frames(self) -> tuple[int, int, int]:
        """The sizes of the sets that the training is on."""
        return self.train_frames, self.heldout_frames, self.outlier_frames


@dataclass(frozen=True)
class Checkpoint:
    """A training that can go on: `tensors` are named model.*, best.* and optimizer.<parameter>.<state>."""

    config: TrainConfig
    progress: Progress
    tensors: dict[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name`, without that prefix."""
        prefix = f"{name}."
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def save_checkpoint(
    config: TrainConfig,
    progress: Progress,
    model: nn.Module,
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> bytes:
    """The checkpoint as bytes."""
    states = [(name, optimizer.state.get(value, {})) for name, value in model.named_parameters()]
    tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
    tensors |= {f"best.{key}": value for key, value in best.items()}
    tensors |= {f"optimizer.{name}|{key}": value for name, state in states for key, value in state.items()}
    return as_bytes(Checkpoint(config, progress, tensors))


def as_bytes(checkpoint: Checkpoint) -> bytes:
    """The checkpoint, for `load_checkpoint`."""
    about = {"config": checkpoint.config.as_json(), "progress": asdict(checkpoint.progress)}
    plain = {key: value.detach().cpu().contiguous() for key, value in checkpoint.tensors.items()}
    return save_tensors(plain, metadata={METADATA_KEY: json.dumps(about, sort_keys=True)})


def load_checkpoint(data: bytes) -> Checkpoint:
    """The checkpoint of `save_checkpoint`. Raises TrainingError, in one line, for anything else."""
    try:
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][METADATA_KEY])
        config = TrainConfig.from_json(about["config"])
        progress = Progress(**{**about["progress"], "history": tuple(about["progress"]["history"])})
    except (SafetensorError, ModelError, TrainingError, ValueError, KeyError, TypeError, RecursionError):
        raise TrainingError("The checkpoint can't be read; the training has to start again.") from None
    return Checkpoint(config, progress, tensors)


def restore(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts weights and optimiser state back in place. Raises TrainingError when they belong to another model."""
    try:
        model.load_state_dict(checkpoint.part("model"))
        _restore_optimizer(checkpoint.part("optimizer"), model, optimizer)
    except (RuntimeError, KeyError, ValueError):
        raise TrainingError("The checkpoint belongs to another model; the training has to start again.") from None


def _restore_optimizer(saved: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    parameters = dict(model.named_parameters())
    for key, value in saved.items():
        name, _, kind = key.partition("|")
        parameter = parameters[name]
        if kind == "step":
            optimizer.state[parameter][kind] = value.to(parameter.device)
            continue
        # A moment has to lie in memory as its parameter does: the fused optimiser walks them side by side.
        optimizer.state[parameter][kind] = torch.empty_like(parameter, requires_grad=False).copy_(value)
