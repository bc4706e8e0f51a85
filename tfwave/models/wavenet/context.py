"""Context stacks: a smaller, slower WaveNet that conditions the main one.

Paper: arXiv:1609.03499 section 2.6, which gives no sizes; none of the public codes has context
stacks. Here the stack reads frames of `stride` samples, so that it runs at a lower rate, and its
newest complete frame conditions the next `stride` samples.
"""

import dataclasses

import keras
import tensorflow as tf

from tfwave.layers.gated import GatedBlock, convolution
from tfwave.layers.tracking import track_layers
from tfwave.models.config import check


@dataclasses.dataclass(frozen=True)
class ContextConfig:
    """Sizes of a context stack.

    Raises:
      UserError: an unsupported value, naming the field.
    """

    stride: int = 512  # samples per frame
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)  # in frames
    channels: int = 16  # residual, skip and output channels; the gates have twice as many

    def __post_init__(self):
        object.__setattr__(self, "dilations", tuple(self.dilations))
        check(self, "stride", self.stride >= 4 and self.stride % 4 == 0, "4, 8, 12 or more samples")
        check(self, "channels", self.channels >= 1, "1 or more")
        check(
            self,
            "dilations",
            bool(self.dilations) and min(self.dilations) >= 1,
            "one or more whole numbers of 1 or more",
        )

    @property
    def receptive_field(self):
        """Number of past samples that the conditioning of one sample depends on."""
        return (self.frames + 1) * self.stride - 1

    @property
    def frames(self):
        """Number of frames that one output depends on."""
        return sum(self.dilations) + 1


class ContextStack(keras.layers.Layer):
    """Stack that maps long stretches of waveform to conditioning at the sample rate.

    Args:
      config: ContextConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: ContextConfig, seed=0):
        super().__init__(name="context")
        self.config = config
        self.frame = convolution("context_frame", config.channels, 1, True, seed)
        self.blocks = [
            GatedBlock(
                dilation,
                2,
                config.channels,
                2 * config.channels,
                config.channels,
                seed=seed + 1 + 5 * i,
                name=f"context_block_{i}",
            )
            for i, dilation in enumerate(config.dilations)
        ]
        track_layers(self, self.blocks)

    def build(self, input_shape=None):
        self.frame.build((None, None, self.config.stride))
        for block in self.blocks:
            block.build()
        self.built = True

    def call(self, waveform, first):
        """Compute the conditioning of every input of the main stack from the preceding frames.

        Args:
          waveform: float32 [batch, time], the inputs. Zeros fill the first frame.
          first: index of a sample at which a frame starts: the first one that is predicted.

        Returns:
          float32 [batch, time, channels]: row t conditions the prediction of sample t + 1.
        """
        stride = self.config.stride
        time, fill = tf.shape(waveform)[1], -first % stride
        frames = (time + fill) // stride
        x = tf.pad(waveform, [[0, 0], [fill, 0]])[:, : frames * stride]
        known = self.newest(tf.reshape(x, [-1, frames, stride]))
        # Before the end of the first frame there is no context.
        known = tf.pad(known, [[0, 0], [1, 0], [0, 0]])
        return tf.repeat(known, stride, axis=1)[:, fill + 1 : fill + 1 + time]

    def newest(self, frames):
        """Map frames of waveform [batch, count, stride] to [batch, count, channels]."""
        x, skips = self.frame(frames), 0.0
        for block in self.blocks:
            x, skip = block(x)
            skips += skip
        return tf.nn.relu(skips)
