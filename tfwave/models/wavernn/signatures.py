"""Signatures of the WaveRNNs: their loops inside a graph, for any number of clips."""

import numpy as np
import tensorflow as tf

from tfwave.models import sampler, signatures
from tfwave.models.wavernn import generation
from tfwave.models.wavernn import subscale_generation as subscale
from tfwave.models.wavernn.cell import waveform_of


def of_wavernn(network, xla=False):
    """Build the signatures of a `WaveRNNNetwork`; see `_signatures`."""
    return _signatures(network, generate, xla)


def of_subscale(network, xla=False):
    """Build the signatures of a `SubscaleNetwork`; see `_signatures`."""
    return _signatures(network, generate_subscale, xla)


def _signatures(network, generate, xla):
    """Build the signatures of a network of the paper.

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
    inputs = [signatures.count_input(most), signatures.samples_input(sampler.BLOCK), *how]
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
    """Return the audio of `generation.stream` as one tensor, inside a graph.

    Args:
      network: `WaveRNNNetwork`.
      samples, temperature, seed, xla: see `sampler.generate_in_graph`.
      count: int32 scalar, number of clips without features.
      features: float32 [clips, frames, channels], which cover the samples, or None.

    Returns:
      float32 [clips, samples, 1] in [-1, 1).
    """
    config = network.config
    samples, clips, features = _request(network, samples, count, features)
    start = generation.begin(network, clips, features)
    model = generation.WaveRNNSteps(config.bins, config.hop_length)
    return sampler.generate_in_graph(model, start, samples, seed, temperature, xla)


def generate_subscale(network, samples, temperature, seed, count=None, features=None, xla=False):
    """Return the audio of `SubscaleWaveRNN.generate`, inside a graph; see `generate`."""
    samples, clips, features = _request(network, samples, count, features)
    local = generation.frame_terms(network, features, clips)
    made = subscale.generate(network, samples, clips, seed, temperature, local, xla)
    return waveform_of(made[..., 0], made[..., 1], network.config.bins)[:, :, tf.newaxis]


def _request(network, samples, count, features):
    """Return the samples of each clip, checked, the number of clips, and features with context."""
    clips, padding = count, network.config.frame_padding
    if features is not None:
        clips, features = tf.shape(features)[0], sampler.repeat_ends(features, padding, padding)
    return signatures.limited(samples, clips), clips, features
