"""The processes of one training, called ranks, each with its rows of every batch: together they take the step that one
process would take on the whole batch. Alone, all of this does nothing.

Gradients are averaged by DistributedDataParallel (S. Li et al., "PyTorch Distributed", 2020). Batch normalisation takes
its statistics over the whole batch, as in torch's SyncBatchNorm, which has no CPU kernel, so that no test without a GPU
could run it; this one is the same code on both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from scoring.vae import VAE

Network = VAE | DistributedDataParallel
PATIENCE = dt.timedelta(hours=1)  # the others wait while the first one measures and hands over an epoch


@dataclass(frozen=True)
class Ranks:
    """This process's place among `count`. Numbers for people travel by gloo, between hosts; gradients and statistics
    of batches by NCCL where the devices are GPUs."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Which of the rows of a batch are this rank's; every rank has some when there are as many rows."""
        return slice(batch * self.rank // self.count, batch * (self.rank + 1) // self.count)

    def weight(self, batch: int) -> float:
        """By which a mean over this rank's rows counts, so that the mean over the ranks is that of the batch."""
        rows = self.rows(batch)
        weight: float = (rows.stop - rows.start) * self.count / batch
        return weight

    def prepared(self, model: VAE) -> VAE:
        """The same model, its batch normalisation over the batches of all ranks. Call before it is wrapped."""
        if self.count > 1:
            for part in [part for part in model.modules() if isinstance(part, nn.Sequential)]:
                for place, layer in enumerate(part):
                    if isinstance(layer, nn.BatchNorm2d):
                        part[place] = SharedBatchNorm(layer)
        return model

    def wrapped(self, model: VAE) -> Network:
        """What to call in a step: its gradients are those of the whole batch."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True)

    def any(self, flag: bool) -> bool:
        """Whether it is so on any rank; all of them ask at the same place, and get the same answer."""
        return self._reduced([float(flag)], dist.ReduceOp.MAX)[0] > 0

    def mean(self, values: Sequence[float]) -> list[float]:
        """Means over the ranks, for reports."""
        return [value / self.count for value in self._reduced(values, dist.ReduceOp.SUM)]

    def from_first(self, value: float) -> float:
        """The value of the first rank, on every one."""
        return self._reduced([value if self.is_first else 0.0], dist.ReduceOp.SUM)[0]

    def _reduced(self, values: Sequence[float], operation: Any) -> list[float]:
        if self.count == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(shared, operation)
        return [float(value) for value in shared]


ALONE = Ranks()


def join(device: torch.device) -> Ranks:
    """The group that torchrun's environment names; on a GPU `device` must be the process's current one."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    return Ranks(dist.get_rank(), dist.get_world_size())


def inner(network: Network) -> VAE:
    """The model itself."""
    model: VAE = network.module if isinstance(network, DistributedDataParallel) else network
    return model


class SharedBatchNorm(nn.BatchNorm2d):
    """Takes the place of a layer, with its parameters and running statistics. In evaluation it is that layer; in
    training it normalises by mean and variance over the rows of all ranks, in float32."""

    def __init__(self, layer: nn.BatchNorm2d) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum)
        self.weight, self.bias = layer.weight, layer.bias
        self.running_mean, self.running_var = layer.running_mean, layer.running_var
        self.num_batches_tracked = layer.num_batches_tracked

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W), of this rank; the same shape and type."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        own = values.new_full((1,), values.numel() / values.shape[1])
        totals = summed(torch.cat([values.sum((0, 2, 3)), own]))
        count, mean = totals[-1].detach(), totals[:-1] / totals[-1]
        centred = values - mean[:, None, None]
        variance = summed(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def summed(values: Tensor) -> Tensor:
    """The sum over the ranks, on each of them; differentiable."""
    total: Tensor = _Summed.apply(values)  # type: ignore[no-untyped-call]
    return total
