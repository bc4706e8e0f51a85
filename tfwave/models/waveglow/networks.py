"""Flow of WaveGlow, from waveforms to noise and back.

Paper: arXiv:1811.00002 sections 2 and 2.3. Code: NVIDIA/waveglow, glow.py (WaveGlow).
"""

import keras
import tensorflow as tf

from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.models.waveglow.coupling import CouplingNetwork, InvertibleMix, cut, side_by_side


class FrameUpsampling(keras.layers.Layer):
    """Transposed convolution from features to the sample rate, not cropped at the start.

    Args:
      channels: number of input and output channels.
      stride: number of samples per frame.
      kernel_size: width in samples, a multiple of the stride.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, channels, stride, kernel_size, seed=0, name=None):
        super().__init__(name=name)
        self.channels, self.stride, self.kernel_size = channels, stride, kernel_size
        self.seed = seed

    def build(self, input_shape=None):
        shape = (self.kernel_size, self.channels, self.channels)
        start = torch_uniform(self.kernel_size * self.channels, 2 * self.seed)
        self.kernel = self.add_weight(shape=shape, initializer=start, name="kernel")
        start = torch_uniform(self.kernel_size * self.channels, 2 * self.seed + 1)
        self.bias = self.add_weight(shape=(self.channels,), initializer=start, name="bias")
        self.built = True

    def call(self, features, samples):
        """Upsample [batch, frames, channels] to [batch, samples, channels].

        Args:
          features: float32 [batch, frames, channels].
          samples: length of the output, at most (frames - 1) * stride + kernel_size.
        """
        overlap, channels = self.kernel_size // self.stride, self.channels
        blocks = -(-samples // self.stride)
        features = tf.pad(features, [[0, 0], [overlap - 1, overlap - 1], [0, 0]])
        # The output of frame f depends on frames f - overlap + 1 to f, the last by the first taps.
        taps = cut(side_by_side(features, overlap - 1, 1), 0, blocks)
        kernel = tf.reshape(self.kernel, [overlap, self.stride * channels, channels])
        kernel = tf.reshape(tf.transpose(kernel[::-1], [0, 2, 1]), [overlap * channels, -1])
        y = tf.reshape(tf.tensordot(taps, kernel, 1), [tf.shape(taps)[0], -1, channels])
        return cut(y, 0, samples) + self.bias


class WaveGlowNetwork(keras.Model):
    """Flow between waveforms and noise, in both directions.

    Args:
      config: WaveGlowConfig.
      seed: seed of the initial weights.

    Attributes:
      upsampling: FrameUpsampling.
      mixes: InvertibleMix of each flow.
      couplings: CouplingNetwork of each flow.
    """

    def __init__(self, config, seed=0):
        super().__init__()
        self.config = config
        first, bands = 10_000 * seed, config.mel.n_mels
        self.upsampling = FrameUpsampling(
            bands, config.hop_length, config.upsampling_kernel, first, "upsampling"
        )
        self.mixes, self.couplings = [], []
        for k, width in enumerate(config.widths):
            self.mixes.append(InvertibleMix(width, first + 100 * k + 1, f"mix_{k}"))
            self.couplings.append(
                CouplingNetwork(
                    width // 2,
                    bands * config.group,
                    config.channels,
                    config.layers,
                    config.kernel_size,
                    config.normalization,
                    first + 100 * k + 2,
                    f"coupling_{k}",
                )
            )
        track_layers(self, [*self.mixes, *self.couplings])

    def build(self, input_shape=None):
        for layer in (self.upsampling, *self.mixes, *self.couplings):
            layer.build()
        self.built = True

    def call(self, waveform, features):
        """Map waveforms to noise. Samples after the last whole group are dropped.

        Args:
          waveform: float32 [batch, time].
          features: float32 [batch, frames, n_mels] of the waveforms.

        Returns:
          (float32 [batch, time // group, group], early outputs first; list of the log
          scales of each flow, [batch, time // group, channels / 2]; list of the log determinants of
          each flow's matrix, scalars).
        """
        config = self.config
        conditioning = self._conditioning(features, tf.shape(waveform)[1])
        groups = tf.shape(conditioning)[1]
        x = tf.reshape(waveform[:, : groups * config.group], [-1, groups, config.group])
        early, log_scales, log_dets = [], [], []
        for k, (mix, coupling) in enumerate(zip(self.mixes, self.couplings, strict=True)):
            if self._emits(k):
                early.append(x[..., : config.early_size])
                x = x[..., config.early_size :]
            passed, changed = tf.split(mix(x), 2, axis=-1)
            shift, log_scale = coupling(passed, conditioning)
            x = tf.concat([passed, changed * tf.exp(log_scale) + shift], -1)
            log_scales.append(log_scale)
            log_dets.append(mix.log_det())
        return tf.concat([*early, x], -1), log_scales, log_dets

    def inverse(self, z, features, precision=tf.float32):
        """Map noise to waveforms.

        Args:
          z: float32 [batch, groups, group], channels in the order of `call`.
          features: float32 [batch, frames, n_mels], which cover the groups.
          precision: type of the factors of the couplings' large products.

        Returns:
          float32 [batch, groups * group].
        """
        config = self.config
        conditioning = self._conditioning(features, tf.shape(z)[1] * config.group)
        inverses = [mix.inverse_kernel() for mix in self.mixes]
        left = config.group - config.widths[-1]  # channels after the early outputs
        x = z[..., left:]
        for k in reversed(range(config.flows)):
            passed, changed = tf.split(x, 2, axis=-1)
            shift, log_scale = self.couplings[k](passed, conditioning, precision=precision)
            x = tf.concat([passed, (changed - shift) * tf.exp(-log_scale)], -1)
            x = tf.tensordot(x, inverses[k], 1)
            if self._emits(k):
                x = tf.concat([z[..., left - config.early_size : left], x], -1)
                left -= config.early_size
        return tf.reshape(x, [tf.shape(z)[0], -1])

    def _emits(self, k):
        """Return whether an early output precedes flow k."""
        return k > 0 and k % self.config.early_every == 0

    def _conditioning(self, features, samples):
        """Map features to [batch, samples // group, n_mels * group], a band's samples adjacent."""
        config = self.config
        group, bands = config.group, config.mel.n_mels
        whole = samples // group * group
        x = tf.reshape(self.upsampling(features, samples=whole), [-1, whole // group, group, bands])
        return tf.reshape(tf.transpose(x, [0, 1, 3, 2]), [-1, whole // group, bands * group])
