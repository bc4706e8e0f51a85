"""Distributions of a sample given its predecessors: likelihoods, and draws from random numbers.

Sources: arXiv:1609.03499 (softmax); arXiv:1701.05517 (discretised mixture of logistics);
r9y9/wavenet_vocoder, mixture.py, for its form on waveforms and for the Gaussians.

Mixtures come as float32 [..., 3 K]: K logits of the components, K means, K log scales.
"""

import math

import tensorflow as tf

# Uniform numbers for draws from mixtures: their logarithms must be finite.
UNIFORM_RANGE = (1e-5, 1.0 - 1e-5)
_EDGE = 0.999  # beyond it a sample counts as the end of the range, however many levels there are
_SMALL_PROBABILITY = 1e-5


def categorical_nll(logits, codes):
    """Compute the nats of codes int32 [...] under a softmax over logits [..., levels]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=codes, logits=logits)


def logistic_mixture_nll(params, waveform, levels: int = 256, log_scale_min: float = -7.0):
    """Compute the nats of the quantisation step around each sample.

    The step of a sample is 2 / (levels - 1) wide, and open at the ends of the range. Where a
    component gives it almost nothing, the density at its middle times its width is used.

    Args:
      params: float32 [..., 3 K].
      waveform: float32 [...] in [-1, 1].
      levels: steps of the signal, 256 for 8 bits, 65536 for 16.
      log_scale_min: log scales are limited to this from below.

    Returns:
      float32 [...].
    """
    logits, means, log_scales = tf.split(params, 3, axis=-1)
    log_scales = tf.maximum(log_scales, log_scale_min)
    y = waveform[..., tf.newaxis]
    centred, inverse = y - means, tf.exp(-log_scales)
    upper = inverse * (centred + 1.0 / (levels - 1))
    lower = inverse * (centred - 1.0 / (levels - 1))
    # sigmoid(upper) - sigmoid(lower) without cancellation, which the public codes suffer from.
    share = -tf.math.expm1(-2.0 * inverse / (levels - 1))
    probability = tf.sigmoid(upper) * tf.sigmoid(-lower) * share
    middle = inverse * centred
    log_density = middle - log_scales - 2.0 * tf.nn.softplus(middle)
    log_step = math.log((levels - 1) / 2)
    # The inner choice keeps the logarithm that is not used, and its gradient, finite.
    inside = tf.where(
        probability > _SMALL_PROBABILITY,
        tf.math.log(tf.maximum(probability, 1e-12)),
        log_density - log_step,
    )
    log_likelihood = tf.where(
        y < -_EDGE,
        upper - tf.nn.softplus(upper),
        tf.where(y > _EDGE, -tf.nn.softplus(lower), inside),
    )
    return -tf.reduce_logsumexp(log_likelihood + tf.nn.log_softmax(logits), axis=-1)


def gaussian_mixture_nll(params, waveform, log_scale_min: float = -7.0):
    """Compute the nats of the density at each sample, which may be below zero.

    Args:
      params: float32 [..., 2] for one Gaussian (mean, log scale), [..., 3 K] for a mixture.
      waveform: float32 [...].
      log_scale_min: log scales are limited to this from below.

    Returns:
      float32 [...].
    """
    if params.shape[-1] == 2:
        means, log_scales = tf.split(params, 2, axis=-1)
        weights = 0.0
    else:
        logits, means, log_scales = tf.split(params, 3, axis=-1)
        weights = tf.nn.log_softmax(logits)
    log_scales = tf.maximum(log_scales, log_scale_min)
    centred = (waveform[..., tf.newaxis] - means) * tf.exp(-log_scales)
    log_density = -0.5 * math.log(2.0 * math.pi) - log_scales - 0.5 * tf.square(centred)
    return -tf.reduce_logsumexp(log_density + weights, axis=-1)


def sample_softmax(logits, uniform, temperature=1.0):
    """Draw codes, int32 [batch], of a softmax over logits.

    Args:
      logits: float [batch, levels].
      uniform: same type [batch] in [0, 1).
      temperature: above 0; divides the logits.
    """
    likely = tf.exp((logits - tf.reduce_max(logits, -1, keepdims=True)) / temperature)
    return sample_categorical(likely, uniform)


def sample_categorical(probabilities, uniform):
    """Draw codes by the inverse of the cumulative distribution.

    Args:
      probabilities: float [batch, levels] of any positive sum; the sums have its precision.
      uniform: same type [batch] in [0, 1).

    Returns:
      int32 [batch]: how many entries of the normalised cumulative sum are at most `uniform`.
    """
    cumulative = _cumulative_sum(probabilities)
    reached = cumulative <= uniform[:, tf.newaxis] * cumulative[:, -1:]
    count = tf.reduce_sum(tf.cast(reached, tf.int32), axis=-1)
    return tf.minimum(count, probabilities.shape[-1] - 1)


def _cumulative_sum(x, width=16):
    """Sum [batch, levels] along the last axis, in two stages, which XLA does faster."""
    levels = x.shape[-1]
    if levels % width:
        return tf.cumsum(x, axis=-1)
    groups = tf.reshape(x, [-1, levels // width, width])
    inner = tf.linalg.band_part(tf.ones([width, width], x.dtype), 0, -1)
    sums = tf.reshape(tf.matmul(tf.reshape(groups, [-1, width]), inner), tf.shape(groups))
    totals = sums[:, :, -1]
    before = tf.linalg.band_part(tf.ones([totals.shape[-1]] * 2, x.dtype), 0, -1)
    before -= tf.eye(totals.shape[-1], dtype=x.dtype)
    return tf.reshape(sums + tf.matmul(totals, before)[:, :, tf.newaxis], [-1, levels])


def sample_logistic_mixture(params, uniform_mixture, uniform_logistic, log_scale_min=None):
    """Draw samples from mixtures of logistics.

    Args:
      params: float32 [..., 3 K].
      uniform_mixture: float32 [..., K] in UNIFORM_RANGE, picks the component (Gumbel's maximum).
      uniform_logistic: float32 [...] in UNIFORM_RANGE.
      log_scale_min: lower limit of the log scales, or None for none, as r9y9 has it.

    Returns:
      float32 [...] in [-1, 1].
    """
    mean, log_scale = _pick(params, uniform_mixture)
    if log_scale_min is not None:
        log_scale = tf.maximum(log_scale, log_scale_min)
    logit = tf.math.log(uniform_logistic) - tf.math.log(1.0 - uniform_logistic)
    return tf.clip_by_value(mean + tf.exp(log_scale) * logit, -1.0, 1.0)


def sample_gaussian_mixture(params, uniform_mixture, normal):
    """Draw samples from mixtures of Gaussians.

    Args:
      params: float32 [..., 2] for one Gaussian, [..., 3 K] for a mixture.
      uniform_mixture: float32 [..., K] in UNIFORM_RANGE; not read for K = 1 or one Gaussian.
      normal: float32 [...], standard normal.

    Returns:
      float32 [...] in [-1, 1].
    """
    if params.shape[-1] == 2:
        mean, log_scale = tf.unstack(params, axis=-1)
    elif params.shape[-1] == 3:
        _, mean, log_scale = tf.unstack(params, axis=-1)
    else:
        mean, log_scale = _pick(params, uniform_mixture)
    return tf.clip_by_value(mean + tf.exp(log_scale) * normal, -1.0, 1.0)


def pick_component(logits, uniform):
    """Draw components by Gumbel's maximum.

    Args:
      logits: float32 [..., K].
      uniform: float32 [..., K] in UNIFORM_RANGE.

    Returns:
      int32 [...].
    """
    gumbel = -tf.math.log(-tf.math.log(uniform))
    return tf.argmax(logits + gumbel, axis=-1, output_type=tf.int32)


def _pick(params, uniform):
    """Return the mean and log scale of the component that uniform numbers pick."""
    logits, means, log_scales = tf.split(params, 3, axis=-1)
    mask = tf.one_hot(pick_component(logits, uniform), logits.shape[-1])
    return tf.reduce_sum(mask * means, axis=-1), tf.reduce_sum(mask * log_scales, axis=-1)
