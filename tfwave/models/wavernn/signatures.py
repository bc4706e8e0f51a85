"""Signatures of the WaveRNNs: their loops inside a graph, for any number of clips."""

import numpy as np
import tensorflow as tf

from tfwave.models import signatures
from tfwave.models.wavernn import generation
from tfwave.models.wavernn import subscale_generation as subscale
from tfwave.models.wavernn.cell import waveform_of


def of_wavernn(network, xla=False):
    """Signatures of a `WaveRNNNetwork`; see `_signatures`."""
    return _signatures(network, generate, xla)


def of_subscale(network, xla=False):
    """Signatures of a `SubscaleNetwork`; see `_signatures`."""
    return _signatures(network, generate_subscale, xla)


def _signatures(network, generate, xla):
    """Signatures of a network of the paper.

    Without conditioning `generate`: count, samples, temperature, seed -> waveform. Conditioned on
    mel spectrograms `vocode` and `copy_synthesis`, on other features `generate`: features,
    temperature, seed -> waveform.

    Args:
      network: `WaveRNNNetwork`.
      generate: `generate` or `generate_subscale`.
      xla: compile the loop.
    """
    config, most = network.config, signatures.MOST_CLIPS
    how = [signatures.temperature_input(), signatures.seed_input()]
    made = [signatures.waveform_output(config.sample_rate)]

    def of_features(features, temperature, seed):
        samples = tf.shape(features)[1] * config.hop_length
        return generate(network, samples, temperature, seed, features=features, xla=xla)

    def alone(count, samples, temperature, seed):
        return generate(network, samples, temperature, seed, count=count, xla=xla)

    if config.conditioning == "features" and not config.feature_channels:
        return signatures.vocoder_signatures(of_features, config.mel, how, most_clips=most)
    words = "Make clips sample by sample."
    inputs = [signatures.count_input(most), signatures.samples_input(generation.BLOCK), *how]
    function = alone
    if config.conditioning == "features":
        function, inputs = of_features, [_features(config, most), *how]
    generate_ = signatures.signature(function, words, inputs, made)
    return signatures.with_wav({"generate": generate_}, config.sample_rate)


def _features(config, most):
    return signatures.features_input(
        "features",
        config.channels,
        config.hop_length,
        f"Features that condition the clips, {config.channels} channels, a frame for every "
        f"{config.hop_length} samples",
        np.zeros([1, 1, config.channels], np.float32),
        most_clips=most,
    )


def generate(network, samples, temperature, seed, count=None, features=None, xla=False):
    """What `wavernn_generation.stream` yields, as one tensor, inside a graph.

    Args:
      network: `WaveRNNNetwork`.
      samples: int32 scalar, of each clip.
      temperature: float32 scalar above 0.
      seed: int32 scalar.
      count: int32 scalar, number of clips without features.
      features: float32 [clips, frames, channels], which cover the samples, or None.
      xla: compile the loop.

    Returns:
      float32 [clips, samples, 1] in [-1, 1).
    """
    config = network.config
    samples, clips, local = _request(network, samples, count, features)
    weights = generation.fold(network.cell)
    run = generation.compiled(config.bins, config.hop_length, xla)

    def make(number, state):
        rows, offset = generation.frames_of(local, number * generation.BLOCK, config.hop_length)
        uniform = generation.draws(seed, number, clips, generation.BLOCK)
        ((made, state),) = run(weights, offset, temperature, [(state, rows, uniform)])
        return waveform_of(made[..., 0], made[..., 1], config.bins), state

    state = generation.start(config.units, config.bins, clips)
    return signatures.by_blocks(samples, generation.BLOCK, state, make)[:, :, tf.newaxis]


def generate_subscale(network, samples, temperature, seed, count=None, features=None, xla=False):
    """What `SubscaleWaveRNN.generate` gives, inside a graph; see `generate`."""
    samples, clips, local = _request(network, samples, count, features)
    made = subscale.generate(network, samples, clips, seed, temperature, local, xla)
    return waveform_of(made[..., 0], made[..., 1], network.config.bins)[:, :, tf.newaxis]


def _request(network, samples, count, features):
    """Samples of each clip, checked, their number, and what the features add to the gates."""
    if features is None:
        return signatures.limited(samples, count), count, None
    clips, padding = tf.shape(features)[0], network.config.frame_padding
    first, last = (tf.repeat(end, padding, 1) for end in (features[:, :1], features[:, -1:]))
    local = network.conditioner(tf.concat([first, features, last], axis=1))
    local = tf.transpose(generation.by_halves(local), [1, 0, 2])
    return signatures.limited(samples, clips), clips, local
