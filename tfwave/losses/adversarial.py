"""Adversarial losses and the optimisers that the WaveGAN authors pair them with.

Source: arXiv:1802.04208, sections 2.1 and 3.7 (Table 7), and the authors' train_wavegan.py.
"""

import tensorflow as tf

from tfwave.losses.optimizers import TF1Adam, TF1RMSprop

LOSSES = ("wgan-gp", "wgan", "lsgan", "dcgan")

GRADIENT_PENALTY_WEIGHT = 10.0
WEIGHT_CLIP = 0.01


def critic_loss(name: str, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Compute the loss of the critic, without the gradient penalty of `wgan-gp`.

    Args:
      name: one of LOSSES.
      real: float32 [batch] critic outputs on real clips.
      fake: float32 [batch] critic outputs on generated clips.

    Returns:
      A float32 scalar: the mean over the batch. `lsgan` and `dcgan` average their two halves.

    Raises:
      ValueError: unknown name.
    """
    if name in ("wgan-gp", "wgan"):
        return tf.reduce_mean(fake) - tf.reduce_mean(real)
    if name == "lsgan":
        return (tf.reduce_mean((real - 1.0) ** 2) + tf.reduce_mean(fake**2)) / 2.0
    if name == "dcgan":
        return (_cross_entropy(real, 1.0) + _cross_entropy(fake, 0.0)) / 2.0
    raise _unknown(name)


def generator_loss(name: str, fake: tf.Tensor) -> tf.Tensor:
    """Compute the loss of the generator (non-saturating for `dcgan`).

    Args:
      name: one of LOSSES.
      fake: float32 [batch] critic outputs on generated clips.

    Returns:
      A float32 scalar: the mean over the batch.

    Raises:
      ValueError: unknown name.
    """
    if name in ("wgan-gp", "wgan"):
        return -tf.reduce_mean(fake)
    if name == "lsgan":
        return tf.reduce_mean((fake - 1.0) ** 2)
    if name == "dcgan":
        return _cross_entropy(fake, 1.0)
    raise _unknown(name)


def gradient_penalty(gradients: tf.Tensor) -> tf.Tensor:
    """Compute mean((||g|| - 1)^2) of WGAN-GP (arXiv:1704.00028), without its weight of 10.

    Args:
      gradients: float32 [batch, ...], of the critic's output in its input.

    Returns:
      A float32 scalar. One L2 norm per clip, over all other axes. The authors put nothing under
      the root; an exactly zero gradient, where the root's derivative is infinite, is left out here
      by an additive 1e-12, which float32 rounds away at any other norm.
    """
    squares = tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(gradients.shape))))
    return tf.reduce_mean((tf.sqrt(squares + 1e-12) - 1.0) ** 2)


def optimizers(name: str) -> tuple:
    """Build the optimisers of a loss.

    Args:
      name: one of LOSSES.

    Returns:
      (generator's, critic's) Keras optimisers: Adam 1e-4 (0.5, 0.9) for `wgan-gp`, Adam 2e-4
      (0.5, 0.999) for `dcgan`, RMSProp 5e-5 for `wgan` and 1e-4 for `lsgan`.

    Raises:
      ValueError: unknown name.
    """
    make = {
        "wgan-gp": lambda: TF1Adam(1e-4, beta_1=0.5, beta_2=0.9),
        "dcgan": lambda: TF1Adam(2e-4, beta_1=0.5, beta_2=0.999),
        "wgan": lambda: TF1RMSprop(5e-5),
        "lsgan": lambda: TF1RMSprop(1e-4),
    }.get(name)
    if make is None:
        raise _unknown(name)
    return make(), make()


def _cross_entropy(logits, label):
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def _unknown(name):
    return ValueError(f"loss: {name!r} is none of {', '.join(LOSSES)}")
