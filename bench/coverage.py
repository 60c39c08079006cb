"""Do the intervals of honest rates hold the truth? Simulated audits with known truth, against other ways to count."""

from __future__ import annotations

import argparse
import math

import numpy as np

from bench.report import figure
from scoring.coverage import THRESHOLD, Interval, Recordings, coverage, worst_first
from scoring.honest_rates import Audited, effective, estimates, student, video_variance
from scoring.resampling import draws, percentile_interval

BENCH = "coverage"
RESAMPLES = 400


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench coverage", description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--videos", type=int, nargs="+", default=[8, 24])
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--prevalence", type=float, nargs="+", default=[0.05, 0.15])
    args = parser.parse_args(arguments)
    for prevalence in args.prevalence:
        for videos in args.videos:
            for frames in args.frames:
                found = coverage(
                    videos=videos, frames=frames, prevalence=prevalence, measure=_everything, runs=args.runs
                )
                case = f"{frames} frames of {videos} videos, {prevalence:.0%} OUT"
                for name, (held, width) in found.items():
                    figure(BENCH, case, name, round(held, 3), "share", width=round(width, 3))
    return 0


def _everything(of: Recordings, found: Audited) -> dict[str, Interval]:
    ours = {name: (each.low, each.high) for name, each in estimates(found, THRESHOLD).items()}
    naive = {f"{name} worst first": each for name, each in worst_first(of, len(found.scores)).items()}
    return ours | _others(found) | naive


def _others(found: Audited) -> dict[str, Interval]:
    """TPR and FPR by methods that were not chosen."""
    made: dict[str, Interval] = {}
    for name, out in (("tpr", False), ("fpr", True)):
        among = found.is_out == out
        if among.any():
            made |= {f"{name} {method}": each for method, each in _methods(found, among).items()}
    return made


def _methods(found: Audited, among: np.ndarray) -> dict[str, Interval]:
    weights, hits = found.weights * among, found.scores <= THRESHOLD
    share = float((weights * hits).sum() / weights.sum())
    error = math.sqrt(max(video_variance(weights * (hits - share) / weights.sum(), weights, found.videos), 0.0))
    made = _bootstrap(found, weights, hits)
    t = student(effective(weights, found.videos) - 1)
    made["t"] = share - t * error, share + t * error
    if 0 < share < 1 and error:
        middle, half = math.log(share / (1 - share)), t * error / (share * (1 - share))
        made["logit t"] = _expit(middle - half), _expit(middle + half)
    else:
        made["logit t"] = share, share
    return made


def _bootstrap(found: Audited, weights: np.ndarray, hits: np.ndarray) -> dict[str, Interval]:
    """Videos drawn again with replacement."""
    places = np.unique(found.videos, return_inverse=True)[1]
    totals = np.bincount(places, weights)
    counts = draws(len(totals), RESAMPLES, np.random.default_rng(0))
    below = counts @ totals
    shares = (counts @ np.bincount(places, weights * hits))[below > 0] / below[below > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return {"percentile": (float(low), float(high)), "expanded": percentile_interval(shares, int((totals > 0).sum()))}


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 700.0), -700.0)))
