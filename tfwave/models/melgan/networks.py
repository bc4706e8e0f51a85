"""Networks of MelGAN: the generator and the multi-scale, window-based discriminators.

Paper: arXiv:1910.06711 sections 2.1 and 2.2, Tables 6a and 6b. Code: descriptinc/melgan-neurips,
mel2wav/modules.py.
"""

import keras
import tensorflow as tf

from tfwave.layers.normalized_conv import NormalizedConv1D, NormalizedConv1DTranspose, pad_time
from tfwave.layers.tracking import track_layers

_SLOPE = 0.2  # slope of every leaky ReLU below zero


class ResidualBlock(keras.layers.Layer):
    """Dilated convolution between two activations, in parallel with a shortcut (Figure 4).

    Args:
      channels: number of input and output channels.
      dilation: number of frames between taps.
      kind: "code" or "paper", see the module.
      normalization: normalisation of the convolutions.
      seed: seed of the initial values.
      name: name of the layer.
    """

    def __init__(self, channels, dilation, kind, normalization, seed, name):
        super().__init__(name=name, autocast=False)
        self.channels = channels

        def convolution(part, size=1, dilation=1):
            return NormalizedConv1D(
                channels,
                size,
                dilation=dilation,
                padding=(size - 1) // 2 * dilation,
                reflect=True,
                normalization=normalization,
                seed=seed + len(part),
                name=f"{name}_{part}",
            )

        self.dilated = convolution("dilated", 3, dilation)
        self.out = convolution("out", 1 if kind == "code" else 3)
        self.shortcut = convolution("shortcut") if kind == "code" else None

    def build(self, input_shape=None):
        for layer in filter(None, (self.dilated, self.out, self.shortcut)):
            layer.build((None, None, self.channels))
        self.built = True

    def call(self, x):
        """Apply the block to [batch, time, channels], keeping the shape."""
        y = self.out(_activate(self.dilated(_activate(x))))
        return y + (x if self.shortcut is None else self.shortcut(x))


class Generator(keras.Model):
    """Generator of waveforms from mel spectrograms (section 2.1, Table 6a).

    Args:
      config: MelGANConfig.
      seed: seed of the initial values.
    """

    def __init__(self, config, seed=0):
        super().__init__()
        self.config = config
        seeds = iter(range(10_000 * seed, 10_000 * seed + 10_000, 10))
        width = config.channels * 2 ** len(config.ratios)
        norm = config.normalization
        self.first = NormalizedConv1D(
            width, 7, padding=3, reflect=True, normalization=norm, seed=next(seeds), name="first"
        )
        self.upsampling, self.stacks = [], []
        for stage, ratio in enumerate(config.ratios):
            width //= 2
            self.upsampling.append(
                NormalizedConv1DTranspose(width, ratio, norm, next(seeds), f"upsample_{stage}")
            )
            self.stacks.append(
                [
                    ResidualBlock(
                        width,
                        3**block if config.dilated else 1,
                        config.residual_block,
                        norm,
                        next(seeds),
                        f"stage_{stage}_block_{block}",
                    )
                    for block in range(config.residual_blocks)
                ]
            )
        self.last = NormalizedConv1D(
            1, 7, padding=3, reflect=True, normalization=norm, seed=next(seeds), name="last"
        )
        blocks = [block for stack in self.stacks for block in stack]
        track_layers(self, [*self.upsampling, *blocks])

    def build(self, input_shape=None):
        width = self.config.channels * 2 ** len(self.config.ratios)
        self.first.build((None, None, self.config.mel.n_mels))
        for upsampling, stack in zip(self.upsampling, self.stacks, strict=True):
            upsampling.build((None, None, width))
            width //= 2
            for block in stack:
                block.build()
        self.last.build((None, None, width))
        self.built = True

    def call(self, features, precision=tf.float32):
        """Generate waveforms.

        Args:
          features: float32 [batch, frames, n_mels], at least 4 frames.
          precision: type of the activations and kernels.

        Returns:
          float32 [batch, frames * hop_length, 1].
        """
        return self.activations(features, precision)[-1]

    def activations(self, features, precision=tf.float32):
        """Return the outputs of the first layer and of each upsampling, then the waveform."""
        x = self.first(tf.cast(features, precision))
        found = [x]
        for upsampling, stack in zip(self.upsampling, self.stacks, strict=True):
            x = upsampling(_activate(x))
            found.append(x)
            for block in stack:
                x = block(x)
        return [*found, tf.tanh(tf.cast(self.last(_activate(x)), tf.float32))]


class Discriminator(keras.Model):
    """Discriminator of one scale: a score per window, and feature maps (section 2.2, Table 6b).

    Args:
      config: MelGANConfig.
      seed: seed of the initial values.
      name: name of the network.
    """

    def __init__(self, config, seed=0, name=None):
        super().__init__(name=name)
        stride, most = config.discriminator_stride, config.discriminator_max_channels
        self.convolutions, self._inputs = [], []

        def add(inputs, filters, size, **how):
            number = len(self.convolutions)
            self._inputs.append(inputs)
            self.convolutions.append(
                NormalizedConv1D(
                    filters,
                    size,
                    normalization=config.discriminator_normalization,
                    seed=100 * seed + number,
                    name=f"layer_{number}",
                    **how,
                )
            )
            return filters

        width = add(1, config.discriminator_channels, 15, padding=7, reflect=True)
        for _ in range(config.discriminator_layers):
            width = add(
                width,
                min(width * stride, most),
                10 * stride + 1,
                stride=stride,
                groups=max(width // 4, 1),
                padding=5 * stride,
            )
        width = add(width, min(width * 2, most), 5, padding=2)
        add(width, 1, 3, padding=1)
        track_layers(self, self.convolutions)

    def build(self, input_shape=None):
        for channels, layer in zip(self._inputs, self.convolutions, strict=True):
            layer.build((None, None, channels))
        self.built = True

    def call(self, x):
        """Return the map after each layer for [batch, time, 1]; the last one holds the scores."""
        maps = []
        for layer in self.convolutions[:-1]:
            x = _activate(layer(x))
            maps.append(x)
        return [*maps, self.convolutions[-1](x)]


class MultiScaleDiscriminator(keras.Model):
    """Discriminators of identical structure at decreasing sample rates (section 2.2).

    Args:
      config: MelGANConfig.
      seed: seed of the initial values.
    """

    def __init__(self, config, seed=0):
        super().__init__()
        self.scales = [
            Discriminator(config, 10 * seed + scale, f"scale_{scale}")
            for scale in range(config.discriminators)
        ]
        track_layers(self, self.scales)

    def build(self, input_shape=None):
        for scale in self.scales:
            scale.build()
        self.built = True

    def call(self, waveform):
        """Return the maps of each scale for waveforms [batch, time, 1]."""
        found = []
        for number, scale in enumerate(self.scales):
            if number:
                waveform = average_pool(waveform)
            found.append(scale(waveform))
        return found


def average_pool(x):
    """Halve the sample rate by means of 4 samples, which exclude the padding at each end.

    Args:
      x: float32 [batch, time, 1].

    Returns:
      float32 [batch, time // 2, 1]. torch's AvgPool1d(4, 2, 1, count_include_pad=False).
    """
    sums = tf.nn.avg_pool1d(pad_time(x, 1, False), 4, 2, "VALID")
    counts = tf.nn.avg_pool1d(pad_time(tf.ones_like(x[:1]), 1, False), 4, 2, "VALID")
    return sums / counts


def _activate(x):
    return tf.nn.leaky_relu(x, _SLOPE)
