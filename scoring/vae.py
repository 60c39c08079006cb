"""The variational autoencoder: the network and its loss terms (its configuration: scoring/config.py, the file that
holds it: scoring/detector.py).

Frames are RGB, (N, 3, H, W) float in [0, 1] inside the network.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from scoring.config import VAEConfig

FLATTEST = 1e-3  # keeps a flat reconstruction from being divided by nothing
MAX_LOG_VARIANCE = 20.0  # exp() of more overflows a step for nothing: the prior's is 0


class VAE(nn.Module):
    """A convolutional VAE for frames of exactly `config.height` x `config.width`. With `config.head` it also has a
    small classifier on the posterior mean, which a retraining with outliers teaches."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        widths, sizes = (3, *config.channels), config.sizes
        self.stages = nn.ModuleList(_down(a, b) for a, b in pairwise(widths))
        self.bottom = (widths[-1], *sizes[-1])
        flat = math.prod(self.bottom)
        self.squeeze = _dense(flat, config.hidden) if config.hidden else nn.Identity()
        self.to_moments = nn.Linear(config.hidden or flat, 2 * config.latent)
        self.widen = _dense(config.latent, config.hidden) if config.hidden else nn.Identity()
        self.from_latent = nn.Linear(config.hidden or config.latent, flat)
        steps = zip(widths[:0:-1], widths[-2::-1], sizes[:0:-1], sizes[-2::-1], strict=True)
        self.rises = nn.ModuleList(_up(a, b, small, large) for a, b, small, large in steps)
        if config.head:
            self.head = nn.Sequential(_dense(config.latent, config.head), nn.Linear(config.head, 1))

    def features(self, x: Tensor) -> list[Tensor]:
        """Output of each encoder stage, (N, channels[i], H / 2^(i+1), W / 2^(i+1)), for x (N, 3, H, W) in [0, 1]."""
        outputs = []
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior (mu, logvar), each (N, latent) float32, of frames x (N, 3, H, W) in [0, 1]."""
        return self.moments(self.features(x)[-1])

    def moments(self, bottom: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior (mu, logvar) as `encode`, from the last stage's output."""
        mu, logvar = self.to_moments(self.squeeze(bottom.flatten(1))).float().chunk(2, dim=1)
        return mu, logvar.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)

    def head_logit(self, mu: Tensor) -> Tensor:
        """What the classifier makes of posterior means (N, latent): log odds (N,) float32 of lying outside."""
        logit: Tensor = self.head(mu).float()
        return logit.squeeze(1)

    def reparameterize(self, mu: Tensor, logvar: Tensor, noise: Tensor | None = None) -> Tensor:
        """A draw z (N, latent) from the posterior, differentiable in mu and logvar; noise (N, latent) is standard
        normal, drawn here unless it is given."""
        noise = torch.randn_like(mu) if noise is None else noise
        return mu + noise * torch.exp(0.5 * logvar)

    def unfold(self, z: Tensor) -> Tensor:
        """What the decoder's first step takes, (N, *bottom), of latents z (N, latent)."""
        return nn.functional.leaky_relu(self.from_latent(self.widen(z)), 0.1).view(-1, *self.bottom)

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction (N, 3, H, W) float32 in [0, 1] of latents z (N, latent)."""
        x = self.unfold(z)
        for rise in self.rises:
            x = rise(x)
        return torch.sigmoid(x.float())

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(reconstruction, mu, logvar). Training draws from the posterior; evaluation takes its mean, so that a frame
        always gets the same number. noise: see `reparameterize`."""
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar, noise) if self.training else mu
        return self.decode(z), mu, logvar


def pooled(stages: list[Tensor]) -> Tensor:
    """Mean, standard deviation and maximum over each channel of each of `VAE.features`, (N, 3 * sum(channels))."""
    return torch.cat([part for stage in stages for part in _pooled(stage.float())], dim=1)


def _pooled(stage: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Channels last, as they lie in memory: over rows of another order this took three times as long. On a CPU pooling
    finds the maximum of 24 or 48 channels many times sooner than `amax`; a GPU's compiler has `amax` for nothing."""
    rows = stage.permute(0, 2, 3, 1).flatten(1, 2)
    mean = rows.mean(1)
    largest = rows.amax(1) if stage.is_cuda else nn.functional.max_pool2d(stage, stage.shape[2:]).flatten(1)
    return mean, (rows - mean[:, None]).square_().mean(1).sqrt_(), largest


def image_variance(x: Tensor) -> Tensor:
    """Squared deviation of frames x (N, 3, H, W) in [0, 1] from their mean per channel, summed, (N,)."""
    return (x - x.mean((2, 3), keepdim=True)).square().flatten(1).sum(1)


def absolute_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Absolute error of frames in [0, 1] summed over channels and pixels, (N,)."""
    return (reconstruction - x).abs().flatten(1).sum(1)


def place(model: VAE, device: torch.device) -> VAE:
    """The same model object on `device`, channels last in memory, which suits its convolutions on CPU and GPU."""
    placed: VAE = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def reconstruction_loss(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error of frames in [0, 1] summed over channels and pixels, (N,)."""
    return (reconstruction - x).square().flatten(1).sum(1)


def fitted_loss(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error, summed, (N,), that is left when each channel of the reconstruction has been fitted to the frame in
    brightness and contrast (least squares, contrast never inverted): what of the frame's structure the network can't
    explain, whatever the camera's exposure and tint."""
    frame, guess = (image - image.mean((2, 3), keepdim=True) for image in (x, reconstruction))
    gain = (frame * guess).sum((2, 3), keepdim=True) / (guess.square().sum((2, 3), keepdim=True) + FLATTEST)
    return (frame - gain.clamp_min(0) * guess).square().flatten(1).sum(1)


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of the posterior from the standard normal in nats, (N,)."""
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar).sum(1)


def _down(before: int, after: int) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.1, inplace=True))


def _up(before: int, after: int, small: tuple[int, int], large: tuple[int, int]) -> nn.Sequential:
    odd = (large[0] - 2 * small[0], large[1] - 2 * small[1])
    last = after == 3
    conv = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, output_padding=odd, bias=last)
    return nn.Sequential(conv) if last else nn.Sequential(conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.1, inplace=True))


def _dense(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, after), nn.LeakyReLU(0.1, inplace=True))
