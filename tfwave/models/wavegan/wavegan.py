"""WaveGAN: unsupervised synthesis of raw waveforms.

Paper: "Adversarial Audio Synthesis", Donahue, McAuley, Puckette, arXiv:1802.04208; section 3,
appendix Tables 3 to 5 and 7. Code: github.com/chrisdonahue/wavegan, wavegan.py and
train_wavegan.py.

Where paper and code differ the code is followed:
* Phase shuffle draws one shift for each layer and pass, shared by the batch (the paper's figure:
  one for each channel).
* All weights start from Glorot's uniform distribution, biases from zero (TF1's defaults).
* The post-processing filter comes after the tanh, has no bias and one output channel, so its output
  may leave [-1, 1].

Only in the paper: linear and cubic upsampling (resized as in the authors' SpecGAN) and
dropout in the critic, whose masks are fixed over time.
"""

import keras
import tensorflow as tf

from tfwave.layers.convolution import Conv1D, Conv1DTranspose
from tfwave.layers.tf1 import batch_norm, dense
from tfwave.layers.tracking import track_layers
from tfwave.layers.upsampling import upsample1d
from tfwave.models.wavegan.config import STRIDES, WaveGANConfig
from tfwave.models.wavegan.critic import Critic
from tfwave.models.wavegan.update import AdversarialSystem

_FIRST_FRAMES = 16


class WaveGANGenerator(keras.Model):
    """Generator of waveforms [batch, slice_len, channels] from latents (appendix Table 3).

    Dense to 16 frames, then one upsampling layer for each stride; every layer halves the channels.

    Args:
      config: WaveGANConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: WaveGANConfig, seed=0):
        super().__init__()
        self.config = config
        strides = STRIDES[config.slice_len]
        width = config.model_dim * 2 ** (len(strides) - 1)
        self.first_dims = (_FIRST_FRAMES, width)
        dtype = config.precision
        seeds = iter(range(1000 * seed, 1000 * seed + 1000))
        self.z_project = dense(_FIRST_FRAMES * width, next(seeds), dtype, "z_project")
        self.upconvs, dims = [], []
        for i, stride in enumerate(strides):
            dims.append((_FIRST_FRAMES if i == 0 else dims[-1][0] * strides[i - 1], width >> i))
            filters = config.channels if i + 1 == len(strides) else width >> (i + 1)
            layer = Conv1DTranspose if config.upsample == "zeros" else Conv1D
            self.upconvs.append(
                layer(
                    filters,
                    config.kernel_len,
                    stride if config.upsample == "zeros" else 1,
                    seed=next(seeds),
                    dtype=dtype,
                    name=f"upconv_{i}",
                )
            )
        self._input_dims = dims
        self.strides = strides
        # One before each ReLU: after the dense layer and after every layer but the last.
        self.batch_norms = []
        if config.batch_norm:
            self.batch_norms = [batch_norm(f"batch_norm_{i}") for i in range(len(strides))]
        track_layers(self, [*self.upconvs, *self.batch_norms])
        self.post_filter = None
        if config.post_filter_len:
            self.post_filter = Conv1D(
                1, config.post_filter_len, use_bias=False, seed=next(seeds), name="post_filter"
            )
        channels = 1 if config.post_filter_len else config.channels
        self.output_dims = (config.slice_len, channels)

    def build(self, input_shape):
        self.z_project.build((None, input_shape[-1]))
        for i, layer in enumerate(self.upconvs):
            if self.batch_norms:
                self.batch_norms[i].build((None, *self._input_dims[i]))
            layer.build((None, *self._input_dims[i]))
        if self.post_filter is not None:
            self.post_filter.build((None, self.config.slice_len, self.config.channels))
        self.built = True

    def call(self, latents, training=False):
        """Map latents float32 [batch, latent_dim] to float32 [batch, slice_len, channels].

        With a post-processing filter there is one channel.
        """
        x = self.features(latents, training)[-1]
        return x if self.post_filter is None else self.post_filter(x)

    def features(self, latents, training=False):
        """Return the activations of every layer: after the ReLUs in order, and after the tanh."""
        x = tf.reshape(self.z_project(latents), [-1, *self.first_dims])
        x = self._activate(x, 0, training)
        return [x, *self.upsampled(x, training)]

    def upsampled(self, x, training=False):
        """Apply the upsampling layers to [batch, 16, width]; return the activations of each."""
        features = []
        for i, (layer, stride) in enumerate(zip(self.upconvs, self.strides, strict=True)):
            if self.config.upsample != "zeros":
                x = upsample1d(x, stride, self.config.upsample)
            x = layer(x)
            last = i + 1 == len(self.upconvs)
            x = tf.tanh(tf.cast(x, tf.float32)) if last else self._activate(x, i + 1, training)
            features.append(x)
        return features

    def _activate(self, x, i, training):
        return tf.nn.relu(self.batch_norms[i](x, training=training) if self.batch_norms else x)


class WaveGANDiscriminator(Critic):
    """Critic of waveforms [batch, slice_len, channels], scores [batch] (appendix Table 4).

    Args:
      config: WaveGANConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: WaveGANConfig, seed=0):
        seeds = iter(range(1000 * seed + 500, 1000 * seed + 1000))
        downconvs = [
            Conv1D(
                config.model_dim << i,
                config.kernel_len,
                stride,
                seed=next(seeds),
                dtype=config.precision,
                name=f"downconv_{i}",
            )
            for i, stride in enumerate(STRIDES[config.slice_len])
        ]
        super().__init__(config, downconvs, next(seeds))


class WaveGAN(AdversarialSystem):
    """WaveGAN with the paper's update (section 3; training settings of appendix Table 7).

    Args:
      config: WaveGANConfig; None for the paper's best row.
      seed: int; initial weights and every draw of training follow from it.
    """

    config_class = WaveGANConfig
    network_classes = (WaveGANGenerator, WaveGANDiscriminator)
