"""Steps of training: frames per second of ours beside a plain loop, and what each of ours adds.

Plain: fp32, rows of the batch one after another, Adam as it comes. On CUDA where there is one, else on the CPU. With
--processes, also the steps of whole trainings in one process and in so many, as their epochs report them (the start of
the processes is not in them): on a CPU, where both share the cores, this shows what sharing costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from bench.models import frames
from bench.report import figure
from bench.turns import Run, busy, compared, in_turns, tell_rates, timed

BENCH = "train"
BASE = "plain loop"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench train", description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(arguments)
    import torch

    from scoring.config import TrainConfig
    from scoring.score import choose_device

    torch.set_num_threads(args.threads)
    config, device = TrainConfig.from_json({"preset": args.preset, "batch_size": args.batch_size}), choose_device()
    ways: dict[str, Callable[[], Run]] = {
        "ours": _ours(config, device, args),
        "ours, fp32": _ours(replace(config, precision="fp32"), device, args),
        "ours, not varied": _ours(replace(config, flip=False, crop=1.0, jitter=0.0), device, args),
        BASE: _plain(config, device, args),
    }
    for run in ways.values():
        run()
    case = f"{args.preset} preset, batches of {config.batch_size}, {device.type}, {args.threads} threads"
    tell_rates(BENCH, case, in_turns(ways, args.rounds), BASE, "frames")
    if args.processes > 1:
        _shared(case, replace(config, epochs=1), device, args)
    return 0


def _shared(case: str, config: object, device: object, args: argparse.Namespace) -> None:
    """Frames a second of the steps of one process and of several that share each batch, in turns."""
    import torch

    from scoring.config import TrainConfig
    from scoring.processes import Processes
    from scoring.train import train

    assert isinstance(config, TrainConfig) and isinstance(device, torch.device)
    pixels = frames(args.frames, config.vae.height, config.vae.width)
    rates: dict[int, list[float]] = {1: [], args.processes: []}
    for turn in range(args.rounds):
        for count in sorted(rates, reverse=turn % 2 == 1):
            found = train(pixels[8:], pixels[:8], config, device=device.type, processes=Processes(count))
            rates[count].append(found.history[0]["frames_per_second"])
    for count, found_rates in rates.items():
        name = "whole training, 1 process" if count == 1 else f"whole training, {count} processes"
        beside = {} if count == 1 else compared(found_rates, rates[1], "whole training, 1 process")
        figure(BENCH, case, name, round(statistics.median(found_rates), 1), "frames/s", **busy(), **beside)


def _ours(config: object, device: object, args: argparse.Namespace) -> Callable[[], Run]:
    """The step that a training takes, with its batch drawn from packs and varied."""
    import torch

    from scoring.augment import augmented, draw_lots
    from scoring.config import TrainConfig
    from scoring.frameset import FrameSet
    from scoring.run import network
    from scoring.score import to_input
    from scoring.steps import train_step
    from scoring.vae import place

    assert isinstance(config, TrainConfig) and isinstance(device, torch.device)
    model = place(network(config, {}), device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    pixels = frames(args.frames, config.vae.height, config.vae.width)
    packs, rng = FrameSet(np.array_split(pixels, 4)), np.random.default_rng(0)

    done: int = args.steps * config.batch_size

    def work() -> int:
        for _ in range(args.steps):
            indices = rng.integers(0, len(packs), config.batch_size)
            x = augmented(to_input(packs.take(indices), device), config, draw_lots(len(indices), rng))
            train_step(model, optimizer, x, config, None)
        return done

    return partial(timed, work)


def _plain(config: object, device: object, args: argparse.Namespace) -> Callable[[], Run]:
    import torch

    from scoring.config import TrainConfig
    from scoring.vae import VAE, kl_divergence, reconstruction_loss

    assert isinstance(config, TrainConfig) and isinstance(device, torch.device)
    model = VAE(config.vae).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    pixels = torch.from_numpy(frames(args.frames, config.vae.height, config.vae.width))
    x = (pixels.permute(0, 3, 1, 2).float() / 255).contiguous().to(device)

    done: int = args.steps * config.batch_size

    def work() -> int:
        for _ in range(args.steps):
            batch = x[torch.randint(0, len(x), (config.batch_size,), device=device)]
            reconstruction, mu, logvar = model(batch)
            loss = (reconstruction_loss(batch, reconstruction) + kl_divergence(mu, logvar)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
        return done

    return partial(timed, work)
