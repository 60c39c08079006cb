"""Retraining with both verdicts: a trained network goes on, with the frames that belong and against those that don't.

The recipe, and what each part of it is worth on real frames, stands in docs/decisions.md. Frames that were confirmed to
belong teach the network alone; feeding back nothing else leaves it where it was. Outliers enter by a hinge on their
loss and by a head that tells the two apart; what the network began with stays in the score (scoring/ood.py: anchored).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.augment import augmented, draw_lots
from scoring.checkpoint import Progress
from scoring.config import TrainConfig
from scoring.detector import Detector
from scoring.errors import TrainingError
from scoring.fitting import drawn, fit_retrained
from scoring.frameset import FrameSet
from scoring.outliers import Outliers, by_reason
from scoring.ranks import ALONE, Ranks
from scoring.reports import Hooks, StepLosses, Tally
from scoring.run import (
    Run,
    Training,
    TrainResult,
    check_frames,
    check_size,
    draw_noise,
    finished,
    network,
    randomness,
    run_epoch,
)
from scoring.score import Scorer, choose_device, to_input
from scoring.steps import Weights, retrain_step
from scoring.vae import place

STEPS_PER_EPOCH = 20
MIN_OUTLIERS = 5
MARGIN_SIZE = 60 * 80  # pixels for which `margin_more` is given

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sets:
    """outside: the outliers that are trained on."""

    inside: FrameSet
    outside: FrameSet
    heldout: FrameSet


def retraining(
    frames: FrameSet,
    heldout: FrameSet,
    outliers: Outliers,
    config: TrainConfig,
    start_from: Detector,
    *,
    device: str | torch.device | None = None,
    ranks: Ranks = ALONE,
) -> Training:
    """Goes on from a detector with `frames`, which belong, and the outliers that aren't held out; the network keeps its
    shape, whatever the configuration says of it. All epochs run, the last one counts. Resumes as `train` does, given
    the same `start_from`. Raises TrainingError."""
    config = replace(config, vae=replace(start_from.vae.config, head=config.outliers.head))
    sets = _checked(Sets(frames, FrameSet(outliers.frames.take(outliers.trained)), heldout), config)
    run = _begin(config, sets, start_from, choose_device(device), ranks)
    margin = ranks.from_first(_margin(sets, config, start_from, run.device))

    def finish() -> TrainResult:
        anchor = start_from.vae if start_from.retrained is None else start_from.retrained.anchor
        detector = fit_retrained(run.model, anchor, frames, sets.outside, start_from.preprocessing, device=run.device)
        return finished(run, detector, heldout, _reasons(outliers, heldout, start_from, detector, run.device))

    return Training(run, heldout, partial(_retrain_epoch, run, sets, margin), best=True, finish=finish)


def _checked(sets: Sets, config: TrainConfig) -> Sets:
    size = config.vae.height, config.vae.width
    check_frames(sets.inside, sets.heldout, size)
    if len(sets.outside) < MIN_OUTLIERS:
        raise TrainingError(
            f"There are {len(sets.outside)} outliers to learn from; at least {MIN_OUTLIERS} are needed."
        )
    check_size(sets.outside.size, size)
    return sets


def _begin(config: TrainConfig, sets: Sets, start_from: Detector, device: torch.device, ranks: Ranks) -> Run:
    model = ranks.prepared(place(network(config, start_from.vae.state_dict()), device))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.outliers.lr, fused=True)
    progress = Progress(len(sets.inside), len(sets.heldout), len(sets.outside))
    epochs = config.epochs or math.ceil(config.outliers.steps / STEPS_PER_EPOCH)
    lr = config.outliers.lr
    return Run(config, model, optimizer, device, progress, epochs, STEPS_PER_EPOCH, lr=lr, best={}, ranks=ranks)


def _margin(sets: Sets, config: TrainConfig, start_from: Detector, device: torch.device) -> float:
    """The loss that outliers are pushed up to."""
    losses = Scorer(start_from.vae, device, activations=False).score(drawn(sets.inside)).reconstruction_loss
    more = config.outliers.margin_more * config.vae.height * config.vae.width / MARGIN_SIZE
    return config.outliers.margin_times * float(np.median(losses)) + more


def _retrain_epoch(run: Run, sets: Sets, margin: float, hooks: Hooks) -> Tally:
    rng, generator = randomness(run)
    options, ranks = run.config.outliers, run.ranks

    def step(batch: tuple[Indices, Indices]) -> StepLosses | None:
        count, both = len(batch[0]), len(batch[0]) + len(batch[1])
        first, second = ranks.rows(count), ranks.rows(len(batch[1]))
        mine = np.r_[first, count + second.start : count + second.stop]
        pixels = np.concatenate([sets.inside.take(batch[0][first]), sets.outside.take(batch[1][second])])
        x = augmented(to_input(pixels, run.device), run.config, draw_lots(both, rng)[mine])
        weights = Weights(ranks.weight(count), ranks.weight(len(batch[1])), len(mine) * ranks.count / both)
        noise = draw_noise(run, both, generator)[torch.from_numpy(mine)]
        inside, outside = x[: first.stop - first.start], x[first.stop - first.start :]
        return retrain_step(run.network, run.optimizer, inside, outside, margin, run.config, noise, weights)

    batches = (
        (rng.integers(len(sets.inside), size=options.batch_in), rng.integers(len(sets.outside), size=options.batch_out))
        for _ in range(run.steps_per_epoch)
    )
    return run_epoch(run, batches, step, lambda batch: len(batch[0]) + len(batch[1]), hooks)


def _reasons(
    outliers: Outliers, heldout: FrameSet, before: Detector, after: Detector, device: torch.device
) -> tuple[dict[str, object], ...]:
    def scores(frames: FrameSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        old, new = (Scorer(d, device, activations=False).score_set(frames).ood_score for d in (before, after))
        return old, new

    return tuple(by_reason(outliers, scores(heldout), scores(outliers.frames)))
