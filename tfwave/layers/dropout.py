"""Dropout whose masks do not change over time."""

import tensorflow as tf


def dropout_over_time(x: tf.Tensor, rate: float, seed: tf.Tensor, layer: int) -> tf.Tensor:
    """Drop whole channels of a clip, the same ones in every frame.

    Source: arXiv:1802.04208 section 3.4, where it is evaluated in place of phase shuffle.

    Args:
      x: [batch, frames..., channels].
      rate: probability of dropping, 0 or more and below 1; the rest is scaled by 1 / (1 - rate).
      seed: int32 [2].
      layer: number of the layer, which distinguishes the layers of one pass.

    Returns:
      A tensor of x's shape.
    """
    mask = [tf.shape(x)[0], *[1] * (len(x.shape) - 2), x.shape[-1]]
    seed = tf.random.experimental.stateless_fold_in(seed, layer)
    return tf.nn.experimental.stateless_dropout(x, rate, seed, noise_shape=mask)
