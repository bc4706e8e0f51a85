"""Critic shared by WaveGAN and SpecGAN (arXiv:1802.04208, appendix Tables 4 and 6)."""

import math

import keras
import tensorflow as tf

from tfwave.layers.activation import leaky_relu
from tfwave.layers.dropout import dropout_over_time
from tfwave.layers.phase_shuffle import phase_shuffle
from tfwave.layers.tf1 import batch_norm, dense
from tfwave.layers.tracking import track_layers

_SHUFFLED_LAYERS = 4


class Critic(keras.Model):
    """Critic of strided convolutions and leaky ReLU, with one linear score per clip.

    Args:
      config: WaveGANConfig or SpecGANConfig.
      downconvs: the convolutions, first to last.
      seed: seed of the score's initial weights.
    """

    def __init__(self, config, downconvs, seed):
        super().__init__()
        self.config = config
        self.downconvs = downconvs
        self.batch_norms = []
        if config.batch_norm:  # none on the first layer
            self.batch_norms = [batch_norm(f"batch_norm_{i}") for i in range(1, len(downconvs))]
        track_layers(self, [*self.downconvs, *self.batch_norms])
        self.score = dense(1, seed, "float32", "score")
        self.shuffled_layers = min(_SHUFFLED_LAYERS, len(downconvs))

    def build(self, input_shape):
        for i, layer in enumerate(self.downconvs):
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
            if self.batch_norms and i > 0:
                self.batch_norms[i - 1].build(input_shape)
        self.score.build((None, math.prod(input_shape[1:])))
        self.built = True

    def call(self, x, phase_shifts=None, dropout_seed=None):
        """Score clips.

        Args:
          x: float32 [batch, time or frames, ..., channels].
          phase_shifts: int32 [groups, 4], shifts in frames of the first four layers for equal parts
            of the batch, or None for no shuffle.
          dropout_seed: int32 [2] or None for no dropout.

        Returns:
          float32 [batch], unbounded.
        """
        x = self.features(x, phase_shifts, dropout_seed)[-1]
        x = tf.reshape(x, [-1, math.prod(x.shape[1:])])
        return self.score(tf.cast(x, tf.float32))[:, 0]

    def features(self, x, phase_shifts=None, dropout_seed=None):
        """Return the activations of every layer before phase shuffle, first to last."""
        features = []
        for i, layer in enumerate(self.downconvs):
            x = layer(x)
            if self.batch_norms and i > 0:
                # The authors normalise the critic by batch statistics at all times.
                x = self.batch_norms[i - 1](x, training=True)
            x = leaky_relu(x)
            features.append(x)
            if i >= self.shuffled_layers:
                continue
            if dropout_seed is not None:
                x = dropout_over_time(x, self.config.dropout, dropout_seed, i)
            if phase_shifts is not None:
                x = phase_shuffle(x, phase_shifts[:, i], self.config.phase_shuffle)
        return features
