from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from scoring.config import VAEConfig, presets
from scoring.vae import VAE, absolute_error, fitted_loss, image_variance, kl_divergence, pooled, reconstruction_loss
from tests.scoring.frames_for_tests import SMALL


def model_of(config: VAEConfig = SMALL) -> VAE:
    torch.manual_seed(0)
    return VAE(config).eval()


@pytest.mark.parametrize(("height", "width"), [(60, 80), (61, 83), (16, 16), (17, 31), (48, 96), (90, 67)])
def test_it_reconstructs_every_frame_size(height: int, width: int) -> None:
    model = model_of(VAEConfig(height=height, width=width, channels=(4, 4, 4, 4), latent=3))
    reconstruction, mu, logvar = model(torch.rand(2, 3, height, width))
    assert reconstruction.shape == (2, 3, height, width)
    assert mu.shape == logvar.shape == (2, 3)
    assert reconstruction.min() >= 0 and reconstruction.max() <= 1


def test_it_has_presets_of_the_promised_sizes() -> None:
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in VAE(config).parameters()) for name, config in presets().items()}
    assert 1e6 <= sizes["small"] <= 3e6
    assert 90e6 <= sizes["article"] <= 110e6
    assert 4e6 <= sizes["large"] <= 10e6


def test_it_takes_the_posterior_mean_in_evaluation_and_a_draw_in_training() -> None:
    model, x = model_of(), torch.rand(4, 3, 24, 32)
    assert torch.equal(model(x)[0], model(x)[0])
    model.train()
    first, second = (model(x, torch.full((4, SMALL.latent), value))[0] for value in (1.0, 2.0))
    assert not torch.equal(first, second)


def test_it_measures_losses_by_their_definitions() -> None:
    x, y = torch.rand(3, 3, 4, 5), torch.rand(3, 3, 4, 5)
    assert torch.allclose(
        reconstruction_loss(x, y), torch.stack([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)])
    )
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    posterior = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_divergence(mu, logvar), expected)


def test_it_measures_error_and_variance_by_their_definitions() -> None:
    x, y = torch.rand(3, 3, 4, 5), torch.rand(3, 3, 4, 5)
    assert torch.allclose(absolute_error(x, y), torch.stack([(a - b).abs().sum() for a, b in zip(x, y, strict=True)]))
    assert torch.allclose(image_variance(x), x.var((2, 3), correction=0).sum(1) * 20)


def test_it_forgives_brightness_and_contrast_but_not_structure() -> None:
    x = torch.rand(4, 3, 8, 9)
    tinted = x * torch.tensor([0.5, 0.8, 1.1]).view(3, 1, 1) + torch.tensor([0.1, 0.0, -0.05]).view(3, 1, 1)
    other = 0.5 * torch.rand(4, 3, 8, 9) + 0.5 * x
    assert reconstruction_loss(x, tinted).min() > 1 and fitted_loss(x, tinted).max() < 1e-2
    assert torch.allclose(fitted_loss(x, 1 - x), image_variance(x))  # an inverted picture explains nothing
    by_hand = [sum(_residual(x[i, c], other[i, c]) for c in range(3)) for i in range(4)]
    assert torch.allclose(fitted_loss(x, other), torch.tensor(by_hand), rtol=1e-3)
    flat = torch.full((1, 3, 8, 9), 0.3)
    assert torch.isfinite(fitted_loss(x, flat)).all() and torch.allclose(fitted_loss(x, flat), image_variance(x))


def _residual(image: torch.Tensor, guess: torch.Tensor) -> float:
    design = torch.stack([guess.flatten(), torch.ones(guess.numel())], 1)
    solved = torch.linalg.lstsq(design, image.flatten()[:, None]).solution
    return float((design @ solved - image.flatten()[:, None]).square().sum())


def test_it_pools_each_channel_of_each_stage() -> None:
    stages = [torch.rand(2, 3, 4, 5), torch.rand(2, 6, 2, 2)]
    values = pooled(stages)
    assert values.shape == (2, 27)
    assert torch.allclose(values[:, :3], stages[0].mean((2, 3)))
    assert torch.allclose(values[:, 3:6], stages[0].std((2, 3), correction=0))
    assert torch.equal(values[:, 21:], stages[1].amax((2, 3)))


def test_it_has_a_head_only_when_asked_for() -> None:
    with_head = model_of(replace(SMALL, head=5))
    assert with_head.head_logit(torch.rand(4, SMALL.latent)).shape == (4,)
    assert set(with_head.state_dict()) - set(model_of().state_dict()) == {
        "head.0.0.weight", "head.0.0.bias", "head.1.weight", "head.1.bias"
    }  # fmt: skip
