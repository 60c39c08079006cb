"""A model to measure with: the small preset as it starts, with a structure model of generated frames. What it says is
worth nothing; what it costs is what a trained one costs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from scoring.frames import Pixels
from scoring.frameset import FrameSet
from scoring.preprocessing import Preprocessing

if TYPE_CHECKING:
    from scoring.detector import Detector


def frames(count: int, height: int = 60, width: int = 80, seed: int = 0) -> Pixels:
    """Smooth coloured frames, uint8 (count, height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 200, (count, -(-height // 12), -(-width // 12), 3), dtype=np.uint8)
    smooth = coarse.repeat(12, axis=1).repeat(12, axis=2)[:, :height, :width]
    pixels: Pixels = smooth + rng.integers(0, 40, (count, height, width, 1), dtype=np.uint8)
    return pixels


def from_file() -> Detector:
    """The small detector as a worker loads it; made and saved by a process of its own, whose memory is not ours."""
    from scoring.detector import load_detector

    save = "import sys; from bench.models import detector; from scoring.detector import save_detector; "
    code = save + "sys.stdout.buffer.write(save_detector(detector()))"
    return load_detector(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout)


def detector(preset: str = "small", seed: int = 0) -> Detector:
    """A detector of the preset, the same for the same seed."""
    import torch

    from scoring.config import presets
    from scoring.detector import Detector
    from scoring.structure import fit_structure
    from scoring.vae import VAE

    torch.manual_seed(seed)
    config = presets()[preset]
    seen = frames(600, config.height, config.width)
    preprocessing = Preprocessing(config.height, config.width)
    return Detector(VAE(config).eval(), preprocessing, structure=fit_structure(FrameSet(seen)))
