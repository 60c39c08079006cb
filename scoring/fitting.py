"""The last step of a training: a network becomes a detector, with what is measured on frames it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from scoring import ood
from scoring.detector import Detector
from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.preprocessing import Preprocessing
from scoring.score import Scorer, ood_score
from scoring.vae import VAE

START_FRAMES = 512


def fit_detector(
    vae: VAE,
    frames: FrameSet,
    preprocessing: Preprocessing,
    *,
    anchor: VAE | None = None,
    device: str | torch.device | None = None,
) -> Detector:
    """The detector of a trained network. Up to 512 of `frames`, which belong, evenly drawn, give the units
    of an anchored score and that from which recalibration starts."""
    bare = Detector(vae, preprocessing, anchor=anchor)
    found = Scorer(bare, device).measure(FrameSet(start_frames(frames)))
    detector = Detector(vae, preprocessing, anchor=anchor, units=ood.units_of(found.parts))
    detector.start_activations = found.activations
    detector.start_scores = ood_score(detector, found).astype(np.float32)
    return detector


def start_frames(frames: FrameSet) -> Pixels:
    """Up to 512 frames, evenly drawn, (S, H, W, 3)."""
    return frames.take(np.unique(np.linspace(0, len(frames) - 1, START_FRAMES).round().astype(np.int64)))
