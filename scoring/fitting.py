"""The last step of a training: a network becomes a detector, with what is measured on frames it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from scoring import ood
from scoring.controls import LinearModel
from scoring.detector import Detector, Retrained
from scoring.errors import TrainingError
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.measure import Measured
from scoring.ood import Values
from scoring.preprocessing import Preprocessing
from scoring.recalibrate import Calibration, Refusal, calibrate
from scoring.score import Scorer, label_free
from scoring.structure import fit_structure
from scoring.vae import VAE

START_FRAMES = 512


def fit_detector(
    vae: VAE, frames: FrameSet, preprocessing: Preprocessing, *, device: str | torch.device | None = None
) -> Detector:
    """The detector of a trained network. Up to 512 of `frames`, which belong, evenly drawn, give that from which
    recalibration starts, and the linear control; more of them the structure model."""
    sample = FrameSet(drawn(frames))
    detector = Detector(vae, preprocessing, linear=_linear(sample), structure=fit_structure(frames))
    found = Scorer(detector, device).measure(sample)
    detector.start_activations = found.activations
    detector.start_scores = _own_score(found, preprocessing).astype(np.float32)
    return detector


def fit_retrained(
    vae: VAE,
    anchor: VAE,
    frames: FrameSet,
    outliers: FrameSet,
    preprocessing: Preprocessing,
    *,
    device: str | torch.device | None = None,
) -> Detector:
    """The detector of a network that was retrained with outliers, anchored in the network that it began with. Up to 512
    of the frames that belong and of those that don't, evenly drawn, give the calibrations of its score. Raises
    TrainingError when there are too few of either."""
    inside, outside = drawn(frames), drawn(outliers)
    is_out = np.arange(len(inside) + len(outside)) >= len(inside)
    both, structure = FrameSet([inside, outside]), fit_structure(frames)
    before, after = (
        Scorer(Detector(network, preprocessing, structure=structure), device).measure(both) for network in (anchor, vae)
    )
    start, verdicts = (_calibrated(found, is_out, preprocessing) for found in (before, after))
    scores = ood.anchored(
        start.score(before.activations, _own_score(before, preprocessing)),
        verdicts.score(after.activations, _own_score(after, preprocessing)),
    )
    return Detector(
        vae,
        preprocessing,
        start_activations=after.activations[~is_out],
        start_scores=scores[~is_out].astype(np.float32),
        linear=_linear(FrameSet(inside)),
        structure=structure,
        retrained=Retrained(anchor, start, verdicts),
    )


def drawn(frames: FrameSet) -> Pixels:
    """Up to 512 frames, evenly drawn, (S, H, W, 3)."""
    return frames.take(np.unique(np.linspace(0, len(frames) - 1, START_FRAMES).round().astype(np.int64)))


def _linear(frames: FrameSet) -> LinearModel:
    """Rounded and laid out as from a file, so that it scores alike before and after."""
    fitted = LinearModel.fit(frames)
    mean, components = (value.astype(np.float16, order="C") for value in (fitted.mean, fitted.components))
    return LinearModel(mean.astype(np.float32), components.astype(np.float32))


def _own_score(found: Measured, preprocessing: Preprocessing) -> Values:
    return label_free(found, preprocessing.height * preprocessing.width)


def _calibrated(found: Measured, is_out: np.ndarray, preprocessing: Preprocessing) -> Calibration:
    scores = _own_score(found, preprocessing)
    fitted = calibrate(found.activations, scores, is_out, found.activations[:0], scores[:0])
    if isinstance(fitted, Refusal):
        raise TrainingError(f"There is too little to learn from: {fitted.reason}")
    return fitted
