"""Fast generation from WaveNet: one compiled loop, one queue per layer.

Paper: "Fast Wavenet Generation Algorithm", Le Paine et al., arXiv:1611.09482. A dilated convolution
of width k needs its inputs of d, 2d, ..., (k - 1)d samples ago. Each layer keeps them in a
ring of (k - 1)d slots, so that a sample costs one matrix product per layer instead of a pass over
the receptive field.

The loop's state is a tuple of tensors. Two things make it fast under XLA on a CPU:
* A slot is written first and the slot that the next step needs is read from the updated ring, so
  that XLA updates the ring in place. (Reading before writing copies every ring on every step.)
* Everything that does not depend on the signal is folded once: weight normalisation, scales of
  residuals and skips, both 1x1 products of a layer in one matrix, and the gate's sigmoid as a tanh
  of half its argument, so that one tanh serves filter and gate.
"""

import dataclasses
import math
import typing

import tensorflow as tf

from tfwave.models import sampler
from tfwave.models.precision import factor_dtype
from tfwave.models.wavenet import outputs
from tfwave.models.wavenet.config import WaveNetConfig


class Weights(typing.NamedTuple):
    """Weights as the loop uses them; L layers, k taps, R, G, S channels.

    `initial` [taps, inputs, R] has, for codes, an additional row of zeros: the input before the
    first.
    """

    initial: tf.Tensor
    initial_bias: tf.Tensor  # [R]
    gates: tuple  # L times [k * R, G], oldest tap first
    gates_bias: tf.Tensor  # [L, G]
    local: tf.Tensor | None  # [local_channels, L * G]: conditioning to the gates of all layers
    mixes: tuple  # L times [G / 2, R + S]: residual, then skip
    mixes_bias: tuple  # L times [R + S]
    head: tuple  # two [S, ...]
    head_bias: tuple


class State(typing.NamedTuple):
    """State of generation for B clips."""

    time: tf.Tensor  # int32 scalar: number of inputs processed
    value: tf.Tensor  # [B] the next input: codes (int32) or waveform (float32)
    recent: tf.Tensor  # [taps of the first convolution - 1, B] the inputs before it
    queues: tuple  # L times [(k - 1) * dilation, B, R]: slot t % length holds the input at time t
    taps: tuple  # L times [B, (k - 1) * R]: taps of the queue for the next step, oldest first


def fold(network, precision="float32") -> Weights:
    """Prepare a `WaveNetNetwork`'s weights for the loop.

    Args:
      network: `WaveNetNetwork`.
      precision: number format of the matrices, see `models.precision`; bfloat16 is faster where
        the processor multiplies it and many clips are generated at once. Sums, activations and
        queues are float32.
    """
    config = network.config
    halve = tf.repeat([1.0, 0.5], config.gate_channels // 2)
    depth = len(network.blocks)
    initial = network.initial.effective_kernel()
    if config.one_hot_input:
        initial = tf.pad(initial, [[0, 0], [0, 1], [0, 0]])
    gates, gates_bias, mixes, mixes_bias = [], [], [], []
    for i, block in enumerate(network.blocks):
        kernel = block.dilated.effective_kernel()
        gates.append(tf.reshape(kernel, [-1, kernel.shape[-1]]) * halve)
        bias = _bias(block.dilated)
        for part in (block.local, block.speaker):
            bias += 0.0 if part is None else _bias(part)
        gates_bias.append(bias * halve)
        residual, skip = config.residual_scale, _skip_scale(config, i, depth)
        parts = (block.out, residual), (block.skip, skip)
        mixes.append(tf.concat([part.effective_kernel()[0] * scale for part, scale in parts], -1))
        mixes_bias.append(tf.concat([_bias(part) * scale for part, scale in parts], -1))
    head = [layer.effective_kernel()[0] for layer in network.head]
    local = None
    if config.local_channels:
        kernels = [block.local.effective_kernel()[0] * halve for block in network.blocks]
        local = tf.concat(kernels, axis=-1)
    gates, mixes, head = (
        tuple(tf.cast(matrix, factor_dtype(precision)) for matrix in matrices)
        for matrices in (gates, mixes, head)
    )
    return Weights(
        initial,
        _bias(network.initial),
        gates,
        tf.stack(gates_bias),
        local,
        mixes,
        tuple(mixes_bias),
        head,
        tuple(_bias(layer) for layer in network.head),
    )


def _bias(layer):
    return tf.zeros([layer.filters]) if layer.bias is None else tf.convert_to_tensor(layer.bias)


def _skip_scale(config, layer, depth):
    if config.skip_scaling == "total":
        return math.sqrt(1.0 / depth)
    if config.skip_scaling == "running":
        return math.sqrt(0.5) ** (depth - max(1, layer))
    return 1.0


def gate_terms(network, weights, speaker, clips):
    """Return the terms of biases and speakers in the gates of every step, float32 [L, clips, G].

    Args:
      network: `WaveNetNetwork`.
      weights: `Weights`.
      speaker: float32 [clips, 1, speaker_channels], or None.
      clips: number of clips.
    """
    halve = tf.repeat([1.0, 0.5], network.config.gate_channels // 2)
    constant = tf.repeat(weights.gates_bias[:, tf.newaxis], clips, axis=1)
    if speaker is None:
        return constant
    kernels = tf.stack([block.speaker.effective_kernel()[0] for block in network.blocks])
    return constant + tf.einsum("bc,lcg->lbg", speaker[:, 0], kernels) * halve


def prime(network, inputs, local=None, speaker=None) -> State:
    """Fill the queues by one pass of the whole network over given inputs.

    Zeros precede the first input at every layer, as in a causal convolution.

    Args:
      network: `WaveNetNetwork`.
      inputs: [B, time] codes or waveform, 1 or more, or 2 where time is not static
        in the graph; the last one is the first input of the loop.
      local: float32 [B, time or more, local_channels], or None.
      speaker: float32 [B, 1, speaker_channels], or None.
    """
    config = network.config
    span = config.kernel_size - 1
    time = length_of(inputs) - 1
    batch = tf.shape(inputs)[0]
    layers = [tf.zeros([batch, 0, config.residual_channels])] * len(network.blocks)
    if not isinstance(time, int) or time:
        local = None if local is None else local[:, :time]
        layers = network.activations(inputs[:, :-1], local, speaker, padding="causal")
    queues, taps = [], []
    for x, dilation in zip(layers, config.dilations, strict=False):
        length = span * dilation
        x = tf.pad(x[:, -length:], [[0, 0], [tf.maximum(0, length - time), 0], [0, 0]])
        # Slot s holds the input at the latest time with time % length == s.
        ring = tf.roll(tf.transpose(x, [1, 0, 2]), time % length, axis=0)
        ring = tf.ensure_shape(ring, [length, None, config.residual_channels])
        queues.append(ring)
        taps.append(_next_taps(ring, time, span, dilation))
    width = config.initial_kernel_size - 1
    before = tf.fill([batch, width], config.levels) if config.one_hot_input else 0.0
    before = tf.cast(tf.broadcast_to(before, [batch, width]), inputs.dtype)
    recent = tf.concat([before, inputs[:, :-1]], axis=1)[:, time:]
    recent = tf.ensure_shape(tf.transpose(recent), [width, None])
    return State(tf.convert_to_tensor(time), inputs[:, -1], recent, tuple(queues), tuple(taps))


def length_of(x):
    """Return the length of the second axis: a number, or an int32 scalar where not static."""
    return tf.shape(x)[1] if x.shape[1] is None else x.shape[1]


def _next_taps(ring, time, span, dilation):
    """Concatenate the inputs from span * dilation, ..., dilation samples before `time`."""
    length = span * dilation
    return tf.concat([ring[(time + i * dilation) % length] for i in range(span)], axis=-1)


@dataclasses.dataclass(frozen=True)
class WaveNetSteps(sampler.StepModel):
    """Steps of a WaveNet; `weights` are `Weights` and `state` is `State`.

    Rows are (`gate_terms`, conditioning float32 [samples, B, local_channels] or None), terms are
    (`gate_terms`, float32 [B, L * G] or None), both added to the gates.

    Attributes:
      config: WaveNetConfig.
      greedy: whether the most likely value is taken instead of a draw.
    """

    config: WaveNetConfig
    greedy: bool = False
    least_clips = 4

    @property
    def block(self):
        """Number of samples of a block: those of one frame where there is a context stack."""
        return self.config.context.stride if self.config.context else super().block

    @property
    def value(self):
        return tf.TensorSpec([], tf.int32 if self.config.output == "categorical" else tf.float32)

    def noise(self, seed, number, clips):
        return outputs.draws(self.config, seed, number, clips, self.block)

    def terms(self, weights, rows):
        constant, local = rows
        if local is None:
            return lambda step: (constant, None)
        extras = tf.tensordot(local, weights.local, 1)
        return lambda step: (constant, extras[step])

    def describe(self, weights, state, terms):
        """Process one input and return (float32 [B, output_channels], `State`).

        The first item describes the next sample, whose value the state does not contain yet.
        """
        config, (constant, extra) = self.config, terms
        residual, gates = config.residual_channels, config.gate_channels
        span = config.kernel_size - 1
        x = _first_layer(config, weights, state)
        skips, queues, taps = 0.0, [], []
        for i, dilation in enumerate(config.dilations):
            inputs = tf.concat([state.taps[i], x], axis=-1)
            h = _product(inputs, weights.gates[i]) + constant[i]
            if extra is not None:
                h += extra[:, i * gates : (i + 1) * gates]
            h = tf.tanh(h)
            z = h[:, : gates // 2] * (0.5 * h[:, gates // 2 :] + 0.5)
            ring = tf.tensor_scatter_nd_update(
                state.queues[i], [[state.time % (span * dilation)]], x[tf.newaxis]
            )
            queues.append(ring)
            taps.append(_next_taps(ring, state.time + 1, span, dilation))
            mixed = _product(z, weights.mixes[i]) + weights.mixes_bias[i]
            x = config.residual_scale * x + mixed[:, :residual]
            skips += mixed[:, residual:]
        h = tf.nn.relu(_product(tf.nn.relu(skips), weights.head[0]) + weights.head_bias[0])
        params = _product(h, weights.head[1]) + weights.head_bias[1]
        recent = tf.concat([state.recent, state.value[tf.newaxis]], axis=0)[1:]
        return params, State(state.time + 1, state.value, recent, tuple(queues), tuple(taps))

    def step(self, weights, state, terms, noise, temperature):
        params, state = self.describe(weights, state, terms)
        value = outputs.draw_value(self.config, params, noise, temperature, self.greedy)
        return value, state._replace(value=outputs.value_as_input(self.config, value))

    def decode(self, values):
        return outputs.value_as_waveform(self.config, values)[..., tf.newaxis]

    def take(self, state, group):
        return State(
            state.time,
            state.value[group],
            state.recent[:, group],
            tuple(queue[:, group] for queue in state.queues),
            tuple(taps[group] for taps in state.taps),
        )


def _product(x, matrix):
    return tf.cast(tf.matmul(tf.cast(x, matrix.dtype), matrix), tf.float32)


def _first_layer(config, weights, state):
    inputs = tf.unstack(tf.concat([state.recent, state.value[tf.newaxis]], axis=0))
    x = weights.initial_bias
    for tap, value in enumerate(inputs):
        if config.one_hot_input:
            x += tf.gather(weights.initial[tap], value)
        else:
            x += value[:, tf.newaxis] * weights.initial[tap]
    return x


def naive(network, inputs, local=None, speaker=None):
    """Predict the sample after the last input by a pass over the whole receptive field.

    This is the cost of every sample without queues; `WaveNetSteps` gives the same numbers.

    Args:
      network: `WaveNetNetwork`.
      inputs: [B, time] codes or waveform.
      local: float32 [B, time, local_channels], or None.
      speaker: float32 [B, 1, speaker_channels], or None.

    Returns:
      float32 [B, output_channels].
    """
    field = network.config.stack_receptive_field
    local = None if local is None else local[:, -field:]
    return network(inputs[:, -field:], local, speaker, padding="causal")[:, -1]
