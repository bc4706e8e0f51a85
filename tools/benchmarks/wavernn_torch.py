"""WaveRNN and the public model of that name in PyTorch, sample by sample: baselines.

Written from arXiv:1802.08435 section 2 and from the formulas in the docstring of
`tfwave.models.fatchord_wavernn.fatchord_wavernn`.
"""

import torch
from torch import nn

_BINS = 256


def dual_softmax(units, clips, samples):
    """Return a function that makes clips with the dual softmax, dense."""
    half = units // 2
    recurrent = nn.Linear(units, 3 * units, bias=False)
    inputs = [nn.Linear(count, 3 * half) for count in (2, 3)]
    heads = [
        nn.Sequential(nn.Linear(half, half), nn.ReLU(), nn.Linear(half, _BINS)) for _ in range(2)
    ]

    def update(h, products, terms):
        (p_u, p_r, p_e), (a_u, a_r, a_e) = products.chunk(3, 1), terms.chunk(3, 1)
        u = torch.sigmoid(p_u + a_u)
        e = torch.tanh(torch.sigmoid(p_r + a_r) * p_e + a_e)
        return u * h + (1 - u) * e

    def draw(logits):
        drawn = torch.multinomial(torch.softmax(logits, 1), 1)
        return drawn / 127.5 - 1.0

    def run():
        h, x, made = torch.zeros(clips, units), torch.zeros(clips, 2), []
        with torch.inference_mode():
            for _ in range(samples):
                of_coarse, of_fine = recurrent(h).chunk(2, 1)
                h_coarse, h_fine = h.chunk(2, 1)
                h_coarse = update(h_coarse, of_coarse, inputs[0](x))
                coarse = draw(heads[0](h_coarse))
                h_fine = update(h_fine, of_fine, inputs[1](torch.cat([x, coarse], 1)))
                x = torch.cat([coarse, draw(heads[1](h_fine))], 1)
                h = torch.cat([h_coarse, h_fine], 1)
                made.append(x)
            torch.stack(made)

    return run


def mel_conditioned(units, clips, samples):
    """Return a function that makes clips with two GRUs and a mixture of ten logistics."""
    part, bands, mixtures = 32, 80, 10
    first = nn.Linear(1 + bands + part, units)
    rnn1, rnn2 = nn.GRUCell(units, units), nn.GRUCell(units + part, units)
    dense1, dense2 = nn.Linear(units + part, units), nn.Linear(units + part, units)
    last = nn.Linear(units, 3 * mixtures)
    mel, auxiliary = torch.randn(samples, clips, bands), torch.randn(samples, clips, 4 * part)

    def draw(params):
        logits, means, log_scales = params.chunk(3, 1)
        uniform = torch.empty_like(logits).uniform_(1e-5, 1.0 - 1e-5)
        chosen = (logits - torch.log(-torch.log(uniform))).argmax(1, keepdim=True)
        mean, log_scale = means.gather(1, chosen), log_scales.gather(1, chosen)
        uniform = torch.empty_like(mean).uniform_(1e-5, 1.0 - 1e-5)
        return (mean + torch.exp(log_scale) * torch.logit(uniform)).clamp(-1.0, 1.0)

    def run():
        x, made = torch.zeros(clips, 1), []
        one = two = torch.zeros(clips, units)
        with torch.inference_mode():
            for i in range(samples):
                a, b, c, d = auxiliary[i].chunk(4, 1)
                y = first(torch.cat([x, mel[i], a], 1))
                one = rnn1(y, one)
                y = y + one
                two = rnn2(torch.cat([y, b], 1), two)
                y = torch.relu(dense1(torch.cat([y + two, c], 1)))
                y = torch.relu(dense2(torch.cat([y, d], 1)))
                x = draw(last(y))
                made.append(x)
            torch.stack(made)

    return run
