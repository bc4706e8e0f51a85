"""MelGAN in PyTorch: a baseline of the benchmark.

Written from arXiv:1910.06711 (Tables 6a and 6b, equations 1 to 4) with the residual blocks that
have the paper's number of parameters.
"""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

_SLOPE = 0.2


class Residual(nn.Module):
    """A dilated convolution and one of width 1, beside another one of width 1."""

    def __init__(self, channels, dilation, norm):
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(_SLOPE),
            nn.ReflectionPad1d(dilation),
            norm(nn.Conv1d(channels, channels, 3, dilation=dilation)),
            nn.LeakyReLU(_SLOPE),
            norm(nn.Conv1d(channels, channels, 1)),
        )
        self.shortcut = norm(nn.Conv1d(channels, channels, 1))

    def forward(self, x):
        return self.shortcut(x) + self.body(x)


def generator(channels, norm=weight_norm):
    """Build the generator, [batch, 80, frames] -> [batch, 1, 256 frames].

    Args:
      channels: at the sample rate, 32 in the paper.
      norm: function of a convolution; the identity leaves it without weight normalisation.
    """
    width = 16 * channels
    layers = [nn.ReflectionPad1d(3), norm(nn.Conv1d(80, width, 7))]
    for ratio in (8, 8, 2, 2):
        up = nn.ConvTranspose1d(width, width // 2, 2 * ratio, ratio, padding=ratio // 2)
        width //= 2
        layers += [nn.LeakyReLU(_SLOPE), norm(up)]
        layers += [Residual(width, 3**block, norm) for block in range(3)]
    last = norm(nn.Conv1d(width, 1, 7))
    return nn.Sequential(*layers, nn.LeakyReLU(_SLOPE), nn.ReflectionPad1d(3), last, nn.Tanh())


class Discriminators(nn.Module):
    """Three discriminators, from [batch, 1, time] to the feature maps of each."""

    def __init__(self):
        super().__init__()
        self.scales = nn.ModuleList(self._layers() for _ in range(3))

    def _layers(self):
        layers = [nn.Sequential(nn.ReflectionPad1d(7), weight_norm(nn.Conv1d(1, 16, 15)))]
        for width in (16, 64, 256, 1024):
            strided = nn.Conv1d(width, min(4 * width, 1024), 41, 4, 20, groups=width // 4)
            layers.append(weight_norm(strided))
        layers.append(weight_norm(nn.Conv1d(1024, 1024, 5, padding=2)))
        return nn.ModuleList([*layers, weight_norm(nn.Conv1d(1024, 1, 3, padding=1))])

    def forward(self, x):
        found = []
        for number, layers in enumerate(self.scales):
            if number:
                x = functional.avg_pool1d(x, 4, 2, 1, count_include_pad=False)
            maps, y = [], x
            for layer in layers[:-1]:
                y = functional.leaky_relu(layer(y), _SLOPE)
                maps.append(y)
            found.append([*maps, layers[-1](y)])
        return found


def generation(channels, frames):
    """Return a function that makes one clip, from a network without weight normalisation."""
    network = generator(channels, lambda layer: layer).eval()
    mel = torch.randn(1, 80, frames)

    def run():
        with torch.inference_mode():
            network(mel)

    return run


def training(channels, batch_size):
    """Return a function that makes one update of the discriminators and one of the generator.

    The mel spectrograms are given, not computed in each step.
    """
    network, critics = generator(channels), Discriminators()
    how = {"lr": 1e-4, "betas": (0.5, 0.9)}
    optimizers = [torch.optim.Adam(each.parameters(), **how) for each in (network, critics)]
    mel, real = torch.randn(batch_size, 80, 32), 0.1 * torch.randn(batch_size, 1, 8192)

    def run():
        fake = network(mel)
        of_real, of_fake = critics(real), critics(fake.detach())
        loss = sum(
            (1 - r[-1]).relu().mean() + (1 + f[-1]).relu().mean()
            for r, f in zip(of_real, of_fake, strict=True)
        )
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        matching, of_fake = 0.0, critics(fake)
        for r, f in zip(of_real, of_fake, strict=True):
            matching += sum(
                (a - b.detach()).abs().mean() for a, b in zip(f[:-1], r[:-1], strict=True)
            )
        loss = 10.0 * 4 / 5 / 3 * matching - sum(maps[-1].mean() for maps in of_fake)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()

    return run
