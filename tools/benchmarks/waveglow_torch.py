"""WaveGlow in PyTorch: a baseline of the benchmark.

Written from arXiv:1811.00002, sections 2.1 to 2.4, with as many skip channels as residual ones.
"""

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

_GROUP, _FLOWS, _LAYERS, _BANDS, _HOP = 8, 12, 8, 80, 256


class Coupling(nn.Module):
    """A network from half of the channels and conditioning to shift and log scale of the rest."""

    def __init__(self, half, channels, norm):
        super().__init__()
        self.channels = channels
        self.start = norm(nn.Conv1d(half, channels, 1))
        self.conditioner = norm(nn.Conv1d(_BANDS * _GROUP, 2 * channels * _LAYERS, 1))
        self.inner = nn.ModuleList(
            norm(nn.Conv1d(channels, 2 * channels, 3, dilation=2**i, padding=2**i))
            for i in range(_LAYERS)
        )
        self.outer = nn.ModuleList(
            norm(nn.Conv1d(channels, channels if i == _LAYERS - 1 else 2 * channels, 1))
            for i in range(_LAYERS)
        )
        self.end = nn.Conv1d(channels, 2 * half, 1)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)

    def forward(self, x, conditioning):
        x, terms, total = self.start(x), self.conditioner(conditioning).chunk(_LAYERS, 1), 0.0
        for inner, outer, term in zip(self.inner, self.outer, terms, strict=True):
            signal, gate = (inner(x) + term).chunk(2, 1)
            y = outer(torch.tanh(signal) * torch.sigmoid(gate))
            if y.shape[1] > self.channels:
                x = x + y[:, : self.channels]
            total = total + y[:, -self.channels :]
        return self.end(total).chunk(2, 1)


class WaveGlow(nn.Module):
    """The flow in both directions.

    Args:
      channels: of the couplings.
      norm: function of a convolution; the identity leaves it without weight normalisation.
    """

    def __init__(self, channels, norm=weight_norm):
        super().__init__()
        self.widths = [_GROUP - 2 * (k // 4) for k in range(_FLOWS)]
        self.upsampling = nn.ConvTranspose1d(_BANDS, _BANDS, 1024, _HOP)
        rotations = [nn.init.orthogonal_(torch.empty(width, width)) for width in self.widths]
        self.mixes = nn.ParameterList(rotations)
        self.couplings = nn.ModuleList(Coupling(w // 2, channels, norm) for w in self.widths)

    def conditioning(self, mel):
        """Map [batch, 80, frames] to [batch, 640, 32 * frames], a band's samples side by side."""
        x = self.upsampling(mel)[..., : _HOP * mel.shape[-1]]
        x = x.unflatten(2, (-1, _GROUP)).transpose(2, 3)
        return x.flatten(1, 2)

    def inverse(self, z, mel):
        """Invert noise [batch, 8, groups] -> waveform [batch, 8 * groups]."""
        conditioning, x, left = self.conditioning(mel), z[:, -self.widths[-1] :], 4
        for k in reversed(range(_FLOWS)):
            passed, changed = x.chunk(2, 1)
            shift, log_scale = self.couplings[k](passed, conditioning)
            x = torch.cat([passed, (changed - shift) * torch.exp(-log_scale)], 1)
            x = torch.einsum("oi,bit->bot", torch.linalg.inv(self.mixes[k]), x)
            if k in (4, 8):
                x = torch.cat([z[:, left - 2 : left], x], 1)
                left -= 2
        return x.transpose(1, 2).flatten(1)

    def loss(self, waveform, mel):
        """Compute the loss of waveforms [batch, time], a multiple of 8 long."""
        x, total = waveform.unflatten(1, (-1, _GROUP)).transpose(1, 2), 0.0
        conditioning = self.conditioning(mel)[..., : x.shape[-1]]
        for k, (mix, coupling) in enumerate(zip(self.mixes, self.couplings, strict=True)):
            if k in (4, 8):
                total = total + 0.5 * x[:, :2].square().sum()
                x = x[:, 2:]
            passed, changed = torch.einsum("oi,bit->bot", mix, x).chunk(2, 1)
            shift, log_scale = coupling(passed, conditioning)
            x = torch.cat([passed, changed * torch.exp(log_scale) + shift], 1)
            log_det = torch.linalg.slogdet(mix)[1]
            total = total - log_scale.sum() - x.shape[0] * x.shape[-1] * log_det
        return (total + 0.5 * x.square().sum()) / waveform.numel()


def generation(channels, frames):
    """Return a function that makes one clip, from a network without weight normalisation."""
    network = WaveGlow(channels, lambda layer: layer).eval()
    mel = torch.randn(1, _BANDS, frames)

    def run():
        with torch.inference_mode():
            network.inverse(0.6 * torch.randn(1, _GROUP, frames * _HOP // _GROUP), mel)

    return run


def training(channels, batch_size):
    """Return a function that makes one update. The mel spectrograms are given, not computed."""
    network = WaveGlow(channels)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    mel, waveform = torch.randn(batch_size, _BANDS, 63), 0.1 * torch.randn(batch_size, 16000)

    def run():
        loss = network.loss(waveform, mel)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run
