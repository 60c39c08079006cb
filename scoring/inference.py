"""A trained network laid out for scoring on a CPU: the same numbers up to rounding, in about two thirds of the time.

Batch normalisation is folded into the convolutions (a linear map after a linear map), and a transposed convolution of
4 x 4 by steps of 2 is computed as one plain convolution of 2 x 2 that gives the four phases of the result side by side
(sub-pixel convolution, W. Shi et al., 2016, section 3.2), which libraries do faster. Reference: scoring/vae.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from scoring.vae import VAE

SLOPE = 0.1
# The taps, in the order of the pixels they meet, that make the even and the odd rows (or columns) of the result.
TAPS = ((3, 1), (2, 0))


class Inference:
    """Reads what `VAE` in evaluation mode reads, and answers alike; its weights are those of the moment it was made."""

    def __init__(self, model: VAE) -> None:
        with torch.no_grad():
            self._model = model
            self._downs = [_folded(stage) for stage in model.stages]
            self._rises = [_Rise(rise) for rise in model.rises]

    def features(self, x: Tensor) -> list[Tensor]:
        """As `VAE.features`."""
        outputs = []
        for weight, bias in self._downs:
            x = functional.leaky_relu_(functional.conv2d(x, weight, bias, stride=2, padding=1), SLOPE)
            outputs.append(x)
        return outputs

    def moments(self, bottom: Tensor) -> tuple[Tensor, Tensor]:
        """As `VAE.moments`."""
        return self._model.moments(bottom)

    def decode(self, z: Tensor) -> Tensor:
        """As `VAE.decode`."""
        x = self._model.unfold(z).contiguous(memory_format=torch.channels_last)
        for rise in self._rises:
            x = rise(x)
        return x.sigmoid_()


class _Rise:
    """One step of the decoder."""

    def __init__(self, rise: nn.Module) -> None:
        layers = list(rise.children())
        conv = layers[0]
        assert isinstance(conv, nn.ConvTranspose2d)
        weight, bias = _folded(rise)
        phases = [weight[:, :, down][:, :, :, across].transpose(0, 1) for down in TAPS for across in TAPS]
        self._weight = torch.cat(phases).contiguous(memory_format=torch.channels_last)
        self._bias = bias.repeat(len(phases))
        self._odd = conv.output_padding
        self._is_last = len(layers) == 1

    def __call__(self, x: Tensor) -> Tensor:
        """(N, channels, 2 h + odd, 2 w + odd) of x (N, channels before, h, w)."""
        phases = functional.conv2d(x, self._weight, self._bias, padding=1)
        if not self._is_last:
            phases = functional.leaky_relu_(phases, SLOPE)
        return self._woven(phases, 2 * x.shape[2] + self._odd[0], 2 * x.shape[3] + self._odd[1])

    def _woven(self, phases: Tensor, height: int, width: int) -> Tensor:
        channels = phases.shape[1] // 4
        shape = (len(phases), channels, height, width)
        # What comes last is measured, and measuring wants colours apart.
        layout = torch.contiguous_format if self._is_last else torch.channels_last
        out = torch.empty(shape, dtype=phases.dtype, memory_format=layout)
        for place, part in enumerate(phases.chunk(4, dim=1)):
            down, across = divmod(place, 2)
            rows, columns = (height - down + 1) // 2, (width - across + 1) // 2
            out[:, :, down::2, across::2] = part[:, :, down : down + rows, across : across + columns]
        return out


def _folded(step: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a step's convolution with its normalisation folded in, when it has one."""
    conv, *rest = step.children()
    assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
    bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
    if not rest:
        return conv.weight.detach(), bias.detach()
    norm = rest[0]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
        transpose=isinstance(conv, nn.ConvTranspose2d),
    )
    return weight.detach().contiguous(memory_format=torch.channels_last), bias.detach()
