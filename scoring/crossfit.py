"""Held-out scores for every video when there are too few to set some aside: each is scored by a model that was trained
on the others. From them a threshold can be set (scoring/threshold.py)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import TypeVar

import torch

from scoring.config import TrainConfig
from scoring.errors import TrainingError
from scoring.frames import Pixels
from scoring.outliers import Outliers, joined
from scoring.preprocessing import Preprocessing
from scoring.processes import ONE, Processes
from scoring.score import Scores
from scoring.splits import folds_by_video
from scoring.train import train

Video = TypeVar("Video", bound=Hashable)

FOLDS = 6  # up to so many videos, each is left out on its own
SHARE = 0.4  # of the epochs of a whole training: thresholds realised the same on new videos (docs/decisions.md)


def crossfit(
    videos: Mapping[Video, Sequence[Pixels]],
    config: TrainConfig,
    *,
    folds: int = FOLDS,
    share: float = SHARE,
    measured: Collection[Video] | None = None,
    outliers: Mapping[Video, Outliers] | None = None,
    preprocessing: Preprocessing | None = None,
    done: Mapping[Video, Scores] | None = None,
    on_fold: Callable[[int, int, dict[Video, Scores]], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: str | torch.device | None = None,
    processes: Processes = ONE,
) -> dict[Video, Scores]:
    """Scores of every video's frames, uint8 (n, H, W, 3) in packs, by one of `folds` fresh models that did not see it,
    trained for `share` of the epochs; their last epoch counts, because choosing one by the frames that are then scored
    would flatter. measured: the videos to score; without it all are, and with it the others are only trained on.
    outliers: judged OUT, by video; each model is then retrained with those of the videos that it may see
    (scoring/retrain.py), so that its scores stand for those of a retrained model. on_fold is told the fold (from 1),
    how many there are, and its scores; `done` are scores of an earlier attempt, whose folds are left out. Raises
    TrainingError with fewer than two videos to score, and as `train`; Stopped."""
    sizes = {video: sum(map(len, packs)) for video, packs in videos.items()}
    scored = sizes if measured is None else {video: sizes[video] for video in sizes if video in measured}
    splits = folds_by_video(scored, folds, config.seed)
    if not splits:
        raise TrainingError("Scoring each video by models of the others needs at least two videos.")
    found = dict(done or {})
    for number, held in enumerate(splits, 1):
        if held <= set(found):
            continue
        known = [each for video, each in (outliers or {}).items() if video not in held]
        options = _Options(preprocessing, should_stop, device, processes)
        scores = _fold(videos, held, _shortened(config, sizes, held, share), config, joined(known), options)
        found |= scores
        if on_fold is not None:
            on_fold(number, len(splits), scores)
    return found


def _shortened(config: TrainConfig, sizes: Mapping[Video, int], held: set[Video], share: float) -> TrainConfig:
    frames = sum(count for video, count in sizes.items() if video not in held)
    epochs = max(1, round(share * config.epochs_for(max(frames, 1))))
    return replace(config, epochs=epochs, patience=epochs, keep="last")


@dataclass(frozen=True)
class _Options:
    """What every training of a crossfit takes."""

    preprocessing: Preprocessing | None
    should_stop: Callable[[], bool] | None
    device: str | torch.device | None
    processes: Processes


def _fold(
    videos: Mapping[Video, Sequence[Pixels]],
    held: set[Video],
    short: TrainConfig,
    config: TrainConfig,
    outliers: Outliers | None,
    options: _Options,
) -> dict[Video, Scores]:
    inside = [pack for video, packs in videos.items() if video not in held for pack in packs]
    order = [video for video in videos if video in held]
    outside = [pack for video in order for pack in videos[video]]
    result = train(inside, outside, short, **vars(options))
    if outliers is not None:
        result = train(inside, outside, config, outliers=outliers, start_from=result.detector, **vars(options))
    ends = list(accumulate(sum(map(len, videos[video])) for video in order))
    return {video: part(result.heldout, start, end) for video, start, end in zip(order, [0, *ends], ends, strict=False)}


def part(scores: Scores, start: int, end: int) -> Scores:
    """The scores of frames `start` to `end`, the last one left out."""
    activations = None if scores.activations is None else scores.activations[start:end]
    names = (entry.name for entry in fields(Scores) if entry.name != "activations")
    return Scores(**{name: getattr(scores, name)[start:end] for name in names}, activations=activations)
