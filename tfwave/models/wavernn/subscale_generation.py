"""Generation from subscale WaveRNN: its sub-tensors in parallel, as one batch.

Source: arXiv:1802.08435 section 4; see `wavernn_subscale`.
"""

import functools

import numpy as np
import tensorflow as tf

from tfwave.models import sampler
from tfwave.models.wavernn import generation


@functools.lru_cache(maxsize=4)
def compiled(network, xla):
    """Return `generate` of a network as a tf.function."""
    return tf.function(functools.partial(generate, network, xla=xla), autograph=False)


def generate(network, samples, clips, seed, temperature, local=None, xla=False):
    """Generate clips, sub-tensor s always `future` steps behind sub-tensor s - 1.

    Round t generates `chunk` steps of every sub-tensor s, from step t * chunk - lead - s * future.
    In the lead the look-ahead network processes the rows ahead of the first sub-tensor.

    Args:
      network: SubscaleNetwork.
      samples: int32 scalar, number of samples of each clip.
      clips: int32 scalar, number of clips.
      seed: int32 scalar, seed of the draws.
      temperature: float32 scalar above 0.
      local: float32 [frames, clips, 3 * units] of `wavernn_generation.frame_terms`, or None.
      xla: compile a round.

    Returns:
      int32 [clips, samples, 2], coarse and fine halves.
    """
    config = network.config
    count, chunk = config.tensors, config.chunk
    lead = -(-config.reach // chunk) * chunk
    lag = lead + config.future * np.arange(count, dtype=np.int32)
    steps = -(-samples // count)
    rounds = -(-(lag[-1] + steps) // chunk)
    uniform = _draws(config, seed, clips, count * steps)
    make_round = functools.partial(_round, network, generation.fold(network.cell))
    make_round = tf.function(make_round, jit_compile=xla, autograph=False)

    def make(t, carried):
        first = t * chunk - lag
        at = first + tf.range(chunk)[:, tf.newaxis]  # [rows, s]
        at = tf.clip_by_value(at, 0, steps - 1) * count + tf.range(count)
        rows = None
        if local is not None:
            frames = tf.minimum(at // config.hop_length, tf.shape(local)[0] - 1)
            rows = _by_row(tf.gather(local, frames))
        drawn = _by_row(tf.gather(uniform, at))
        return make_round(first, steps, carried, drawn, rows, temperature)

    batch = clips * count
    recent = tf.zeros([clips, count, _kept(config), 2], tf.int32)
    silence = generation.silence(config.units, config.bins, batch)
    carried = silence, network.ahead.empty(batch), recent
    made = sampler.by_blocks(rounds, make, carried, tf.TensorSpec([chunk, None, 2], tf.int32))
    made = tf.reshape(made, [rounds * chunk, clips, count, 2])
    made = tf.stack([made[late : late + steps, :, s] for s, late in enumerate(lag)], axis=1)
    made = tf.reshape(made, [steps * count, clips, 2])[:samples]
    return tf.transpose(made, [1, 0, 2])


def _round(network, weights, first, steps, carried, uniform, local, temperature):
    """Generate `chunk` steps of every sub-tensor.

    Args:
      network: SubscaleNetwork.
      weights: `wavernn_generation.Weights`.
      first: int32 [s], the first step of each sub-tensor.
      steps: int32 scalar, number of steps of a sub-tensor.
      carried: `wavernn_generation.State` of clips * s; caches of `AheadNetwork.further`; int32
      [clips, s, kept, 2], halves from the last rounds.
      uniform: float32 [chunk, clips * s, 2].
      local: float32 [chunk, clips * s, 3 * units], or None.
      temperature: float32 scalar above 0.

    Returns:
      (int32 [chunk, clips * s, 2]; `carried` for the next round).
    """
    config, chunk = network.config, network.config.chunk
    state, caches, recent = carried
    count, clips = config.tensors, tf.shape(recent)[0]
    ahead = first[:, tf.newaxis] + config.reach + tf.range(chunk)  # [s, rows]
    masked = network.told(
        tf.gather(tf.reshape(recent, [clips, -1, 2]), _places(config), axis=1),
        (ahead >= 0) & (ahead < steps),
    )
    terms, caches = network.ahead.further(flat(masked), caches)
    terms = tf.transpose(generation.by_halves(terms), [1, 0, 2])
    terms = terms if local is None else terms + local
    fresh = generation.silence(config.units, config.bins, clips * count)
    begins = tf.tile(first <= 0, [clips])
    state = generation.State(
        tf.where(begins[:, tf.newaxis], fresh.h, state.h),
        tf.where(begins, fresh.coarse, state.coarse),
        tf.where(begins, fresh.fine, state.fine),
    )
    model = generation.WaveRNNSteps(config.bins, hop=1)
    made, state = sampler.advance(model, weights, state, (terms, 0), uniform, temperature)
    new = tf.transpose(tf.reshape(made, [chunk, clips, count, 2]), [1, 2, 0, 3])
    return made, (state, caches, tf.concat([recent, new], axis=2)[:, :, chunk:])


def _kept(config):
    """Return the number of past steps to keep, from the first sub-tensor to the last."""
    return max(config.chunk, (config.tensors - 1) * config.future - config.reach)


def _places(config):
    """Return the places of the inputs of the look-ahead network in the flattened `recent`.

    Returns:
      int32 [s, z, rows]: places of the rows of sub-tensor z that are inputs for sub-tensor s. Rows
      of z >= s are masked, so their places are arbitrary.
    """
    number, kept = np.arange(config.tensors, dtype=np.int32), _kept(config)
    behind = (number[:, np.newaxis] - number) * config.future - config.reach
    within = kept - behind[..., np.newaxis] + np.arange(config.chunk, dtype=np.int32)
    return np.clip(within, 0, kept - 1) + kept * number[:, np.newaxis]


def _draws(config, seed, clips, samples):
    """Return the noise of all blocks of one cell, [samples or more, clips, 2]."""
    model = generation.WaveRNNSteps(config.bins, hop=1)
    blocks = tf.map_fn(
        lambda number: model.noise(seed, number, clips),
        tf.range(-(-samples // model.block)),
        fn_output_signature=tf.TensorSpec([model.block, None, 2], tf.float32),
    )
    return tf.reshape(blocks, [-1, clips, 2])


def _by_row(values):
    """Reorder [rows, s, clips, n] to [rows, clips * s, n]."""
    rows, _, _, width = values.shape
    return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [rows, -1, width])


def folded(signal, tensors):
    """Fold a signal [batch, tensors * steps, ...] into [batch, tensors, steps, ...]."""
    batch, samples, *more = _sizes(signal)
    parts = tf.reshape(signal, [batch, samples // tensors, tensors, *more])
    return tf.transpose(parts, [0, 2, 1, *range(3, parts.shape.rank)])


def unfolded(parts):
    """Unfold sub-tensors [batch, tensors, steps, ...] to [batch, tensors * steps, ...]."""
    parts = tf.transpose(parts, [0, 2, 1, *range(3, parts.shape.rank)])
    batch, steps, tensors, *more = _sizes(parts)
    return tf.reshape(parts, [batch, steps * tensors, *more])


def flat(parts):
    """Merge the first two axes: [batch, tensors, ...] to [batch * tensors, ...]."""
    batch, tensors, *more = _sizes(parts)
    return tf.reshape(parts, [batch * tensors, *more])


def _sizes(tensor):
    """Return the shape as a list, static sizes as numbers."""
    now = tf.shape(tensor)
    return [now[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
