"""`python -m scoring score`: one JSON line per frame of a video or of packs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.cli_common import emit, guarded

if TYPE_CHECKING:
    from scoring.packs import Inputs
    from scoring.score import Scorer


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser("score", help="score the frames of a video or of packs")
    parser.add_argument("source", type=Path, metavar="VIDEO_OR_PACKS", help="a video, a folder of packs, or a pack")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.safetensors")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="sampling of a video (default 1)")
    parser.add_argument(
        "--jsonl", action="store_true", help="one JSON object per line: the only format, and the default"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one JSON line per frame. Exit status 2, with the reason in a line, for what can't be scored."""
    return guarded(lambda: _print_all(arguments))


def _print_all(arguments: argparse.Namespace) -> None:
    for line in _lines(arguments):
        emit(line)


def _lines(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from scoring.detector import load_detector
    from scoring.sampling import Sampling
    from scoring.score import Scorer
    from scoring.sources import find_sources, read

    scorer = Scorer(load_detector(arguments.model.read_bytes()))
    for source in find_sources(arguments.source):
        for inputs in read(source, scorer.detector.preprocessing, Sampling("seconds", arguments.every)):
            yield from _scored(scorer, inputs)


def _scored(scorer: Scorer, inputs: Inputs) -> Iterator[dict[str, Any]]:
    scores = scorer.score_inputs(inputs)
    for row in range(len(inputs)):
        yield {
            "number": int(inputs.number[row]),
            "time_s": float(inputs.time_s[row]),
            "reconstruction_loss": float(scores.reconstruction_loss[row]),
            "kl": float(scores.kl[row]),
            "ood_score": float(scores.ood_score[row]),
        }
