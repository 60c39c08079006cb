"""`python -m scoring evaluate --reviews`: the loop with a simulated curator, and its label-efficiency curve."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scoring.config import TrainConfig
    from scoring.curve import Outcome
    from scoring.frames import Pixels
    from scoring.loop import Labelled

IMAGES_PER_SOURCE = 20  # of a folder of photos, which were taken by as many cameras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that turn an evaluation into a rehearsal of the loop."""
    loop = parser.add_argument_group("rehearsal of the loop (instead of --model)")
    loop.add_argument(
        "--reviews", type=_counts, metavar="N[,N...]", help="train, let a simulated curator give N verdicts, test"
    )
    loop.add_argument("--folds", type=int, default=4, metavar="K", help="splits by source (default 4)")
    loop.add_argument("--seeds", type=int, default=1, metavar="S", help="trainings per split (default 1)")
    loop.add_argument("--config", default="{}", metavar="JSON", help="training settings, as JSON")
    loop.add_argument("--table", action="store_true", help="print a table in Markdown instead of JSON lines")


def lines(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A JSON line per score, number of reviews and set; with --table, the table goes out at once."""
    from scoring.config import TrainConfig
    from scoring.curve import points, table

    config = TrainConfig.from_json(arguments.config)
    found = points(_outcomes(arguments, config))
    if arguments.table:
        print(table(found))
        return
    for point in found:
        yield {
            key: [round(end, 4) for end in value] if isinstance(value, tuple) else _short(value)
            for key, value in asdict(point).items()
        }


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _counts(text: str) -> list[int]:
    try:
        counts = sorted({int(part) for part in text.split(",")})
    except ValueError:
        counts = []
    if not counts or counts[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers from 1")
    return counts


def _outcomes(arguments: argparse.Namespace, config: TrainConfig) -> Iterator[Outcome]:
    from scoring.curve import outcome
    from scoring.loop import rehearse
    from scoring.rehearsal import folds

    data = _load(arguments, config)
    outside = {name: list(sources) for name, sources in data.outside.items()}
    splits = folds(list(data.inside), outside, arguments.folds)
    for number, fold in enumerate(splits):
        for seed in range(arguments.seeds):
            print(f"fold {number + 1} of {len(splits)}, seed {seed}", file=sys.stderr, flush=True)
            for tested in rehearse(data, fold, replace(config, seed=seed), arguments.reviews):
                for ood, scores in tested.outside.items():
                    yield outcome(number, tested.method, tested.reviews, ood, tested.inside, scores)


def _load(arguments: argparse.Namespace, config: TrainConfig) -> Labelled:
    from scoring.loop import Labelled
    from scoring.preprocessing import Preprocessing

    prepared = Preprocessing(config.vae.height, config.vae.width)
    inside = _sources(arguments.in_dist, prepared, arguments.every)
    groups: dict[str, list[Path]] = {}
    for name, path in arguments.ood:
        groups.setdefault(name, []).append(path)
    outside = {name: _sources(paths, prepared, arguments.every) for name, paths in groups.items()}
    return Labelled(inside, outside, prepared)


def _sources(paths: list[Path], prepared: Any, every_s: float) -> dict[str, Pixels]:
    """Frames by source. One that can't be used is named on stderr and left out; SourceError when none can."""
    from scoring.sampling import Sampling
    from scoring.sources import SourceError, find_sources, read

    frames: dict[str, Pixels] = {}
    for source in (source for path in paths for source in find_sources(path)):
        try:
            parts = list(read(source, prepared, Sampling("seconds", every_s)))
        except SourceError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        wrong = next((part for part in parts if part.preprocessing != prepared), None)
        if wrong is not None:
            raise SourceError(f"{source.path.name} was prepared as {wrong.preprocessing}, not as {prepared}.")
        frames |= _split(str(source.path), np.concatenate([part.pixels for part in parts]), source.kind)
    if not frames:
        raise SourceError(f"Nothing in {', '.join(path.name for path in paths)} can be used.")
    return frames


def _split(name: str, pixels: Pixels, kind: str) -> dict[str, Pixels]:
    """A video is one source; a folder of photos is taken as several, or it could never be on both sides of a split."""
    if kind != "images":
        return {name: pixels}
    starts = range(0, len(pixels), IMAGES_PER_SOURCE)
    return {f"{name} {start}": pixels[start : start + IMAGES_PER_SOURCE] for start in starts}
