"""On what a training runs here: one process for each GPU, unless the setting says otherwise."""

from __future__ import annotations

import torch
from django.conf import settings

from scoring.errors import TrainingError
from scoring.processes import Processes, resolved
from scoring.score import choose_device


def wanted_processes() -> Processes:
    """As TRAIN_PROCESSES says. Raises TrainingError for a setting that can't be carried out here."""
    try:
        return Processes(resolved(settings.TRAIN_PROCESSES), settings.SCRATCH_DIR)
    except ValueError as error:
        raise TrainingError(f"The setting TRAIN_PROCESSES doesn't suit this worker. {error}") from None


def device_name() -> str:
    """For people; at most 80 characters."""
    device, count = choose_device(), wanted_processes().count
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return (name if count == 1 else f"{count} x {name}")[:80]
    return f"CPU, {torch.get_num_threads()} threads" if count == 1 else f"CPU, {count} processes"
