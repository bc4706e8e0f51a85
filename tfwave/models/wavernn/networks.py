"""Network of WaveRNN: the cell and its conditioning (arXiv:1802.08435)."""

import keras
import tensorflow as tf

from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D
from tfwave.models.wavernn.cell import DualSoftmaxCell
from tfwave.models.wavernn.config import CONDITIONER_WIDTH, WaveRNNConfig


class FrameConditioner(keras.layers.Layer):
    """Network that maps features to terms of the gates, one row per frame.

    Args:
      config: WaveRNNConfig.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, config, seed=0, name="conditioner"):
        super().__init__(name=name)
        self.config = config
        sizes = [config.channels, *[config.conditioning_channels] * config.conditioning_layers]
        self.convolutions = [
            WeightNormConv1D(
                config.conditioning_channels,
                CONDITIONER_WIDTH,
                name=f"{name}_{i}",
                kernel_initializer=torch_uniform(CONDITIONER_WIDTH * size, seed + i),
            )
            for i, size in enumerate(sizes[:-1])
        ]
        self.to_gates = WeightNormConv1D(
            3 * config.units,
            use_bias=False,
            name=f"{name}_gates",
            kernel_initializer=torch_uniform(sizes[-1], seed + len(sizes)),
        )
        self._sizes = sizes
        track_layers(self, self.convolutions)

    def build(self, input_shape=None):
        for layer, size in zip([*self.convolutions, self.to_gates], self._sizes, strict=True):
            layer.build((None, None, size))
        self.built = True

    def call(self, features):
        """Map [batch, frames + 2 * frame_padding, channels] to [batch, frames, 3 * units]."""
        x = features
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return self.to_gates(x)


class WaveRNNNetwork(keras.Model):
    """Network of the cell and its conditioning.

    Args:
      config: WaveRNNConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: WaveRNNConfig, seed=0):
        super().__init__()
        self.config = config
        self.cell = DualSoftmaxCell(
            config.units,
            config.bins,
            config.hidden,
            config.pruning,
            config.output_pruning,
            seed=10_000 * seed,
        )
        self.conditioner = None
        if config.conditioning == "features":
            self.conditioner = FrameConditioner(config, seed=10_000 * seed + 100)

    def build(self, input_shape=None):
        self.cell.build()
        if self.conditioner is not None:
            self.conditioner.build()
        self.built = True

    def call(self, coarse, fine, features=None):
        """Predict samples from the preceding ones.

        Args:
          coarse, fine: int32 [batch, time + 1], the halves of the samples, the first as context.
          features: float32 [batch, frames + 2 * frame_padding, channels], or None; the first frame
            after the padding belongs to the first sample, and they cover all.

        Returns:
          (float32 [batch, time, bins] logits of the coarse halves 1 .. time, the same of the fine
          halves).
        """
        return self.cell(coarse, fine, self.local(features, tf.shape(coarse)[1]))

    def local(self, features, stop):
        """Return the terms of features in the gates at samples 1 .. stop - 1, or None."""
        if self.conditioner is None:
            return None
        rows = tf.repeat(self.conditioner(features), self.config.hop_length, axis=1)
        return rows[:, 1:stop]
