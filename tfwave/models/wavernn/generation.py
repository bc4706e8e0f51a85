"""Audio from WaveRNN: one compiled loop, dense or block-sparse.

A sample costs five products: R, then O1 and O2 for the coarse half, then O3 and O4 for the fine
half (arXiv:1802.08435 sections 2 and 5.2). Columns of R are put in the order coarse u, r, e, fine
u, r, e, so that each half of the gates is one slice. Pruned matrices can be kept as their blocks
only (`layers.block_sparsity`), which then stay in the cache of a core.
"""

import functools
import typing

import tensorflow as tf

from tfwave.errors import UserError
from tfwave.layers.block_sparsity import Blocks, is_worth_blocks, product, to_blocks
from tfwave.losses import likelihood
from tfwave.models.wavernn.cell import gates, scaled, waveform_of

BLOCK = 512  # samples that one call of the compiled loop makes


class Weights(typing.NamedTuple):
    """A network's weights as the loop uses them, matrices dense or `Blocks`; H units."""

    recurrent: typing.Any  # [H, 3 H]
    past: tf.Tensor  # [2, 3 H]: what c_{t-1} and f_{t-1} add to the gates
    present: tf.Tensor  # [3 H / 2]: what c_t adds to the gates of the fine half
    bias: tf.Tensor  # [3 H]
    outputs: tuple  # O1 to O4
    output_biases: tuple


class State(typing.NamedTuple):
    """Where generation stands; B clips."""

    h: tf.Tensor  # float32 [B, H]
    coarse: tf.Tensor  # int32 [B], the sample before
    fine: tf.Tensor  # int32 [B]


def fold(cell, sparse=False) -> Weights:
    """Prepare the weights of a `DualSoftmaxCell` for the loop.

    Args:
      cell: DualSoftmaxCell.
      sparse: whether pruned matrices are kept as their blocks; None for those where that is
        faster, which must not be asked for inside a graph.
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
    """Columns [..., 3 * units] in order u, r, e -> coarse u, r, e, then fine u, r, e."""
    outer, units = tf.shape(columns)[:-1], columns.shape[-1] // 6
    parts = tf.reshape(columns, tf.concat([outer, [3, 2, units]], axis=0))
    return tf.reshape(tf.stack(tf.unstack(parts, axis=-2), axis=-3), tf.shape(columns))


def start(units, bins, clips) -> State:
    """The state before the first sample: zeros, after a sample of silence."""
    middle = tf.fill([clips], bins // 2)
    return State(tf.zeros([clips, units]), middle, tf.zeros_like(middle))


def step(weights, bins, state, extra, draw):
    """Make one sample.

    Args:
      weights: `Weights`.
      bins: classes of each half.
      state: `State`.
      extra: float32 [B, 3 H] added to the gates, columns in the order of `by_halves`, or None.
      draw: function of (logits [B, bins], 0 for the coarse or 1 for the fine half) that gives int32
        [B].

    Returns:
      (`State` after the sample, logits of the coarse half, of the fine half).
    """
    h_coarse, h_fine = tf.split(state.h, 2, axis=-1)
    past = tf.stack([scaled(state.coarse, bins), scaled(state.fine, bins)], axis=-1)
    terms = weights.bias + past[:, :1] * weights.past[0] + past[:, 1:] * weights.past[1]
    terms = terms if extra is None else terms + extra
    terms = tf.split(terms, 2, axis=-1)
    products = tf.split(product(state.h, weights.recurrent), 2, axis=-1)
    h_coarse, logits_coarse = _half(weights, 0, products[0], terms[0], h_coarse)
    coarse = draw(logits_coarse, 0)
    now = scaled(coarse, bins)[:, tf.newaxis] * weights.present
    h_fine, logits_fine = _half(weights, 1, products[1], terms[1] + now, h_fine)
    state = State(tf.concat([h_coarse, h_fine], axis=-1), coarse, draw(logits_fine, 1))
    return state, logits_coarse, logits_fine


def _half(weights, half, products, terms, h):
    u, _, e = gates(products, terms)
    h = e + u * (h - e)
    (first, second), (b_first, b_second) = (
        parts[2 * half : 2 * half + 2] for parts in (weights.outputs, weights.output_biases)
    )
    return h, product(tf.nn.relu(product(h, first) + b_first), second) + b_second


def draw_value(logits, uniform, temperature=1.0):
    """Draw classes: how many cumulative probabilities are at most the uniform number.

    Args:
      logits: float32 [B, bins].
      uniform: float32 [B] in [0, 1).
      temperature: above 0; divides the logits.

    Returns:
      int32 [B].
    """
    likely = tf.exp((logits - tf.reduce_max(logits, -1, keepdims=True)) / temperature)
    return likelihood.sample_categorical(likely, uniform)


def draws(seed, number, clips, count):
    """Uniform numbers of `count` samples, float32 [count, clips, 2]: coarse, fine.

    Clip i of a seed gets the same numbers however many clips there are.

    Args:
      seed: int32 scalar.
      number: int32 scalar, number of the block of `count` samples.
      clips: number of clips.
      count: samples, even.
    """
    seed = tf.random.experimental.stateless_fold_in(tf.stack([seed, 0]), number)
    uniform = tf.random.stateless_uniform([clips, count, 2], seed, alg="philox")
    return tf.transpose(uniform, [1, 0, 2])


def advance(bins, weights, state, local, offset, hop, uniform, temperature):
    """Make as many samples as there are draws.

    Args:
      bins: classes of each half.
      weights: `Weights`.
      state: `State`.
      local: float32 [frames, B, 3 H] added to the gates, columns as of `by_halves`, or None.
      offset: int32 scalar, samples of the first frame that are over.
      hop: samples of a frame.
      uniform: float32 [samples, B, 2].
      temperature: float32 scalar above 0.

    Returns:
      (int32 [samples, B, 2] coarse and fine halves, `State`).
    """
    count = uniform.shape[0]

    def body(i, state, made):
        extra = None if local is None else local[(offset + i) // hop]
        drawn = uniform[i]
        state, _, _ = step(
            weights,
            bins,
            state,
            extra,
            lambda logits, half: draw_value(logits, drawn[:, half], temperature),
        )
        value = tf.stack([state.coarse, state.fine], axis=-1)
        return i + 1, state, tf.tensor_scatter_nd_update(made, [[i]], value[tf.newaxis])

    made = tf.zeros_like(uniform, tf.int32)
    _, state, made = tf.while_loop(lambda i, *_: i < count, body, (tf.constant(0), state, made))
    return made, state


@functools.lru_cache(maxsize=16)
def compiled(bins, hop, xla):
    """`advance` of several groups of clips, which run at the same time."""

    def run(weights, state, local, offset, uniform, temperature):
        return advance(bins, weights, state, local, offset, hop, uniform, temperature)

    one = tf.function(run, jit_compile=xla, autograph=False)

    def groups(weights, offset, temperature, parts):
        return [one(weights, *part[:2], offset, part[2], temperature) for part in parts]

    return tf.function(groups, autograph=False)


def stream(
    network,
    samples=None,
    features=None,
    clips=None,
    temperature=1.0,
    seed=0,
    sparse=None,
    padded=False,
    xla=True,
):
    """Generate audio and yield it as it is made.

    Args:
      network: WaveRNNNetwork.
      samples: samples of every clip; by default all that the features cover.
      features: float32 [clips or 1, frames, channels]; needed by a conditioned network. Beyond both
        ends the outer frames are repeated for context.
      clips: number of clips; by default that of the features, or 1.
      temperature: above 0; below 1 keeps closer to the likely.
      seed: int. Clip i of a seed is drawn from the same numbers however many clips there are.
      sparse: whether pruned matrices are multiplied as their blocks only; by default where that is
        faster.
      padded: the features already have `frame_padding` frames of context at both ends.
      xla: compile the loop (seconds, once for each shape), or run it op by op.

    Yields:
      float32 [clips, up to BLOCK samples, 1] in [-1, 1).

    Raises:
      UserError: an argument does not fit the network; names it.
    """
    config = network.config
    features, clips, samples = checked(config, samples, features, clips, temperature, padded)
    weights = fold(network.cell, sparse)
    local = frame_terms(network, features, clips)
    # Sparse weights stay in the cache, so that a batch would save nothing: a clip for each core.
    size = 1 if isinstance(weights.recurrent, Blocks) else clips
    groups = [slice(first, first + size) for first in range(0, clips, size)]
    states = [start(config.units, config.bins, size) for _ in groups]
    run = compiled(config.bins, config.hop_length, xla)
    temperature = tf.constant(temperature, tf.float32)
    for number in range(-(-samples // BLOCK)):
        first = number * BLOCK
        rows, offset = frames_of(local, first, config.hop_length)
        uniform = draws(tf.constant(seed), tf.constant(number), clips, BLOCK)
        parts = [
            (state, None if rows is None else rows[:, group], uniform[:, group])
            for state, group in zip(states, groups, strict=True)
        ]
        made, states = zip(*run(weights, offset, temperature, parts), strict=True)
        made = tf.concat(made, axis=1)
        made = waveform_of(made[..., 0], made[..., 1], config.bins)
        yield tf.transpose(made)[:, : samples - first, tf.newaxis]


def frame_terms(network, features, clips):
    """What features add to the gates, float32 [frames, clips, 3 * units] by halves, or None.

    Args:
      network: WaveRNNNetwork.
      features: float32 [clips or 1, frames + 2 * frame_padding, channels], or None.
      clips: number of clips.
    """
    if features is None:
        return None
    terms = tf.transpose(by_halves(network.conditioner(features)), [1, 0, 2])
    return tf.repeat(terms, clips, axis=1) if terms.shape[1] != clips else terms


def frames_of(local, first, hop):
    """The frames of the BLOCK samples from number `first` on, and how much of the first is over."""
    if local is None:
        return None, tf.constant(0)
    begin, size = first // hop, (hop + BLOCK - 2) // hop + 1
    rows = tf.gather(local, tf.minimum(begin + tf.range(size), tf.shape(local)[0] - 1))
    return rows, tf.convert_to_tensor(first - begin * hop)


def checked(config, samples, features, clips, temperature, padded):
    """Check a request.

    Returns:
      (features float32 [.., frames with context at both ends, channels] or None, clips, samples).

    Raises:
      UserError: an argument does not fit the network; names it.
    """
    if not temperature > 0:
        raise UserError(f"temperature must be above 0, not {temperature}")
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
            ends = (tf.repeat(end, padding, 1) for end in (features[:, :1], features[:, -1:]))
            features = tf.concat([next(ends), features, next(ends)], axis=1)
        frames = features.shape[1] - 2 * padding
        if frames < 1:
            raise UserError(
                f"features have {frames + 2 * padding} frames, of which {2 * padding} are context"
            )
        covered = frames * config.hop_length
    samples = covered if samples is None else samples
    if samples is None:
        raise UserError("samples: an unconditional network needs their number")
    if samples < 1:
        raise UserError(f"samples must be 1 or more, not {samples}")
    if clips < 1:
        raise UserError(f"clips must be 1 or more, not {clips}")
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
