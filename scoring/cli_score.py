"""`python -m scoring score`: one JSON line per frame of a video or of packs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.cli_common import emit, guarded

if TYPE_CHECKING:
    from scoring.packs import Inputs
    from scoring.recalibrate import Calibration
    from scoring.score import Scorer

SCORES = ("reconstruction_loss", "l1", "kl", "variance", "ood_score")


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser("score", help="score the frames of a video or of packs")
    parser.add_argument("source", type=Path, metavar="VIDEO_OR_PACKS", help="a video, a folder of packs, or a pack")
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL.safetensors")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="sampling of a video (default 1)")
    parser.add_argument(
        "--calibration", type=Path, metavar="JSON", help="a fitted calibration of this model: adds the probability"
    )
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
    calibration = _calibration(arguments.calibration)
    for source in find_sources(arguments.source):
        for inputs in read(source, scorer.detector.preprocessing, Sampling("seconds", arguments.every)):
            yield from _scored(scorer, calibration, inputs)


def _scored(scorer: Scorer, calibration: Calibration | None, inputs: Inputs) -> Iterator[dict[str, Any]]:
    scores = scorer.score_inputs(inputs)
    columns = {name: getattr(scores, name) for name in SCORES}
    if calibration is not None and scores.activations is not None:
        columns["probability"] = calibration.probability(scores.activations, scores.ood_score)
    for row in range(len(inputs)):
        place = {"number": int(inputs.number[row]), "time_s": float(inputs.time_s[row])}
        yield {**place, **{name: float(values[row]) for name, values in columns.items()}}


def _calibration(path: Path | None) -> Calibration | None:
    from scoring.recalibrate import Calibration

    if path is None:
        return None
    try:
        return Calibration.from_json(json.loads(path.read_text()))
    except ValueError:
        raise ValueError(f"{path.name} is no calibration.") from None
