"""Networks of Subscale WaveRNN (arXiv:1802.08435 section 4)."""

import keras
import tensorflow as tf

from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D
from tfwave.models.wavernn.cell import scaled
from tfwave.models.wavernn.config import AHEAD_WIDTH, SubscaleWaveRNNConfig
from tfwave.models.wavernn.networks import WaveRNNNetwork
from tfwave.models.wavernn.subscale_generation import flat, folded, unfolded


class _Block(keras.layers.Layer):
    """Look-ahead convolution and projection to the residual; 2 * dilation rows shorter."""

    def __init__(self, dilation, channels, residual, seed, name):
        super().__init__(name=name)
        self.span = (AHEAD_WIDTH - 1) * dilation
        self.convolution = WeightNormConv1D(
            channels,
            AHEAD_WIDTH,
            dilation,
            name=f"{name}_convolution",
            kernel_initializer=torch_uniform(AHEAD_WIDTH * residual, seed),
        )
        self.out = WeightNormConv1D(
            residual, name=f"{name}_out", kernel_initializer=torch_uniform(channels, seed + 1)
        )
        self._sizes = residual, channels

    def build(self, input_shape=None):
        self.convolution.build((None, None, self._sizes[0]))
        self.out.build((None, None, self._sizes[1]))
        self.built = True

    def call(self, x):
        ahead = self.out(tf.nn.relu(self.convolution(tf.nn.relu(x))))
        return x[:, : tf.shape(ahead)[1]] + ahead


class AheadNetwork(keras.layers.Layer):
    """Look-ahead network that maps samples of other sub-tensors to terms of the gates.

    Args:
      config: SubscaleWaveRNNConfig.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, config, seed=0, name="ahead"):
        super().__init__(name=name)
        residual = config.residual_channels
        self._inputs, self._residual = 4 * config.tensors, residual
        self.initial = WeightNormConv1D(
            residual, kernel_initializer=torch_uniform(self._inputs, seed), name=f"{name}_initial"
        )
        self.blocks = [
            _Block(dilation, config.conv_channels, residual, seed + 2 + 2 * i, f"{name}_{i}")
            for i, dilation in enumerate(config.dilations)
        ]
        self.to_gates = WeightNormConv1D(
            3 * config.units,
            use_bias=False,
            name=f"{name}_gates",
            kernel_initializer=torch_uniform(residual, seed + 1),
        )
        track_layers(self, self.blocks)

    def build(self, input_shape=None):
        self.initial.build((None, None, self._inputs))
        for block in self.blocks:
            block.build()
        self.to_gates.build((None, None, self._residual))
        self.built = True

    def call(self, x):
        """Map [batch, steps + reach, 4 * tensors] to [batch, steps, 3 * units]."""
        caches = [x[:, :0, :1] * tf.zeros([self._residual]) for _ in self.blocks]
        return self.further(x, caches)[0]

    def further(self, x, caches):
        """Process more rows of a sequence.

        Args:
          x: float32 [batch, rows, 4 * tensors], the rows after those already processed.
          caches: last inputs of each block, [batch, up to 2 * dilation, residual_channels].

        Returns:
          (float32 [batch, rows', 3 * units] for the rows that are now complete, caches).
        """
        x, kept = self.initial(x), []
        for block, cache in zip(self.blocks, caches, strict=True):
            x = tf.concat([cache, x], axis=1)
            kept.append(x[:, -block.span :])
            x = block(x)
        return self.to_gates(tf.nn.relu(x)), kept

    def empty(self, batch):
        """Return caches of zeros, for a start before the first relevant row."""
        return [tf.zeros([batch, block.span, self._residual]) for block in self.blocks]


class SubscaleNetwork(WaveRNNNetwork):
    """Network of the cell, the look-ahead network, and the conditioning by features.

    Args:
      config: SubscaleWaveRNNConfig.
      seed: seed of the initial weights.
    """

    config: SubscaleWaveRNNConfig

    def __init__(self, config: SubscaleWaveRNNConfig, seed=0):
        super().__init__(config, seed)
        self.ahead = AheadNetwork(config, seed=10_000 * seed + 200)

    def build(self, input_shape=None):
        self.ahead.build()
        super().build(input_shape)

    def call(self, coarse, fine, features=None):
        """Predict samples from those that the subscale scheme allows.

        Args:
          coarse, fine: int32 [batch, 1 + tensors * steps]; the first one is unused context.
          features: as in `WaveRNNNetwork.call`.

        Returns:
          As in `WaveRNNNetwork.call`, in the order of time.

        Raises:
          ValueError: the samples do not fill the sub-tensors; the message gives their number.
        """
        config = self.config
        samples = coarse.shape[1]
        if samples is not None and (samples - 1) % config.tensors:
            raise ValueError(
                f"{samples - 1} samples do not divide into {config.tensors} sub-tensors"
            )
        local = self.local(features, tf.shape(coarse)[1])
        halves = [folded(half[:, 1:], config.tensors) for half in (coarse, fine)]
        terms = self.ahead(flat(self.known(*halves)))
        if local is not None:
            terms += flat(folded(local, config.tensors))
        middle = (config.bins // 2, 0)
        past = [
            tf.pad(flat(half), [[0, 0], [1, 0]], constant_values=value)
            for half, value in zip(halves, middle, strict=True)
        ]
        shape = tf.concat([tf.shape(halves[0]), [config.bins]], axis=0)
        return tuple(unfolded(tf.reshape(x, shape)) for x in self.cell(*past, terms))

    def known(self, coarse, fine):
        """Return the inputs of the look-ahead network for halves int32 [batch, tensors, steps].

        Returns:
          float32 [batch, tensors, steps + reach, 4 * tensors].
        """
        config = self.config
        steps = tf.shape(coarse)[2]
        values = tf.stack([coarse, fine], axis=-1)
        values = tf.pad(values, [[0, 0], [0, 0], [0, config.reach], [0, 0]])
        values = tf.repeat(values[:, tf.newaxis], config.tensors, axis=1)
        inside = tf.range(steps + config.reach) < steps
        return self.told(values, tf.repeat(inside[tf.newaxis], config.tensors, axis=0))

    def told(self, values, inside):
        """Mask samples that are not available.

        Args:
          values: int32 [batch, s, z, rows, 2], both halves of sub-tensor z for sub-tensor s.
          inside: bool [s, rows], whether a row lies within the signal.

        Returns:
          float32 [batch, s, rows, 4 * tensors].
        """
        count = self.config.tensors
        number = tf.range(count)
        earlier = number[tf.newaxis] < number[:, tf.newaxis]  # [s, z]: z < s
        seen = tf.cast(earlier[:, tf.newaxis] & inside[..., tf.newaxis], tf.float32)  # s, rows, z
        halves = tf.transpose(scaled(values, self.config.bins), [4, 0, 1, 3, 2]) * seen
        shape = tf.shape(halves)[1:]
        own = tf.broadcast_to(tf.eye(count)[:, tf.newaxis], shape)
        return tf.concat([halves[0], halves[1], tf.broadcast_to(seen, shape), own], axis=-1)
