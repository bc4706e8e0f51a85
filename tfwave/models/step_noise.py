"""Random numbers for step-by-step generation; those of clip i do not depend on other clips."""

import tensorflow as tf


def block_seed(seed: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Return the seed of a block, int32 [2], from a request's seed and the block's number."""
    return tf.random.experimental.stateless_fold_in(tf.stack([seed, 0]), number)


def uniform(seed: tf.Tensor, steps: int, clips, *sizes: int, low=0.0, high=1.0) -> tf.Tensor:
    """Draw numbers from [low, high), float32 [steps, clips, *sizes], steps a multiple of 4."""
    shape = [clips, steps, *sizes]
    return _by_step(tf.random.stateless_uniform(shape, seed, low, high, alg="philox"))


def normal(seed: tf.Tensor, steps: int, clips, *sizes: int) -> tf.Tensor:
    """Draw standard normal numbers; see `uniform`."""
    return _by_step(tf.random.stateless_normal([clips, steps, *sizes], seed, alg="philox"))


def _by_step(draws):
    return tf.transpose(draws, [1, 0, *range(2, draws.shape.rank)])
