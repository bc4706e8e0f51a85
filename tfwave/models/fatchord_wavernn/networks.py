"""Layers of the mel-conditioned WaveRNN of public code, in the form used in training.

Source: fatchord/WaveRNN, models/fatchord_version.py. `fatchord_wavernn` describes the model.
"""

import keras
import tensorflow as tf

from tfwave.layers.local_conditioning import LocalConditioner, LocalConditioningConfig
from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D


class TorchBatchNorm(keras.layers.Layer):
    """Batch normalisation of [batch, frames, channels] as in PyTorch.

    The moving variance follows the unbiased variance of the batches, Keras' the biased one.

    Args:
      momentum: share of the old moving statistics in the new ones.
      epsilon: added to the variance.
      name: name of the layer.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, name=None):
        super().__init__(name=name)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.moving_mean, self.moving_variance = (
            tf.Variable(
                tf.fill(shape, value),
                trainable=False,
                name=name,
                aggregation=tf.VariableAggregation.MEAN,
            )
            for name, value in (("moving_mean", 0.0), ("moving_variance", 1.0))
        )
        self.built = True

    def call(self, x, training=False):
        """Normalise, in training by the statistics of the batch, which update the moving ones."""
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = tf.nn.moments(x, [0, 1])
            count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
            unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
                moving.assign(self.momentum * moving + (1.0 - self.momentum) * new)
        return (x - mean) * (self.gamma * tf.math.rsqrt(variance + self.epsilon)) + self.beta


class ResidualBlock(keras.layers.Layer):
    """Residual block of two normalised products per frame, without activation after the sum."""

    def __init__(self, channels, seed, name):
        super().__init__(name=name)
        self.conv1, self.conv2 = (_plain(channels, 1, channels, seed + i) for i in range(2))
        self.norm1, self.norm2 = TorchBatchNorm(name="norm1"), TorchBatchNorm(name="norm2")

    def build(self, input_shape):
        for layer in (self.conv1, self.norm1, self.conv2, self.norm2):
            layer.build(input_shape)
        self.built = True

    def call(self, x, training=False):
        y = tf.nn.relu(self.norm1(self.conv1(x), training=training))
        return x + self.norm2(self.conv2(y), training=training)


class AuxiliaryNetwork(keras.layers.Layer):
    """Network that maps features with context at both ends to auxiliary channels per frame.

    Args:
      config: FatchordWaveRNNConfig.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, config, seed=0, name="auxiliary"):
        super().__init__(name=name)
        channels, width = config.resnet_channels, 2 * config.frame_padding + 1
        self._bands = config.mel.n_mels
        self.conv_in = _plain(channels, width, self._bands, seed)
        self.norm = TorchBatchNorm(name="norm")
        self.blocks = [
            ResidualBlock(channels, seed + 10 + 2 * i, f"block_{i}")
            for i in range(config.resnet_blocks)
        ]
        self.conv_out = _dense(config.aux_channels, channels, seed + 2, "conv_out")
        track_layers(self, self.blocks)

    def build(self, input_shape=None):
        self.conv_in.build((None, None, self._bands))
        for layer in (self.norm, *self.blocks, self.conv_out):
            layer.build((None, None, self.conv_in.filters))
        self.built = True

    def call(self, features, training=False):
        """Map [batch, frames + 2 * frame_padding, n_mels] to [batch, frames, aux_channels]."""
        x = tf.nn.relu(self.norm(self.conv_in(features), training=training))
        for block in self.blocks:
            x = block(x, training=training)
        return self.conv_out(x)


def _plain(filters, width, inputs, seed):
    start = torch_uniform(width * inputs, seed)
    return WeightNormConv1D(filters, width, use_bias=False, kernel_initializer=start)


def _dense(units, inputs, seed, name):
    return keras.layers.Dense(
        units,
        name=name,
        kernel_initializer=torch_uniform(inputs, seed),
        bias_initializer=torch_uniform(inputs, seed + 1),
    )


def _gru(units, seed, name):
    starts = [torch_uniform(units, seed + i) for i in range(3)]
    return keras.layers.GRU(
        units,
        return_sequences=True,
        reset_after=True,
        name=name,
        kernel_initializer=starts[0],
        recurrent_initializer=starts[1],
        bias_initializer=starts[2],
    )


class FatchordNetwork(keras.Model):
    """Network that predicts each sample from the preceding samples and the features around it.

    Args:
      config: FatchordWaveRNNConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config, seed=0):
        super().__init__()
        self.config = config
        first, units, hidden = 10_000 * seed, config.units, config.dense_units
        stretching = LocalConditioningConfig(
            config.mel.n_mels, config.upsampling, conv_in=False, frame_padding=config.frame_padding
        )
        self.stretch = LocalConditioner(stretching, weight_norm=False, name="stretch")
        self.auxiliary = AuxiliaryNetwork(config, first + 100)
        part = config.aux_channels // 4
        self._widths = (
            1 + config.mel.n_mels + part,
            units,
            units + part,
            units + part,
            hidden + part,
            hidden,
        )
        self.inputs_layer = _dense(units, self._widths[0], first, "inputs")
        self.rnn1 = _gru(units, first + 10, "rnn1")
        self.rnn2 = _gru(units, first + 20, "rnn2")
        self.fc1 = _dense(hidden, self._widths[3], first + 30, "fc1")
        self.fc2 = _dense(hidden, self._widths[4], first + 40, "fc2")
        self.fc3 = _dense(config.output_channels, hidden, first + 50, "fc3")

    def build(self, input_shape=None):
        self.stretch.build()
        self.auxiliary.build()
        layers = (self.inputs_layer, self.rnn1, self.rnn2, self.fc1, self.fc2, self.fc3)
        for layer, width in zip(layers, self._widths, strict=True):
            layer.build((None, None, width))
        self.built = True

    def call(self, inputs, features, training=False):
        """Predict the distribution of the sample after each input.

        Args:
          inputs: float32 [batch, time], levels scaled to [-1, 1].
          features: float32 [batch, frames + 2 * frame_padding, n_mels]; the first frame after the
            padding belongs to the first input, and they cover all.
          training: whether batch normalisation uses the statistics of the batch.

        Returns:
          float32 [batch, time, output_channels].
        """
        mels, aux = self.conditioning(features, training)
        return self.outputs_of(inputs, mels, aux)

    def conditioning(self, features, training=False):
        """Upsample features to the sample rate.

        Args:
          features: float32 [batch, frames + 2 * frame_padding, n_mels].
          training: whether batch normalisation uses the statistics of the batch.

        Returns:
          (float32 [batch, frames * hop_length, n_mels], the same with aux_channels).
        """
        aux = self.auxiliary(features, training=training)
        return self.stretch(features), tf.repeat(aux, self.config.hop_length, axis=1)

    def outputs_of(self, inputs, mels, aux):
        """Return the result of `call` from both parts of `conditioning`, which may be longer."""
        time = tf.shape(inputs)[1]
        one, two, three, four = tf.split(aux[:, :time], 4, axis=-1)
        x = tf.concat([inputs[..., tf.newaxis], mels[:, :time], one], axis=-1)
        x = self.inputs_layer(x)
        x += self.rnn1(x)
        x += self.rnn2(tf.concat([x, two], axis=-1))
        x = tf.nn.relu(self.fc1(tf.concat([x, three], axis=-1)))
        x = tf.nn.relu(self.fc2(tf.concat([x, four], axis=-1)))
        return self.fc3(x)
