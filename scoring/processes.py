"""How many processes a training runs in. No torch here, so that a setting can be checked without it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scoring.config import TrainConfig, batches_per_pass

AUTO = "auto"
MOST = 64


@dataclass(frozen=True)
class Processes:
    """count: how many, one for each GPU as a rule. scratch: the folder in which they find their frames while they
    start; the system's own by default."""

    count: int = 1
    scratch: Path | None = None

    def fitting(self, config: TrainConfig, frames: int, *, retrains: bool) -> int:
        """As many as have a frame each of every batch."""
        batches = [frames // batches_per_pass(frames, config.batch_size)]
        if retrains:
            batches = [config.outliers.batch_in, config.outliers.batch_out]
        return max(1, min(self.count, *batches))


ONE = Processes()


def parse(text: str) -> int | None:
    """A number of processes as people write it; None for `auto`. Raises ValueError, in a sentence."""
    if text.strip().lower() in ("", AUTO):
        return None
    if text.strip().isdecimal() and 1 <= int(text) <= MOST:
        return int(text)
    raise ValueError(f"The number of training processes must be auto or a whole number up to {MOST}, not {text!r}.")


def resolved(text: str) -> int:
    """The number that `text` means on this machine: `auto` is one for each GPU, one without any. Raises ValueError for
    anything else, and for more than there are GPUs where there are any."""
    import torch

    wanted, gpus = parse(text), torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted is not None and gpus and wanted > gpus:
        raise ValueError(f"There are {gpus} GPUs for {wanted} training processes; each needs one of its own.")
    return wanted or max(gpus, 1)
