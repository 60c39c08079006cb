"""Frames on their way to the device that scores them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from scoring.frames import Pixels

Sent = tuple[Tensor, torch.cuda.Event]


def on_device(batches: Iterable[Pixels], device: torch.device) -> Iterator[Tensor]:
    """uint8 batches (N, H, W, 3), one after another, as tensors there. To a GPU the next one travels while one is being
    computed: out of one of two buffers in pinned memory, from which alone a copy runs by itself, and on a stream of its
    own."""
    if device.type == "cuda":
        yield from _Ferry(device).across(batches)
    else:
        yield from map(torch.from_numpy, batches)


class _Ferry:
    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._buffers: list[Tensor | None] = [None, None]
        self._gone: list[torch.cuda.Event] = [torch.cuda.Event() for _ in self._buffers]  # type: ignore[no-untyped-call]

    def across(self, batches: Iterable[Pixels]) -> Iterator[Tensor]:
        before: Sent | None = None
        for place, pixels in enumerate(batches):
            sent = self._send(place % 2, torch.from_numpy(pixels))
            if before is not None:
                yield self._arrived(*before)
            before = sent
        if before is not None:
            yield self._arrived(*before)

    def _send(self, place: int, pixels: Tensor) -> Sent:
        self._gone[place].synchronize()  # what lay in this buffer before has left it
        buffer = self._buffers[place]
        if buffer is None or buffer.shape[1:] != pixels.shape[1:] or len(buffer) < len(pixels):
            buffer = self._buffers[place] = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        filled = buffer[: len(pixels)]
        filled.copy_(pixels)
        with torch.cuda.stream(self._stream):
            there = filled.to(self._device, non_blocking=True)
            self._gone[place].record(self._stream)
        return there, self._gone[place]

    def _arrived(self, there: Tensor, gone: torch.cuda.Event) -> Tensor:
        computing = torch.cuda.current_stream(self._device)
        computing.wait_event(gone)
        there.record_stream(computing)  # its memory was given out on the other stream
        return there
