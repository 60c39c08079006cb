"""Scoring on a GPU: frames per second of ours beside the plain network there, and the share of what binds it: the way
to the device or its convolutions, whichever is slower. Part of `python -m bench score --device cuda`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.models import detector, frames
from bench.report import figure
from bench.turns import Run, busy, in_turns, tell_rates, timed

if TYPE_CHECKING:
    from scoring.score import Scorer

BENCH = "score"
BASE = "eager, 256"
PACK, PACKS = 256, 64
PEAK_CONV = {"channels": 256, "side": 56, "batch": 128}


def measure(preset: str, device_name: str, rounds: int) -> None:
    """Prints the figures of one preset on one device."""
    import torch

    from scoring.score import Scorer

    device = torch.device(device_name)
    scorer = Scorer(detector(preset), device)
    pixels = frames(PACK, scorer.model.config.height, scorer.model.config.width)
    ways = {name: partial(timed, way) for name, way in _ways(scorer, pixels, device).items()}
    for run in ways.values():
        run()  # compiles
    runs, case = in_turns(ways, rounds), f"{preset} preset, {_name(device)}"
    tell_rates(BENCH, case, runs, BASE, "frames")
    _share(case, runs, scorer, device)


def _ways(scorer: Scorer, pixels: Any, device: Any) -> dict[str, Callable[[], int]]:
    """Each goes over as many packs as there are, in memory, one after another as a worker does. Ours gives losses,
    outlier score and activations; the plain network only losses."""
    import torch

    from scoring.score import to_input
    from scoring.vae import reconstruction_loss

    batch = torch.from_numpy(pixels)
    batch = batch.pin_memory() if device.type == "cuda" else batch

    def plain(*, bf16: bool) -> None:
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            x = to_input(pixels, device)
            reconstruction_loss(x, scorer.model(x)[0]).cpu()

    def copied() -> None:
        batch.to(device, non_blocking=True)

    def all_copied() -> int:
        done = _each(copied)
        _settled(device)
        return done

    return {
        "ours": partial(_each, lambda: scorer.score(pixels)),
        BASE: partial(_each, partial(plain, bf16=False)),
        "eager bf16, 256": partial(_each, partial(plain, bf16=True)),
        "copied only": all_copied,
    }


def _each(way: Callable[[], object]) -> int:
    for _ in range(PACKS):
        way()
    return PACK * PACKS


def _share(case: str, runs: dict[str, list[Run]], scorer: Scorer, device: Any) -> None:
    from bench.score import flops

    def rate(way: str) -> float:
        return statistics.median(run.done / run.wall_s for run in runs[way])

    peak = statistics.median(_peak(device) for _ in range(5))
    by_convolutions = peak / flops(scorer.model)
    figure(BENCH, case, "peak of a 3 x 3 convolution, bf16", round(peak / 1e12, 3), "TFLOP/s", **busy())
    figure(BENCH, case, "bound by its convolutions", round(by_convolutions), "frames/s")
    bound = min(by_convolutions, rate("copied only"))
    figure(BENCH, case, "share of what binds it, ours", round(rate("ours") / bound, 3), "", bound=round(bound))
    figure(BENCH, case, "a million frames, ours", round(1e6 / rate("ours"), 1), "s")


def _peak(device: Any) -> float:
    """Operations per second of a convolution in bf16 that suits the library."""
    import torch

    channels, side, batch = PEAK_CONV.values()
    kind = {"dtype": torch.bfloat16, "device": device}
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False, **kind)
    conv = conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.randn(batch, channels, side, side, **kind).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        conv(x)
        _settled(device)
        began = time.perf_counter()
        for _ in range(8):
            conv(x)
        _settled(device)
    return 8 * 2 * 9 * batch * channels**2 * side**2 / (time.perf_counter() - began)


def _settled(device: Any) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
