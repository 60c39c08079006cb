"""Learning from verdicts: seconds for the fit, and frames per second that get their probability.

Features are generated as wide as those of the small preset (1 080 activations and the score), two blobs that overlap.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.report import figure
from scoring.features import Activations
from scoring.recalibrate import Calibration, calibrate

BENCH = "recalibrate"
WIDTH = 1080
START = 512
BATCH = 256


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench recalibrate", description=__doc__)
    parser.add_argument("--reviews", type=int, nargs="+", default=[25, 200, 2000])
    parser.add_argument("--frames", type=int, default=100_000, help="frames that get a probability")
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    for reviews in args.reviews:
        found = _fit(rng, reviews, args.rounds)
    _apply(rng, found, args.frames)
    return 0


def _frames(rng: np.random.Generator, count: int, shift: float) -> tuple[Activations, NDArray[np.float64]]:
    mixing = np.random.default_rng(1).normal(size=(60, WIDTH)) / 8
    activations = rng.normal(shift, 1.0, (count, 60)) @ mixing + rng.normal(0, 0.3, (count, WIDTH))
    return activations.astype(np.float16), rng.normal(2 * shift, 1.0, count)


def _fit(rng: np.random.Generator, reviews: int, rounds: int) -> Calibration:
    inside, outside = _frames(rng, reviews - reviews // 4, 0.0), _frames(rng, reviews // 4, 0.5)
    start = _frames(rng, START, -0.1)
    activations = np.concatenate([inside[0], outside[0]])
    scores = np.concatenate([inside[1], outside[1]])
    is_out = np.arange(reviews) >= reviews - reviews // 4
    found = calibrate(activations, scores, is_out, *start)  # also imports scikit-learn
    timed = [_timed(lambda: calibrate(activations, scores, is_out, *start)) for _ in range(rounds)]
    for name, seconds in (("wall", [wall for wall, _ in timed]), ("cpu", [cpu for _, cpu in timed])):
        spread = [round(min(seconds), 4), round(max(seconds), 4)]
        case = f"{reviews} reviews, {START} start frames"
        figure(BENCH, case, f"fit_{name}", round(statistics.median(seconds), 4), "s", spread=spread)
    assert isinstance(found, Calibration)
    return found


def _apply(rng: np.random.Generator, found: Calibration, frames: int) -> None:
    pack = _frames(rng, BATCH, 0.2)
    packs = max(1, frames // BATCH)
    seconds, _ = _timed(lambda: [found.probability(*pack) for _ in range(packs)])
    case = f"packs of {BATCH}, {WIDTH} activations a frame, in memory"
    figure(BENCH, case, "probabilities", round(packs * BATCH / seconds), "frames/s")


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu
