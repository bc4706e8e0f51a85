"""Audio from WaveRNN: one compiled loop, dense or block-sparse.

A sample costs five products: R, then O1 and O2 for the coarse half, then O3 and O4 for the fine
half (arXiv:1802.08435 sections 2 and 5.2). Columns of R are reordered to coarse u, r, e, fine
u, r, e, so that each half of the gates is one slice. Pruned matrices can be stored as their blocks
only (`layers.block_sparsity`), which then stay in the cache of a core.
"""

import dataclasses
import typing
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError
from tfwave.layers.block_sparsity import Blocks, is_worth_blocks, product, to_blocks
from tfwave.layers.gru import gates
from tfwave.losses import likelihood
from tfwave.models import sampler, step_noise
from tfwave.models.wavernn.cell import scaled, waveform_of


class Weights(typing.NamedTuple):
    """Weights as the loop uses them, matrices dense or `Blocks`; H units."""

    recurrent: typing.Any  # [H, 3 H]
    past: tf.Tensor  # [2, 3 H]: from c_{t-1} and f_{t-1} to the gates
    present: tf.Tensor  # [3 H / 2]: from c_t to the gates of the fine half
    bias: tf.Tensor  # [3 H]
    outputs: tuple  # O1 to O4
    output_biases: tuple


class State(typing.NamedTuple):
    """State of generation for B clips."""

    h: tf.Tensor  # float32 [B, H]
    coarse: tf.Tensor  # int32 [B], half of the preceding sample
    fine: tf.Tensor  # int32 [B]


def fold(cell, sparse: bool | None = False) -> Weights:
    """Prepare the weights of a `DualSoftmaxCell` for the loop.

    Args:
      cell: DualSoftmaxCell.
      sparse: whether pruned matrices are kept as their blocks; None where that is faster, which
        cannot be determined inside a graph.
    """

    def kept(matrix, mask):
        chosen = mask is not None and (is_worth_blocks(matrix) if sparse is None else sparse)
        return to_blocks(matrix) if chosen else matrix

    recurrent = kept(by_halves(cell.effective_recurrent()), cell.recurrent_mask)
    outputs = map(kept, cell.effective_outputs(), cell.output_masks)
    kernel = by_halves(cell.masked_inputs_kernel())
    return Weights(
        recurrent,
        kernel[:2],
        kernel[2, kernel.shape[1] // 2 :],
        by_halves(tf.convert_to_tensor(cell.gate_bias)),
        tuple(outputs),
        tuple(tf.convert_to_tensor(bias) for bias in cell.output_biases),
    )


def by_halves(columns):
    """Reorder columns [..., 3 * units] from u, r, e to coarse u, r, e, then fine u, r, e."""
    outer, units = tf.shape(columns)[:-1], columns.shape[-1] // 6
    parts = tf.reshape(columns, tf.concat([outer, [3, 2, units]], axis=0))
    return tf.reshape(tf.stack(tf.unstack(parts, axis=-2), axis=-3), tf.shape(columns))


def silence(units, bins, clips) -> State:
    """Return the state before the first sample: zeros, with a preceding sample of silence."""
    middle = tf.fill([clips], bins // 2)
    return State(tf.zeros([clips, units]), middle, tf.zeros_like(middle))


@dataclasses.dataclass(frozen=True)
class WaveRNNSteps(sampler.StepModel):
    """Steps of a dual-softmax cell; `weights` are `Weights` and `state` is `State`.

    Rows are (float32 [frames, B, 3 H] added to the gates, columns in the order of `by_halves`;
    int32 scalar, the number of samples of the first frame to skip), or None.

    Attributes:
      bins: number of classes of each half.
      hop: number of samples per frame.
    """

    bins: int
    hop: int
    value = tf.TensorSpec([2], tf.int32)  # the halves

    def noise(self, seed, number, clips):
        return step_noise.uniform(step_noise.block_seed(seed, number), self.block, clips, 2)

    def terms(self, weights, rows):
        if rows is None:
            return lambda step: None
        local, offset = rows
        return lambda step: local[(offset + step) // self.hop]

    def describe(self, weights, state, extra, draw):
        """Generate one sample and return (`State`, logits of the coarse half, of the fine half).

        `extra`, float32 [B, 3 H] or None, is added to the gates. `draw` is a function of (logits
        [B, bins], 0 for the coarse or 1 for the fine half) that returns int32 [B].
        """
        h_coarse, h_fine = tf.split(state.h, 2, axis=-1)
        past = tf.stack([scaled(state.coarse, self.bins), scaled(state.fine, self.bins)], axis=-1)
        terms = weights.bias + past[:, :1] * weights.past[0] + past[:, 1:] * weights.past[1]
        terms = terms if extra is None else terms + extra
        terms = tf.split(terms, 2, axis=-1)
        products = tf.split(product(state.h, weights.recurrent), 2, axis=-1)
        h_coarse, logits_coarse = _half(weights, 0, products[0], terms[0], h_coarse)
        coarse = draw(logits_coarse, 0)
        now = scaled(coarse, self.bins)[:, tf.newaxis] * weights.present
        h_fine, logits_fine = _half(weights, 1, products[1], terms[1] + now, h_fine)
        state = State(tf.concat([h_coarse, h_fine], axis=-1), coarse, draw(logits_fine, 1))
        return state, logits_coarse, logits_fine

    def step(self, weights, state, terms, noise, temperature):
        def draw(logits, half):
            return likelihood.sample_softmax(logits, noise[:, half], temperature)

        state, _, _ = self.describe(weights, state, terms, draw)
        return tf.stack([state.coarse, state.fine], axis=-1), state

    def decode(self, values):
        return waveform_of(values[..., 0], values[..., 1], self.bins)[..., tf.newaxis]


def _half(weights, half, products, terms, h):
    u, _, e = gates(products, terms)
    h = e + u * (h - e)
    (first, second), (b_first, b_second) = (
        parts[2 * half : 2 * half + 2] for parts in (weights.outputs, weights.output_biases)
    )
    return h, product(tf.nn.relu(product(h, first) + b_first), second) + b_second


def stream(
    network,
    samples: int | None = None,
    features: np.ndarray | None = None,
    clips: int | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    first_clip: int = 0,
    sparse: bool | None = None,
    padded: bool = False,
    xla: bool = True,
) -> Iterator[tf.Tensor]:
    """Generate audio block by block.

    Args:
      network: WaveRNNNetwork.
      samples: samples of every clip; by default all that the features cover.
      features: float32 [clips or 1, frames, channels]; needed by a conditioned network. At both
        ends the outer frames are repeated for context.
      clips: number of clips; by default that of the features, or 1.
      sparse: whether pruned matrices are multiplied as their blocks only; by default where that is
        faster.
      padded: the features already have `frame_padding` frames of context at both ends.
      temperature, seed, first_clip, xla: see `sampler.stream`.

    Returns:
      Iterator of blocks, float32 [clips, up to `sampler.BLOCK` samples, 1] in [-1, 1).

    Raises:
      UserError: an argument does not fit the network; the message names it.
    """
    config = network.config
    features, clips, samples = checked(config, samples, features, clips, temperature, padded)
    start = begin(network, clips, features, sparse)
    # Sparse weights stay in the cache, so that batching saves nothing: one clip per core.
    groups = clips if isinstance(start.weights.recurrent, Blocks) else 1
    model = WaveRNNSteps(config.bins, config.hop_length)
    return sampler.stream(model, start, samples, seed, first_clip, temperature, groups, xla)


def begin(network, clips, features=None, sparse: bool | None = False) -> sampler.Start:
    """Return the start of generation from silence, eagerly or inside a graph.

    Args:
      network: WaveRNNNetwork.
      clips: number of clips.
      features, sparse: see `frame_terms` and `fold`.
    """
    config, block, hop = network.config, sampler.BLOCK, network.config.hop_length
    local = frame_terms(network, features, clips)

    def rows(number, _):
        if local is None:
            return None
        first, frames = number * block // hop, (hop + block - 2) // hop + 1
        indices = tf.minimum(first + tf.range(frames), tf.shape(local)[0] - 1)
        return tf.gather(local, indices), tf.convert_to_tensor(number * block - first * hop)

    state = silence(config.units, config.bins, clips)
    return sampler.Start(clips, fold(network.cell, sparse), state, rows)


def frame_terms(network, features, clips):
    """Return the terms of features in the gates, float32 [frames, clips, 3 * units], or None.

    Args:
      network: WaveRNNNetwork.
      features: float32 [clips or 1, frames + 2 * frame_padding, channels], or None.
      clips: number of clips.
    """
    if features is None:
        return None
    terms = tf.transpose(by_halves(network.conditioner(features)), [1, 0, 2])
    return tf.repeat(terms, clips, axis=1) if terms.shape[1] == 1 else terms


def checked(
    config, samples, features, clips, temperature, padded
) -> tuple[tf.Tensor | None, int, int]:
    """Check a request.

    Returns:
      (features float32 [.., frames with context at both ends, channels] or None, clips, samples).

    Raises:
      UserError: an argument does not fit the network; the message names it.
    """
    if (features is None) != (config.conditioning == "none"):
        needs = "needs features" if features is None else "takes no features"
        raise UserError(f"features: this network {needs}")
    if features is None:
        clips, covered = 1 if clips is None else clips, None
    else:
        features = _checked_features(config, features)
        if clips is not None and features.shape[0] not in (1, clips):
            raise UserError(f"clips is {clips}; the features are of {features.shape[0]} clips")
        clips = features.shape[0] if clips is None else clips
        padding = config.frame_padding
        if not padded:
            features = sampler.repeat_ends(features, padding, padding)
        frames = features.shape[1] - 2 * padding
        if frames < 1:
            raise UserError(
                f"features have {frames + 2 * padding} frames, of which {2 * padding} are context"
            )
        covered = frames * config.hop_length
    samples = covered if samples is None else samples
    if samples is None:
        raise UserError("samples: an unconditional network needs their number")
    sampler.check_request(clips, samples, temperature)
    if covered is not None and covered < samples:
        raise UserError(f"features cover {covered} samples; {samples} are asked for")
    return features, clips, samples


def _checked_features(config, features):
    features = tf.convert_to_tensor(features, tf.float32)
    if features.shape.rank != 3:
        raise UserError(
            f"features must be [clips, frames, channels], not of shape {tuple(features.shape)}"
        )
    if features.shape[-1] != config.channels:
        raise UserError(
            f"features have {features.shape[-1]} channels; the network takes {config.channels}"
        )
    if features.shape[1] < 1:
        raise UserError("features have no frames")
    if not bool(tf.reduce_all(tf.math.is_finite(features))):
        raise UserError("features hold numbers that are not finite")
    return features
