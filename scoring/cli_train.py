"""`python -m scoring train`: packs become a model file, with one JSON line per epoch."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.cli_common import emit, guarded, named

if TYPE_CHECKING:
    from scoring.config import TrainConfig
    from scoring.frames import Pixels
    from scoring.outliers import Outliers
    from scoring.preprocessing import Preprocessing
    from scoring.train import TrainResult

MIN_VIDEOS_TO_HOLD_OUT = 4  # fewer can't be spared


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser("train", help="train a model on packs")
    parser.add_argument(
        "packs", type=Path, nargs="+", metavar="PACKS", help="folders that `extract` made, or pack files"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.safetensors")
    parser.add_argument("--config", default="{}", metavar="JSON", help="training settings, as JSON or a file of it")
    parser.add_argument("--start-from", type=Path, metavar="MODEL.safetensors", help="begin with this model's weights")
    parser.add_argument(
        "--outliers",
        type=named,
        nargs="+",
        action="extend",
        default=[],
        metavar="REASON=PACKS",
        help="frames that don't belong: retrains the model of --start-from against them",
    )
    parser.add_argument(
        "--processes",
        default="1",
        metavar="N",
        help="share every batch among so many processes, one for each GPU; auto: as many as there are GPUs",
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one JSON line per epoch, and after a retraining one per kind of outlier. Exit status 2, with the reason in
    a line, for what can't be trained."""
    return guarded(lambda: _train(arguments))


def _train(arguments: argparse.Namespace) -> None:
    from scoring.detector import load_detector
    from scoring.processes import Processes, resolved
    from scoring.splits import split_by_video
    from scoring.train import train

    if not arguments.out.parent.is_dir():
        raise ValueError(f"The folder {arguments.out.parent} does not exist.")
    processes = Processes(resolved(arguments.processes))
    videos, preprocessing = _load(arguments.packs)
    config = _config(arguments.config, videos)
    start_from = load_detector(arguments.start_from.read_bytes()) if arguments.start_from else None
    sizes = {video: sum(map(len, parts)) for video, parts in videos.items()}
    held = split_by_video(sizes, config.heldout_fraction, config.seed)
    frames, heldout = _split(videos, held, config.heldout_fraction)
    result = train(
        frames,
        heldout,
        config,
        outliers=_outliers(arguments.outliers, config, preprocessing),
        preprocessing=preprocessing,
        start_from=start_from,
        processes=processes,
        on_epoch=lambda report: emit(report.as_json()),
    )
    for line in result.reasons:
        emit(line)
    _write(arguments.out, result, config, sizes, held)


def _outliers(
    named_paths: list[tuple[str, Path]], config: TrainConfig, preprocessing: Preprocessing
) -> Outliers | None:
    """The outliers by reason; of a reason with four videos or more some are held out, to be measured by."""
    from scoring.outliers import Outliers
    from scoring.sources import SourceError
    from scoring.splits import split_by_video

    pixels, reasons, heldout = list[Any](), list[str](), list[bool]()
    for reason, path in named_paths:
        videos, made = _load([path])
        if made != preprocessing:
            raise SourceError(f"The outliers were made as {made}, the other frames as {preprocessing}.")
        sizes = {video: sum(map(len, parts)) for video, parts in videos.items()}
        few = len(sizes) < MIN_VIDEOS_TO_HOLD_OUT
        held = set[str]() if few else split_by_video(sizes, config.heldout_fraction, config.seed)
        for video, parts in videos.items():
            pixels += parts
            reasons += [reason] * sizes[video]
            heldout += [video in held] * sizes[video]
    return Outliers(pixels, reasons, heldout) if named_paths else None


def _load(paths: list[Path]) -> tuple[dict[str, list[Pixels]], Preprocessing]:
    """Frames per video, a folder of packs or the folder that a pack file lies in being one, and how they were made."""
    from scoring.preprocessing import Preprocessing
    from scoring.sampling import Sampling
    from scoring.sources import SourceError, find_sources, read

    videos: dict[str, list[Pixels]] = {}
    ways: set[Preprocessing] = set()
    for source in (source for path in paths for source in find_sources(path)):
        if source.kind not in ("packs", "pack"):
            raise SourceError(f"{source.path.name} is no pack: make packs with `python -m scoring extract` first.")
        folder = source.path if source.kind == "packs" else source.path.parent
        for part in read(source, Preprocessing(), Sampling()):
            videos.setdefault(str(folder.resolve()), []).append(part.pixels)
            ways.add(part.preprocessing)
    if len(ways) > 1:
        raise SourceError(f"The packs were made in different ways: {'; '.join(sorted(map(str, ways)))}.")
    return videos, ways.pop()


def _config(text: str, videos: dict[str, list[Pixels]]) -> TrainConfig:
    """The settings, the model taking the size of the frames unless it is given."""
    from scoring.config import TrainConfig

    source = text if text.lstrip().startswith(("{", "[")) else Path(text).read_text()
    TrainConfig.from_json(source)
    sizes = Counter(part.shape[1:3] for parts in videos.values() for part in parts)
    height, width = max(sizes, key=sizes.__getitem__)
    values = json.loads(source)
    return TrainConfig.from_json({**values, "vae": {"height": height, "width": width, **values.get("vae", {})}})


def _split(videos: dict[str, list[Pixels]], held: set[str], fraction: float) -> tuple[list[Pixels], list[Pixels]]:
    """Training and held-out frames: by whole videos, or the end of the only one."""
    from scoring.splits import tail_start

    if held:
        return (
            [part for video, parts in videos.items() if video not in held for part in parts],
            [part for video, parts in videos.items() if video in held for part in parts],
        )
    parts = [part for parts in videos.values() for part in parts]
    cut, train, heldout, seen = tail_start(sum(map(len, parts)), fraction), list[Any](), list[Any](), 0
    for part in parts:
        inside = min(max(cut - seen, 0), len(part))
        train.append(part[:inside])
        heldout.append(part[inside:])
        seen += len(part)
    return train, heldout


def _write(out: Path, result: TrainResult, config: TrainConfig, sizes: dict[str, int], held: set[str]) -> None:
    """The model file, whole or not at all; the threshold from the held-out frames travels in its notes."""
    import numpy as np

    from scoring.detector import save_detector
    from scoring.model_file import sha256
    from scoring.threshold import quantiles, threshold_at_tpr

    lengths = [sizes[video] for video in sizes if video in held]
    by_score = {
        score: np.split(values, np.cumsum(lengths)[:-1]) if held else [values]
        for score, values in (
            ("reconstruction_loss", result.heldout.reconstruction_loss),
            ("ood_score", result.heldout.ood_score),
        )
    }
    thresholds = {score: threshold_at_tpr(videos, config.target_tpr) for score, videos in by_score.items()}
    threshold = thresholds["reconstruction_loss"]
    notes = {
        "train": config.as_json(),
        "best_epoch": result.best_epoch,
        "threshold": vars(threshold),
        "heldout_quantiles": quantiles(by_score["reconstruction_loss"]).tolist(),
        "thresholds": {score: vars(found) for score, found in thresholds.items()},
    }
    data = save_detector(result.detector, notes)
    partial = out.with_name(f"{out.name}.partial")
    partial.write_bytes(data)
    partial.replace(out)
    split = f"{len(held) or 'the end of 1'} of {len(sizes)} videos held out"
    line = f"{out.name}: epoch {result.best_epoch}, threshold {threshold.value:.1f}, {split}, sha256 {sha256(data)}"
    print(f"{line}\n{threshold.note}".strip(), file=sys.stderr)
