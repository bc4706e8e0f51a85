"""Generation from subscale WaveRNN: sub-tensors one after the other, or side by side.

Source: arXiv:1802.08435 section 4; see `wavernn_subscale`.
"""

import functools

import tensorflow as tf

from tfwave.models import wavernn_generation as generation


@functools.lru_cache(maxsize=4)
def compiled(network, steps, batched, xla):
    """A function of (local, uniform, temperature) that makes clips; see `_batched`.

    Args:
      network: SubscaleNetwork.
      steps: samples of a sub-tensor.
      batched: side by side, or one sub-tensor after the other.
      xla: compile it.
    """
    make = _batched if batched else _one_by_one

    def run(local, uniform, temperature):
        return make(network, steps, local, uniform, temperature)

    return tf.function(run, jit_compile=xla, autograph=False)


def _one_by_one(network, steps, local, uniform, temperature):
    """All of sub-tensor 0, then all of sub-tensor 1, and so on; see `_batched`."""
    config, clips = network.config, uniform.shape[1]
    weights = generation.fold(network.cell)
    done = tf.zeros([clips, config.tensors, steps, 2], tf.int32)
    for s in range(config.tensors):
        told = network.known(done[..., 0], done[..., 1])[:, s]
        terms = tf.transpose(generation.by_halves(network.ahead(told)), [1, 0, 2])
        samples = config.tensors * tf.range(steps) + s
        if local is not None:
            terms += tf.gather(local, samples // config.hop_length)
        state = generation.start(config.units, config.bins, clips)
        made, _ = generation.advance(
            config.bins, weights, state, terms, 0, 1, tf.gather(uniform, samples), temperature
        )
        made = tf.transpose(made, [1, 0, 2])[:, tf.newaxis]
        done = tf.concat([done[:, :s], made, done[:, s + 1 :]], axis=1)
    return unfolded(done)


def _batched(network, steps, local, uniform, temperature):
    """All sub-tensors side by side, sub-tensor s `future` steps behind sub-tensor s - 1.

    At time T sub-tensor s makes its step T - s * future - lead, so that what is made at one time is
    one column of a skewed buffer. In the lead the first sub-tensor is told what lies ahead of it.

    Args:
      network: SubscaleNetwork.
      steps: samples of a sub-tensor.
      local: float32 [frames, clips, 3 * units] of `wavernn_generation.frame_terms`, or None.
      uniform: float32 [samples or more, clips, 2].
      temperature: float32 scalar above 0.

    Returns:
      int32 [clips, tensors * steps, 2], coarse and fine halves in the order of time.
    """
    config, clips = network.config, uniform.shape[1]
    count, chunk = config.tensors, config.chunk
    lead = -(-config.reach // chunk) * chunk
    begins = [lead + s * config.future for s in range(count)]
    rounds = -(-(begins[-1] + steps) // chunk)
    length, lag = rounds * chunk, tf.constant(begins)
    weights = generation.fold(network.cell)

    def extras(first, caches, buffer):
        """Gate terms [chunk, clips * s, 3 * units] of the steps from `first`, int32 [s], on."""
        rows = first[:, tf.newaxis] + config.reach + tf.range(chunk)  # [s, rows]
        inside = (rows >= 0) & (rows < steps)
        places = tf.clip_by_value(rows[:, tf.newaxis] + lag[:, tf.newaxis], 0, length - 1)
        places += tf.range(count)[:, tf.newaxis] * length
        values = tf.gather(tf.reshape(buffer, [clips, count * length, 2]), places, axis=1)
        told = network.told(values, inside)
        terms, caches = network.ahead.further(flat(told), caches)
        return tf.transpose(generation.by_halves(terms), [1, 0, 2]), caches

    def body(t, state, caches, buffer):
        first = t * chunk - lag
        terms, caches = extras(first, caches, buffer)
        at = first + tf.range(chunk)[:, tf.newaxis]  # [rows, s]
        at = tf.clip_by_value(at, 0, steps - 1) * count + tf.range(count)
        if local is not None:
            rows = tf.gather(local, at // config.hop_length)  # [rows, s, clips, 3 * units]
            terms += tf.reshape(tf.transpose(rows, [0, 2, 1, 3]), tf.shape(terms))
        drawn = tf.transpose(tf.gather(uniform, at), [0, 2, 1, 3])
        fresh = generation.start(config.units, config.bins, clips * count)
        new = tf.tile(first <= 0, [clips])
        state = generation.State(
            tf.where(new[:, tf.newaxis], fresh.h, state.h),
            tf.where(new, fresh.coarse, state.coarse),
            tf.where(new, fresh.fine, state.fine),
        )
        made, state = generation.advance(
            config.bins, weights, state, terms, 0, 1,
            tf.reshape(drawn, [chunk, clips * count, 2]), temperature,
        )  # fmt: skip
        made = tf.reshape(made, [chunk, clips, count, 2])
        columns = t * chunk + tf.range(chunk)
        by_time = tf.transpose(buffer, [2, 0, 1, 3])
        by_time = tf.tensor_scatter_nd_update(by_time, columns[:, tf.newaxis], made)
        return t + 1, state, caches, tf.transpose(by_time, [1, 2, 0, 3])

    state = generation.start(config.units, config.bins, clips * count)
    caches = network.ahead.empty(clips * count)
    buffer = tf.zeros([clips, count, length, 2], tf.int32)
    *_, buffer = tf.while_loop(lambda t, *_: t < rounds, body,
                               (tf.constant(0), state, caches, buffer))  # fmt: skip
    return unfolded(tf.stack([buffer[:, s, b : b + steps] for s, b in enumerate(begins)], axis=1))


def folded(signal, tensors):
    """Signal [batch, tensors * steps, ...] -> sub-tensors [batch, tensors, steps, ...]."""
    batch, samples, *more = _sizes(signal)
    parts = tf.reshape(signal, [batch, samples // tensors, tensors, *more])
    return tf.transpose(parts, [0, 2, 1, *range(3, parts.shape.rank)])


def unfolded(parts):
    """Sub-tensors [batch, tensors, steps, ...] -> signal [batch, tensors * steps, ...]."""
    parts = tf.transpose(parts, [0, 2, 1, *range(3, parts.shape.rank)])
    batch, steps, tensors, *more = _sizes(parts)
    return tf.reshape(parts, [batch, steps * tensors, *more])


def flat(parts):
    """[batch, tensors, ...] -> [batch * tensors, ...]."""
    batch, tensors, *more = _sizes(parts)
    return tf.reshape(parts, [batch * tensors, *more])


def _sizes(tensor):
    """The shape as a list, its numbers known where they can be."""
    now = tf.shape(tensor)
    return [now[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
