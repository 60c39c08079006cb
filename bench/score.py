"""Scoring on this CPU: frames per second of ours beside the plain network and OpenVINO, the share of the peak of its
convolutions, and what is left of it while other processes want the same cores."""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.models import detector, frames
from bench.report import figure
from bench.turns import Run, busy, compared, in_turns, tell_rates, timed

if TYPE_CHECKING:
    from scoring.score import Scorer
    from scoring.vae import VAE

BENCH = "score"
BASE = "eager, 32"
FRAMES = 1024
WAITING: dict[str, dict[str, str]] = {"as a worker waits": {}, "OMP_WAIT_POLICY=ACTIVE": {"OMP_WAIT_POLICY": "ACTIVE"}}
PEAK_CONV = {"channels": 128, "side": 56, "batch": 8}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench score", description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", help="such as cuda: measure there instead, packs on their way included")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well; takes a C++ compiler and time")
    parser.add_argument("--speed", action="store_true", help="print frames per second of ours, and nothing else")
    args = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(args.threads)
    if args.speed:
        print(_speed(args.preset))
        return 0
    if args.device:
        from bench.score_device import measure

        measure(args.preset, args.device, args.rounds)
        return 0
    _beside_peers(args)
    _when_busy(args)
    return 0


def _beside_peers(args: argparse.Namespace) -> None:
    from scoring.score import Scorer

    scorer = Scorer(detector(args.preset))
    config = scorer.model.config
    pixels = frames(FRAMES, config.height, config.width)
    ways = {name: partial(timed, partial(_all, way)) for name, way in _ways(scorer, pixels, args).items()}
    for run in ways.values():
        run()
    runs = in_turns(ways, args.rounds)
    case = f"{args.preset} preset, {args.threads} threads"
    tell_rates(BENCH, case, runs, BASE, "frames")
    _share_of_peak(case, runs, flops(scorer.model), args.rounds)


def _all(way: Callable[[], object]) -> int:
    way()
    return FRAMES


def _ways(scorer: Scorer, pixels: Any, args: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """Each goes over all frames. Ours gives losses, KL, variance, outlier score and activations; "network" is only its
    network, as are all the peers."""
    import torch

    from scoring.inference import Inference
    from scoring.score import to_input

    x, model = to_input(pixels, torch.device("cpu")), scorer.model
    plain = copy.deepcopy(model).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    fast, rows = Inference(model), x.contiguous()
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: scorer.score(pixels),
        "network": lambda: _network(fast, x, 32),
        "network, bf16": lambda: _network(fast, x, 32, bf16=True),
        **{f"eager, {size}": partial(_network, plain, rows, size) for size in (8, 32, 256)},
        "channels last, 32": lambda: _network(model, x, 32),
        "bf16, 32": lambda: _network(model, x, 32, bf16=True),
    }
    if args.compile:
        compiled = torch.compile(model)
        ways["torch.compile, 32"] = lambda: _forward(compiled, x, 32)
    if find_spec("openvino"):
        ways |= {
            f"OpenVINO {precision}, 32": _openvino(plain, rows, args.threads, precision)
            for precision in ("f32", "bf16")
        }
    return ways


def _network(network: Any, x: Any, size: int, *, bf16: bool = False) -> None:
    """Features, moments and reconstruction, as scoring needs them."""
    import torch

    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        for start in range(0, len(x), size):
            mu, _ = network.moments(network.features(x[start : start + size])[-1])
            network.decode(mu)


def _forward(network: Any, x: Any, size: int) -> None:
    import torch

    with torch.inference_mode():
        for start in range(0, len(x), size):
            network(x[start : start + size])


def _openvino(model: VAE, x: Any, threads: int, precision: str) -> Callable[[], None]:
    from importlib import import_module

    ov = import_module("openvino")
    batch = x[:32]
    converted = ov.convert_model(model, example_input=batch, input=[tuple(batch.shape)])
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    request = ov.Core().compile_model(converted, "CPU", options).create_infer_request()
    batches = [part.numpy() for part in x.split(32)]

    def run() -> None:
        for each in batches:
            request.infer([each], share_inputs=True, share_outputs=True)

    return run


def flops(model: VAE) -> int:
    """Operations of the convolutions for one frame: two per weight and position."""
    config, before, total = model.config, 3, 0
    for channels, (height, width) in zip(config.channels, config.sizes[1:], strict=True):
        total += 2 * 16 * before * channels * height * width
        before = channels
    return 2 * total  # up again the same way


def _share_of_peak(case: str, runs: dict[str, list[Run]], flops: int, rounds: int) -> None:
    peak = statistics.median(_peak_by_cpu() for _ in range(2 * rounds + 1))
    figure(BENCH, case, "peak of a 3 x 3 convolution, by CPU", round(peak / 1e9, 1), "GFLOP/s", **busy())
    for name in ("network", "ours", BASE):
        rate = statistics.median(run.done / run.cpu_s for run in runs[name])
        figure(BENCH, case, f"share of the peak, {name}", round(rate * flops / peak, 3), "", flops=flops)


def _peak_by_cpu() -> float:
    """Operations per second of CPU of a convolution that suits the library: many channels, channels last."""
    import torch

    channels, side, batch = PEAK_CONV.values()
    layout = torch.channels_last
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(memory_format=layout)  # type: ignore[call-overload]
    x = torch.randn(batch, channels, side, side).contiguous(memory_format=layout)
    with torch.inference_mode():
        conv(x)
        began = time.process_time()
        for _ in range(8):
            conv(x)
    return 8 * 2 * 9 * batch * channels**2 * side**2 / (time.process_time() - began)


def _speed(preset: str) -> float:
    from scoring.score import Scorer

    scorer = Scorer(detector(preset))
    pixels = frames(FRAMES, scorer.model.config.height, scorer.model.config.width)
    scorer.score(pixels)
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        scorer.score(pixels)
        rates.append(FRAMES / (time.perf_counter() - began))
    return statistics.median(rates)


def _when_busy(args: argparse.Namespace) -> None:
    """With as many processes as cores that do nothing but compute, scoring has half of the cores to hope for."""
    for waiting, env in WAITING.items():
        quiet, crowded = [], []
        for _ in range(max(1, args.rounds // 2)):
            quiet.append(_speed_of_process(env, args))
            with _others(os.cpu_count() or 1):
                crowded.append(_speed_of_process(env, args))
        case = f"{args.preset} preset, {args.threads} threads, {waiting}"
        figure(BENCH, case, "alone", round(statistics.median(quiet), 1), "frames/s", **busy())
        beside = compared(crowded, quiet, "alone")
        figure(BENCH, case, "on busy cores", round(statistics.median(crowded), 1), "frames/s", **busy(), **beside)


def _speed_of_process(env: dict[str, str], args: argparse.Namespace) -> float:
    command = [sys.executable, "-m", "bench", "score", "--speed", "--preset", args.preset]
    command += ["--threads", str(args.threads)]
    others = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    root = Path(__file__).resolve().parent.parent
    found = subprocess.run(command, env=others | env, cwd=root, capture_output=True, text=True, check=True)
    return float(found.stdout)


@contextmanager
def _others(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
