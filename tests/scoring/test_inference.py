"""The layout for scoring gives what the network itself gives, whatever its shape."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from scoring.config import VAEConfig
from scoring.detector import plain
from scoring.frameset import FrameSet
from scoring.inference import Inference
from scoring.score import Scorer, to_input
from scoring.vae import VAE, pooled
from tests.scoring.frames_for_tests import turf_frames

CPU = torch.device("cpu")
CONFIGS = [
    VAEConfig(24, 32, channels=(6, 10), latent=5),
    VAEConfig(27, 35, channels=(4, 6, 8), latent=5, hidden=12),
    VAEConfig(61, 83, channels=(3, 5, 7, 9), latent=4),
    VAEConfig(9, 8, channels=(4,), latent=3),
    VAEConfig(),
]


def worn(config: VAEConfig) -> VAE:
    """A network whose normalisation does something, as after a training."""
    torch.manual_seed(0)
    model = VAE(config).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.3, 2.0)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, 0, 0.2)
    return model


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.height}x{config.width}")
def test_it_gives_what_the_network_gives(config: VAEConfig) -> None:
    model = worn(config)
    x = torch.rand(5, 3, config.height, config.width)
    with torch.inference_mode():
        fast = Inference(model)
        stages, reference = fast.features(x), model.features(x)
        for stage, expected in zip(stages, reference, strict=True):
            torch.testing.assert_close(stage, expected, rtol=1e-4, atol=1e-5)
        mu, logvar = fast.moments(stages[-1])
        torch.testing.assert_close(torch.stack([mu, logvar]), torch.stack(model.encode(x)), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fast.decode(mu), model.decode(mu), rtol=1e-5, atol=1e-5)


def test_it_scores_as_the_reference_does(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = plain(worn(VAEConfig()))
    frames = FrameSet(turf_frames(40, height=60, width=80))
    fast = Scorer(detector).score_set(frames)
    monkeypatch.setattr("scoring.score._laid_out", lambda model, device: model)
    reference = Scorer(detector).score_set(frames)
    for name in ("reconstruction_loss", "l1", "kl", "variance", "ood_score"):
        ours, theirs = (torch.from_numpy(getattr(scores, name)) for scores in (fast, reference))
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_it_pools_mean_deviation_and_maximum_of_each_channel() -> None:
    stages = worn(VAEConfig()).features(to_input(turf_frames(3, height=60, width=80), CPU))
    flat = [stage.flatten(2).double() for stage in stages]
    parts = [part for x in flat for part in (x.mean(2), x.std(2, correction=0), x.amax(2))]
    torch.testing.assert_close(pooled(stages).double(), torch.cat(parts, dim=1), rtol=1e-5, atol=1e-6)
