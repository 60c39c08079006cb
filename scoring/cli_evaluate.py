"""`python -m scoring evaluate`: how well a model tells sets of outliers from in-distribution frames, with controls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scoring import cli_rehearse
from scoring.cli_common import emit, guarded

if TYPE_CHECKING:
    from scoring.score import Scorer
    from scoring.sources import Source

Measures = dict[str, NDArray[np.float64]]


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="measure how well a model tells out-of-distribution frames",
        description="PATH is a video, a folder of videos, or a folder of images. Intervals: bootstrap over sources.",
    )
    parser.add_argument("--in-dist", type=Path, nargs="+", required=True, metavar="PATH")
    parser.add_argument("--ood", type=_named, nargs="+", action="extend", required=True, metavar="NAME=PATH")
    parser.add_argument("--model", type=Path, metavar="MODEL.safetensors")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="sampling of videos (default 1)")
    cli_rehearse.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a JSON line per set and score. Exit status 2, with the reason in a line, for what can't be evaluated."""
    return guarded(lambda: _print_all(arguments))


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def _print_all(arguments: argparse.Namespace) -> None:
    for line in _lines(arguments):
        emit(line)


def _lines(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    if (arguments.model is None) == (arguments.reviews is None):
        raise ValueError("Give either --model, to measure it, or --reviews, to rehearse the loop from the start.")
    if arguments.reviews is not None:
        yield from cli_rehearse.lines(arguments)
        return
    from scoring.detector import load_detector
    from scoring.score import Scorer

    scorer = Scorer(load_detector(arguments.model.read_bytes()))
    inside = _measure_all(scorer, arguments.in_dist, arguments.every)
    groups: dict[str, list[Path]] = {}
    for name, path in arguments.ood:
        groups.setdefault(name, []).append(path)
    for name, paths in groups.items():
        outside = _measure_all(scorer, paths, arguments.every)
        for score in inside[0]:
            figures = _figures([source[score] for source in inside], [source[score] for source in outside])
            yield {"ood": name, "score": score, **figures}


def _measure_all(scorer: Scorer, paths: list[Path], every_s: float) -> list[Measures]:
    """Scores per source. A source that can't be used is named on stderr and left out; SourceError when none can."""
    from scoring.sources import SourceError, find_sources

    measured: list[Measures] = []
    for source in (source for path in paths for source in find_sources(path)):
        try:
            measured.append(_measure(scorer, source, every_s))
        except SourceError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not measured:
        raise SourceError(f"Nothing in {', '.join(path.name for path in paths)} can be used.")
    return measured


def _measure(scorer: Scorer, source: Source, every_s: float) -> Measures:
    from scoring.controls import controls
    from scoring.sampling import Sampling
    from scoring.sources import read

    parts: list[Measures] = []
    for inputs in read(source, scorer.detector.preprocessing, Sampling("seconds", every_s)):
        scores = scorer.score_inputs(inputs)
        by_model = {"reconstruction_loss": scores.reconstruction_loss, "ood_score": scores.ood_score}
        parts.append({**by_model, **controls(inputs.pixels)})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _figures(inside: Sequence[NDArray[np.float64]], outside: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    from scoring.metrics import estimates

    figures = estimates(inside, outside, target_tpr=0.95)
    return {
        "auroc": round(figures["auroc"].value, 4),
        "ap": round(figures["average_precision"].value, 4),
        "fpr95": round(figures["fpr_at_tpr"].value, 4),
        "interval": [round(figures["auroc"].low, 4), round(figures["auroc"].high, 4)],
        "frames": sum(map(len, outside)),
        "sources": len(outside),
    }
