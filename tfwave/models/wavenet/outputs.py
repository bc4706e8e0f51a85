"""Distribution of one sample of WaveNet: likelihood, draws, and conversion to the next input.

Sources: arXiv:1609.03499 section 2.2 (softmax over mu-law codes); mixtures of logistics and
Gaussians on the waveform as in r9y9/wavenet_vocoder, mixture.py, whose latest version, followed
here, does not limit log scales in its sampler.

`config` is a WaveNetConfig everywhere. Codes are int32 in 0 .. levels - 1, waveforms float32 in
[-1, 1].
"""

import math

import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.losses import likelihood
from tfwave.models import step_noise


def as_inputs(config, waveform):
    """Convert a waveform [...] to inputs of the network: codes or the waveform itself."""
    if config.one_hot_input:
        return mulaw.encode(waveform, config.levels, config.mulaw_convention)
    return waveform


def value_as_input(config, value):
    """Convert a drawn value (see `draw_value`) to an input of the network."""
    if config.output == "categorical" and not config.one_hot_input:
        return mulaw.decode(value, config.levels, config.mulaw_convention)
    return value


def value_as_waveform(config, value):
    """Convert a drawn value to the waveform."""
    if config.output == "categorical":
        return mulaw.decode(value, config.levels, config.mulaw_convention)
    return value


def negative_log_likelihood(config, params, waveform):
    """Compute nats per sample.

    Args:
      config: WaveNetConfig.
      params: float32 [batch, time, output_channels], the network's output.
      waveform: float32 [batch, time], the samples that `params` predict.

    Returns:
      float32 [batch, time]; for Gaussians the nats of a density, which may be negative.
    """
    if config.output == "categorical":
        codes = mulaw.encode(waveform, config.levels, config.mulaw_convention)
        return likelihood.categorical_nll(params, codes)
    if config.output == "logistic_mixture":
        return likelihood.logistic_mixture_nll(
            params, waveform, config.levels, config.log_scale_min
        )
    return likelihood.gaussian_mixture_nll(params, waveform, config.log_scale_min)


def bits_per_sample(config, nats):
    """Convert nats to bits, those of a density for quantisation steps of 16 bits."""
    bits = nats / math.log(2.0)
    return bits + 15.0 if config.output.startswith("gaussian") else bits


def draws(config, seed, block, clips, count):
    """Draw random numbers for `count` samples of `clips` clips.

    The numbers of clip i of a seed do not depend on the number of clips.

    Args:
      config: WaveNetConfig.
      seed: int32 scalar.
      block: int32 scalar, number of the block of `count` samples.
      clips: number of clips.
      count: number of samples, a multiple of 4.

    Returns:
      Tuple of float32 [count, clips, ...]: uniform numbers for "categorical"; for the mixtures
      uniform ones [count, clips, mixtures] for the component, then uniform ones for the logistic
      or normal ones for the Gaussian; normal ones for "gaussian".
    """
    seed = step_noise.block_seed(seed, block)
    component, value = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    low, high = likelihood.UNIFORM_RANGE
    if config.output == "categorical":
        return (step_noise.uniform(value, count, clips),)
    if config.output == "logistic_mixture":
        second = step_noise.uniform(value, count, clips, low=low, high=high)
    else:
        second = step_noise.normal(value, count, clips)
    if config.output == "gaussian":
        return (second,)
    return step_noise.uniform(component, count, clips, config.mixtures, low=low, high=high), second


def draw_value(config, params, drawn, temperature=1.0, greedy=False):
    """Draw a sample.

    Args:
      config: WaveNetConfig.
      params: float32 [batch, output_channels].
      drawn: tuple of random numbers of one sample, float32 [batch, ...]; see `draws`.
      temperature: above 0; divides logits and multiplies scales.
      greedy: take the most likely class, or the mean of the most likely component, instead.

    Returns:
      int32 codes [batch] for "categorical", else float32 waveform [batch] in [-1, 1].
    """
    if config.output == "categorical":
        if greedy:
            return tf.argmax(params, axis=-1, output_type=tf.int32)
        return likelihood.sample_softmax(params, drawn[0], temperature)
    if config.output == "gaussian":
        mean, log_scale = tf.unstack(params, axis=-1)
        component = None
    else:
        component, mean, log_scale = tf.split(params, 3, axis=-1)
    if greedy:
        if component is not None:
            best = tf.one_hot(tf.argmax(component, axis=-1), config.mixtures)
            mean = tf.reduce_sum(best * mean, axis=-1)
        return tf.clip_by_value(mean, -1.0, 1.0)
    log_scale += tf.math.log(tf.convert_to_tensor(temperature, tf.float32))
    if component is None:
        return likelihood.sample_gaussian_mixture(tf.stack([mean, log_scale], -1), None, *drawn)
    params = tf.concat([component / temperature, mean, log_scale], axis=-1)
    if config.output == "logistic_mixture":
        return likelihood.sample_logistic_mixture(params, *drawn)
    return likelihood.sample_gaussian_mixture(params, *drawn)
