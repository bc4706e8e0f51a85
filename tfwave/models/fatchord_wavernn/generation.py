"""Audio from the mel-conditioned WaveRNN of public code: one compiled loop, whole clips or folds.

The weights are folded so that the loop reads as few of them as possible. With x the preceding
sample, I [x, c] = x I_x + I_c c, so that the contributions of x and of the conditioning c to the
gates and to the first dense layer are a product with a vector and a product outside of the loop; I
itself and the input product of the first GRU disappear. The contributions of the first GRU's state
to the second GRU, and to itself one sample later, are one product. At full size, 2.9 of 3.8 million
weights remain in the loop.

A long clip can be cut into overlapping folds, which are generated at the same time and crossfaded
(`fold_with_overlap`, `xfade_and_unfold` and `generate` of the public code).
"""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from tfwave.audio import mel, mulaw
from tfwave.errors import UserError
from tfwave.layers.gru import gates
from tfwave.models import sampler
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.wavenet import outputs

FADED = 20  # frames at the end of a clip over which it fades out


class Weights(typing.NamedTuple):
    """Weights as the loop uses them; U units, F dense units, C conditioning channels.

    "Terms" are summands of the gates of both GRUs and of both dense layers, in this order.
    """

    conditioning: tf.Tensor  # [C, 6 U + 2 F]: terms of a row of conditioning
    bias: tf.Tensor  # [6 U + 2 F]
    sample: tf.Tensor  # [6 U + F]: terms of the preceding sample, none in the second dense layer
    first: tuple  # six [U, U]: the first GRU's state to the second's gates and to its own
    second: tuple  # three [U, U]: the second GRU's state to its own gates
    recurrent_biases: tuple  # two [3 U]
    dense: tuple  # [U, F], [F, F], [F, outputs]
    output_bias: tf.Tensor


class State(typing.NamedTuple):
    """State of generation for B clips or folds."""

    value: tf.Tensor  # float32 [B], the preceding sample
    first: tf.Tensor  # float32 [B, U], state of the first GRU
    second: tf.Tensor  # float32 [B, U], state of the second
    products: tf.Tensor  # float32 [B, 3 U], the first state times its recurrent kernel


def scaled(config, labels):
    """Scale levels 0 .. config.levels - 1 to inputs of the network, float32 in [-1, 1]."""
    return tf.cast(labels, tf.float32) * (2.0 / (config.levels - 1)) - 1.0


def decoded(config, values):
    """Convert inputs of the network to the waveform, expanding companded classes."""
    if config.output == "categorical" and config.mu_law:
        return mulaw.expand(values, config.levels)
    return values


def fold_weights(network) -> Weights:
    """Prepare a `FatchordNetwork`'s weights for the loop."""
    units, bands = network.config.units, network.config.mel.n_mels
    part = network.config.aux_channels // 4

    def of(layer):
        return tf.convert_to_tensor(layer.kernel), tf.convert_to_tensor(layer.bias)

    kernel, bias = of(network.inputs_layer)
    (in_1, biases_1), (in_2, biases_2) = of(network.rnn1.cell), of(network.rnn2.cell)
    (dense_1, bias_1), (dense_2, bias_2), (dense_3, bias_3) = map(
        of, (network.fc1, network.fc2, network.fc3)
    )
    # Terms of the input layer's output, and of the other three auxiliary parts.
    through = tf.concat([in_1, in_2[:units], dense_1[:units]], axis=-1)
    hidden = bias_2.shape[0]
    folded = tf.pad(tf.matmul(kernel, through), [[0, 0], [0, hidden]])
    direct = tf.concat(
        [
            tf.pad(rows, [[0, 0], [before, 6 * units + 2 * hidden - before - rows.shape[1]]])
            for rows, before in (
                (in_2[units:], 3 * units),
                (dense_1[units:], 6 * units),
                (dense_2[hidden:], 6 * units + hidden),
            )
        ],
        axis=0,
    )
    assert folded.shape[0] == 1 + bands + part and direct.shape[0] == 3 * part
    own = [biases_1[0], biases_2[0], bias_1, bias_2]
    passed = tf.pad(tf.linalg.matvec(through, bias, transpose_a=True), [[0, hidden]])
    return Weights(
        tf.concat([folded[1:], direct], axis=0),
        tf.concat(own, axis=0) + passed,
        folded[0, : 6 * units + hidden],
        (*_by_gate(in_2[:units]), *_by_gate(network.rnn1.cell.recurrent_kernel)),
        _by_gate(network.rnn2.cell.recurrent_kernel),
        (biases_1[1], biases_2[1]),
        (dense_1[:units], dense_2[:hidden], dense_3),
        bias_3,
    )


def _by_gate(kernel):
    return tuple(tf.split(tf.convert_to_tensor(kernel), 3, axis=-1))


def silence(config, rows) -> State:
    """Return the state before the first sample of each row: zeros."""
    h = tf.zeros([rows, config.units])
    return State(tf.zeros([rows]), h, h, tf.zeros([rows, 3 * config.units]))


@dataclasses.dataclass(frozen=True)
class FatchordSteps(sampler.StepModel):
    """Steps of a `FatchordNetwork`; `weights` are `Weights` and `state` is `State`.

    Rows are conditioning, float32 [samples, B, C], terms float32 [B, 6 U + 2 F]. Samples are
    scaled as inputs of the network; see `decoded`.

    Attributes:
      config: FatchordWaveRNNConfig.
      greedy: whether the most likely value is taken instead of a draw.
    """

    config: FatchordWaveRNNConfig
    greedy: bool = False
    value = tf.TensorSpec([], tf.float32)

    def noise(self, seed, number, clips):
        return outputs.draws(self.config, seed, number, clips, self.block)

    def terms(self, weights, rows):
        terms = tf.tensordot(rows, weights.conditioning, 1) + weights.bias
        return lambda step: terms[step]

    def describe(self, weights, state, terms):
        """Process one sample and return (float32 [B, outputs], `State`).

        The first item describes the next sample, whose value the state does not contain yet.
        """
        units, hidden = state.first.shape[-1], weights.dense[1].shape[0]
        by_value = terms[:, :-hidden] + state.value[:, tf.newaxis] * weights.sample
        to_first, to_second, to_dense = tf.split(by_value, [3 * units, 3 * units, hidden], axis=-1)
        first = _updated(state.first, state.products + weights.recurrent_biases[0], to_first)
        to_gates, products = tf.split(_product(first, weights.first), 2, axis=-1)
        recurrent = _product(state.second, weights.second) + weights.recurrent_biases[1]
        second = _updated(state.second, recurrent, to_second + to_gates)
        dense = tf.nn.relu(tf.matmul(first + second, weights.dense[0]) + to_dense)
        dense = tf.nn.relu(tf.matmul(dense, weights.dense[1]) + terms[:, -hidden:])
        params = tf.matmul(dense, weights.dense[2]) + weights.output_bias
        return params, State(state.value, first, second, products)

    def draw(self, params, noise, temperature=1.0):
        """Draw samples, float32 [B] as inputs of the network; see `wavenet_outputs.draw_value`."""
        value = outputs.draw_value(self.config, params, noise, temperature, self.greedy)
        return scaled(self.config, value) if self.config.output == "categorical" else value

    def step(self, weights, state, terms, noise, temperature):
        params, state = self.describe(weights, state, terms)
        value = self.draw(params, noise, temperature)
        return value, state._replace(value=value)

    def decode(self, values):
        return values[..., tf.newaxis]


def _product(x, matrices):
    # XLA's product on the CPU takes half the time for a matrix of this size as for a wider one.
    return tf.concat([tf.matmul(x, matrix) for matrix in matrices], axis=-1)


def _updated(h, products, terms):
    z, _, new = gates(products, terms)
    return new + z * (h - new)


def begin(network, clips, rows, draws=None) -> sampler.Start:
    """Return the start of generation from silence.

    Args:
      network: FatchordNetwork.
      clips: number of clips or folds.
      rows: float32 [clips, samples, n_mels + aux_channels], of `FatchordNetwork.conditioning`.
      draws: tuple of float32 [samples, clips, ...] (see `wavenet_outputs.draws`) in place of a
        seed's, or None.
    """
    rows = tf.transpose(rows, [1, 0, 2])

    def of_block(array, number):
        # The last row is repeated beyond the end.
        indices = number * sampler.BLOCK + tf.range(sampler.BLOCK)
        return tf.gather(array, tf.minimum(indices, tf.shape(array)[0] - 1))

    def given(number):
        return tuple(of_block(each, number) for each in draws)

    weights, state = fold_weights(network), silence(network.config, clips)
    noise = None if draws is None else given
    return sampler.Start(
        clips, weights, state, lambda number, _: of_block(rows, number), noise=noise
    )


def run(network, rows, seed=0, draws=None, temperature=1.0, greedy=False, xla=True, groups=None):
    """Generate the samples of rows of conditioning, each clip from silence.

    Args:
      network, rows, draws: see `begin`.
      greedy: take the most likely value at each step instead of a draw.
      seed, temperature, xla, groups: see `sampler.stream`.

    Returns:
      float32 [clips, samples] in [-1, 1], as inputs of the network; see `decoded`.
    """
    start, model = begin(network, rows.shape[0], rows, draws), FatchordSteps(network.config, greedy)
    blocks = sampler.stream(
        model, start, rows.shape[1], seed, temperature=temperature, groups=groups, xla=xla
    )
    return tf.concat(list(blocks), axis=1)[..., 0]


def folded(rows, target, overlap):
    """Cut clips into overlapping folds, padding the last one with zeros.

    Args:
      rows: float32 [clips, samples, channels].
      target: number of samples of a fold between its overlaps.
      overlap: number of samples that two folds share.

    Returns:
      float32 [clips, folds, target + 2 * overlap, channels].
    """
    hop, length = target + overlap, target + 2 * overlap
    folds = fold_count(rows.shape[1], target, overlap)
    missing = (folds - 1) * hop + length - rows.shape[1]
    rows = tf.pad(rows, [[0, 0], [0, missing], [0, 0]])
    return tf.stack([rows[:, i * hop : i * hop + length] for i in range(folds)], axis=1)


def fold_count(samples, target, overlap):
    """Return the number of folds of a clip of `samples` samples."""
    return max(1, -(-(samples - overlap) // (target + overlap)))


def unfolded(folds, overlap):
    """Join folds, crossfaded with constant power.

    In the first half of an overlap only the end of the preceding fold is audible, as the next one,
    which starts without context, is still muted. So is the beginning of the first fold.

    Args:
      folds: float [clips, folds, length], from `folded`.
      overlap: number of samples that two folds share.

    Returns:
      float64 array [clips, folds * (length - overlap) + overlap].
    """
    folds = np.array(folds, np.float64)
    clips, count, length = folds.shape
    silent = overlap // 2
    ramp = np.linspace(-1.0, 1.0, overlap - silent)
    folds[..., :silent] = 0.0
    folds[..., silent:overlap] *= np.sqrt(0.5 * (1.0 + ramp))
    folds[..., length - overlap + silent :] *= np.sqrt(0.5 * (1.0 - ramp))
    hop = length - overlap
    joined = np.zeros([clips, count * hop + overlap])
    for i in range(count):
        joined[:, i * hop : i * hop + length] += folds[:, i]
    return joined


def faded(waveform, hop_length):
    """Fade clips [clips, samples] out over their last `FADED` frames; float64 array."""
    waveform = np.array(waveform, np.float64)
    waveform[:, -FADED * hop_length :] *= np.linspace(1.0, 0.0, FADED * hop_length)
    return waveform


def generate(
    network,
    features,
    seed=0,
    batched=False,
    target=11000,
    overlap=550,
    draws=None,
    temperature=1.0,
    greedy=False,
    xla=True,
):
    """Generate audio from features.

    Args:
      network: FatchordNetwork.
      features: float32 [clips, frames, n_mels]; padded with silence at both ends for context.
      batched: cut clips into folds, which are generated at the same time.
      target: number of samples of a fold between its overlaps.
      overlap: number of samples that two folds share.
      draws: random numbers in place of a seed's, see `run`; folds are ordered by clip.
      greedy: take the most likely value at each step instead of a draw.
      seed, temperature, xla: see `sampler.stream`.

    Returns:
      float32 [clips, (frames - 1) * hop_length, 1] in [-1, 1], except where two folds agree: there
      the crossfade of constant power can raise the level by up to sqrt(2).

    Raises:
      UserError: features of another shape, of fewer than 21 frames or not finite, or an argument
        out of range; the message names it.
    """
    config = network.config
    features = mel.check_features(features, config.mel, least=FADED + 1)
    for name, value, least in (("target", target, 1), ("overlap", overlap, 0)):
        if value < least:
            raise UserError(f"{name} must be {least} or more samples, not {value}")
    clips, samples = features.shape[0], (features.shape[1] - 1) * config.hop_length
    sampler.check_request(clips, samples, temperature)
    rows = conditioning(network, features)
    if batched:
        folds = folded(rows, target, overlap)
        rows = tf.reshape(folds, [-1, *folds.shape[2:]])
    else:
        rows = rows[:, :samples]
    made = run(network, rows, seed, draws, temperature, greedy, xla)
    made = decoded(config, made)
    if batched:
        made = unfolded(tf.reshape(made, [clips, -1, made.shape[1]]), overlap)[:, :samples]
    waveform = faded(made, config.hop_length).astype(np.float32)
    return tf.constant(waveform[..., np.newaxis])


def conditioning(network, features):
    """Map features without context to rows for `run`, float32 [clips, samples, channels]."""
    padding = network.config.frame_padding
    padded = tf.pad(features, [[0, 0], [padding, padding], [0, 0]])
    return tf.concat(network.conditioning(padded), axis=-1)
