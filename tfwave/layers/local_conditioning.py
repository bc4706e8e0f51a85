"""Upsampling of frame features to conditioning at the sample rate (arXiv:1609.03499 section 2.5).

The paper learns a transposed convolution or, with slightly worse results, repeats frames. The
public codes share one small kernel among all feature channels:

* "stretch" (r9y9/wavenet_vocoder, upsample.py, UpsampleNetwork): for each scale s repeat every
  frame s times, then convolve over 2 s + 1 samples; `conv_in` precedes these with a convolution
  over all channels and 2 * frame_padding + 1 frames (ConvInUpsampleNetwork).
* "transposed_2d" (the same at v0.1.1): a transposed convolution whose taps do not overlap.
"""

import dataclasses
import math

import keras
import tensorflow as tf

from tfwave.errors import UserError
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D

_FORMS = ("stretch", "transposed_2d", "transposed_1d", "repeat")
_ACTIVATIONS = ("none", "relu", "leaky_relu")


@dataclasses.dataclass(frozen=True)
class LocalConditioningConfig:
    """Sizes and form of the upsampling; the defaults are r9y9's.

    Raises:
      UserError: an illegal value, naming the field.
    """

    channels: int = 80  # channels of the features, and of the conditioning
    scales: tuple[int, ...] = (4, 4, 4, 4)  # their product is the hop in samples
    form: str = "stretch"  # "transposed_2d" (r9y9 v0.1.1), "transposed_1d" and "repeat" (paper)
    conv_in: bool = True  # convolution before "stretch"
    frame_padding: int = 2  # frames on either side that serve only as context
    frequency_kernel: int = 1  # feature channels under one kernel, odd
    activation: str = "none"  # after every upsampling; v0.1.1: "relu"; "leaky_relu"
    negative_slope: float = 0.4  # slope of "leaky_relu" below zero

    def __post_init__(self):
        object.__setattr__(self, "scales", tuple(self.scales))
        for field, holds, requirement in (
            ("channels", self.channels >= 1, "1 or more"),
            (
                "scales",
                bool(self.scales) and all(s >= 1 and s == int(s) for s in self.scales),
                "whole numbers of 1 or more",
            ),
            ("form", self.form in _FORMS, f"one of {', '.join(_FORMS)}"),
            ("conv_in", not self.conv_in or self.form == "stretch", "false unless form is stretch"),
            ("frame_padding", self.frame_padding >= 0, "0 or more frames"),
            (
                "frequency_kernel",
                self.frequency_kernel >= 1 and self.frequency_kernel % 2 == 1,
                "1 or more and odd",
            ),
            ("activation", self.activation in _ACTIVATIONS, f"one of {', '.join(_ACTIVATIONS)}"),
        ):
            if not holds:
                raise UserError(
                    f"LocalConditioningConfig.{field} is {getattr(self, field)!r}; it must be "
                    f"{requirement}"
                )

    @property
    def hop_length(self):
        """Number of samples per frame."""
        return math.prod(self.scales)


class LocalConditioner(keras.layers.Layer):
    """Upsampler, [batch, frames, channels] -> [batch, (frames - 2 * padding) * hop, channels].

    Args:
      config: LocalConditioningConfig.
      weight_norm: whether the kernels of "stretch" and "transposed_2d" are weight-normalised, as
        in both public codes.
      seed: seed of the initial weights that are random, those of `conv_in` and "transposed_1d".
      name: name of the layer.
    """

    def __init__(self, config, weight_norm=True, seed=0, name="conditioner"):
        super().__init__(name=name)
        self.config = config
        self.conv_in = None
        if config.conv_in:
            self.conv_in = WeightNormConv1D(
                config.channels,
                2 * config.frame_padding + 1,
                use_bias=False,
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                name=f"{name}_conv_in",
            )
        makers = {
            "stretch": _Stretch,
            "transposed_2d": _Transposed2D,
            "repeat": None,
            "transposed_1d": _Transposed1D,
        }
        maker = makers[config.form]
        self.upsamplings = [
            maker(config, scale, weight_norm, seed + 1 + i, f"{name}_{i}")
            for i, scale in enumerate(config.scales if maker else ())
        ]
        track_layers(self, self.upsamplings)

    def build(self, input_shape=None):
        for layer in (self.conv_in, *self.upsamplings):
            if layer is not None:
                layer.build((None, None, self.config.channels))
        self.built = True

    def call(self, features):
        """Upsample float32 [batch, frames, channels] to float32 [batch, samples, channels].

        Raises:
          ValueError: wrong number of channels, or no more frames than the padding takes.
        """
        return self.stages(features)[-1]

    def stages(self, features):
        """Return the features after `conv_in` (or unchanged) and after each upsampling."""
        config = self.config
        _, frames, channels = features.shape
        if channels != config.channels:
            raise ValueError(f"features have {channels} channels; {config.channels} are expected")
        if frames is not None and frames <= 2 * config.frame_padding:
            raise ValueError(
                f"features have {frames} frames; more than {2 * config.frame_padding} are needed, "
                "which only give context"
            )
        x = features if self.conv_in is None else self.conv_in(features)
        stages = [x]
        for layer in self.upsamplings:
            x = layer(x)
            if config.activation == "relu":
                x = tf.nn.relu(x)
            elif config.activation == "leaky_relu":
                x = tf.nn.leaky_relu(x, config.negative_slope)
        if config.form == "repeat":
            x = tf.repeat(x, config.hop_length, axis=1)
        if config.frame_padding and not config.conv_in:
            cut = config.frame_padding * config.hop_length
            x = x[:, cut:-cut]
        return [*stages, x]


class _SharedKernel(keras.layers.Layer):
    """Base of layers whose channels share a kernel [time, frequency], normalised or not."""

    def __init__(self, shape, value, use_bias, weight_norm, name):
        super().__init__(name=name)
        self._shape, self._value = shape, value
        self._use_bias, self._weight_norm = use_bias, weight_norm
        self.gain = self.bias = None

    def build(self, input_shape=None):
        start = keras.initializers.Constant(self._value)
        self.kernel = self.add_weight(shape=self._shape, initializer=start, name="kernel")
        if self._weight_norm:
            norm = keras.initializers.Constant(self._value * math.sqrt(math.prod(self._shape)))
            self.gain = self.add_weight(shape=(1,), initializer=norm, name="gain")
        if self._use_bias:
            self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")
        self.built = True

    def effective_kernel(self):
        """Return the kernel [time, frequency, 1, 1] of a two-dimensional convolution."""
        kernel = tf.convert_to_tensor(self.kernel)
        if self.gain is not None:
            kernel *= self.gain / tf.norm(kernel)
        return kernel[:, :, tf.newaxis, tf.newaxis]


class _Stretch(_SharedKernel):
    """Repetition of frames `scale` times, then smoothing over 2 * scale + 1, at first a mean."""

    def __init__(self, config, scale, weight_norm, seed, name):
        shape = (2 * scale + 1, config.frequency_kernel)
        super().__init__(shape, 1.0 / math.prod(shape), False, weight_norm, name)
        self.scale = scale

    def call(self, x):
        picture = tf.repeat(x, self.scale, axis=1)[..., tf.newaxis]
        return tf.nn.conv2d(picture, self.effective_kernel(), 1, "SAME")[..., 0]


class _Transposed2D(_SharedKernel):
    """Transposed convolution of each frame to `scale` samples, at first a repetition."""

    def __init__(self, config, scale, weight_norm, seed, name):
        shape = (scale, config.frequency_kernel)
        super().__init__(shape, 1.0 / config.frequency_kernel, True, weight_norm, name)
        self.scale = scale

    def call(self, x):
        batch, frames, channels = tf.unstack(tf.shape(x))
        picture = tf.nn.conv2d_transpose(
            x[..., tf.newaxis],
            self.effective_kernel(),
            [batch, frames * self.scale, channels, 1],
            [self.scale, 1],
            "SAME",
        )
        return picture[..., 0] + self.bias


class _Transposed1D(keras.layers.Layer):
    """Learned upsampling of the paper: a transposed convolution of all channels, 2 frames wide."""

    def __init__(self, config, scale, weight_norm, seed, name):
        super().__init__(name=name)
        self.scale = scale
        self.convolution = keras.layers.Conv1DTranspose(
            config.channels,
            2 * scale,
            strides=scale,
            padding="same",
            kernel_initializer=keras.initializers.GlorotUniform(seed),
            name=f"{name}_convolution",
        )

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.built = True

    def call(self, x):
        return self.convolution(x)
