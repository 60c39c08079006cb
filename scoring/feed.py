"""Frames on their way to the device that scores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from scoring.frames import Pixels

Sent = tuple[Tensor, torch.cuda.Event]


class Feed:
    """Gives uint8 batches (N, H, W, 3), one after another, as tensors on a device. To a GPU the next one travels while
    one is being computed: out of one of two buffers in pinned memory, from which alone a copy runs by itself, and on a
    stream of its own. For one thread at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers: list[Tensor | None] = [None, None]
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            self._gone = [torch.cuda.Event() for _ in self._buffers]  # type: ignore[no-untyped-call]

    def __call__(self, batches: Iterable[Pixels]) -> Iterator[Tensor]:
        """The batches there, in their order."""
        return self._across(batches) if self._device.type == "cuda" else map(torch.from_numpy, batches)

    def _across(self, batches: Iterable[Pixels]) -> Iterator[Tensor]:
        before: Sent | None = None
        for turn, pixels in enumerate(batches):
            sent = self._send(turn % 2, torch.from_numpy(pixels))
            if before is not None:
                yield self._arrived(*before)
            before = sent
        if before is not None:
            yield self._arrived(*before)

    def _send(self, turn: int, pixels: Tensor) -> Sent:
        self._gone[turn].synchronize()  # what lay in this buffer before has left it
        buffer = self._buffers[turn]
        if buffer is None or buffer.shape[1:] != pixels.shape[1:] or len(buffer) < len(pixels):
            buffer = self._buffers[turn] = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        filled = buffer[: len(pixels)]
        filled.copy_(pixels)
        with torch.cuda.stream(self._stream):
            there = filled.to(self._device, non_blocking=True)
            self._gone[turn].record(self._stream)
        return there, self._gone[turn]

    def _arrived(self, there: Tensor, gone: torch.cuda.Event) -> Tensor:
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(gone)
        there.record_stream(computing)  # its memory was given out on the other stream
        return there
