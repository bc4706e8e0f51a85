"""One-dimensional convolutions, also tap by tap, with optional weight normalisation."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfwave.layers.kernel_norm import NormalizedKernel

PADDINGS = ("causal", "same", "valid")


class WeightNormConv1D(NormalizedKernel):
    """Convolution over time of stride 1, which can also be applied tap by tap for generation.

    Args:
      filters: number of output channels.
      kernel_size: number of taps.
      dilation: number of frames between taps.
      padding: "causal" (zeros in front), "same" (zeros on both sides) or "valid" (none).
      use_bias: whether it has a bias, which starts from zero.
      weight_norm: whether the kernel is normalised, see `NormalizedKernel`.
      kernel_initializer: initializer of the kernel [kernel_size, channels, filters].
      name: name of the layer.

    Raises:
      ValueError: unknown padding.
    """

    def __init__(
        self,
        filters,
        kernel_size=1,
        dilation=1,
        padding="valid",
        use_bias=True,
        weight_norm=False,
        kernel_initializer: str | Callable[..., Any] = "glorot_uniform",
        name=None,
    ):
        super().__init__(name=name)
        _check(padding)
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.use_bias = use_bias
        self.weight_norm = weight_norm
        self.kernel_initializer = kernel_initializer
        self.bias = None

    def build(self, input_shape):
        shape = (self.kernel_size, input_shape[-1], self.filters)
        self.add_kernel(shape, self.kernel_initializer, "weight" if self.weight_norm else "none")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x, padding=None):
        """Convolve [batch, time, channels] to [batch, time', filters].

        Args:
          x: float32 [batch, time, channels].
          padding: padding that overrides the layer's, or None.
        """
        if self.kernel_size == 1:
            return self.of_taps(x)
        x = _pad(x, self.kernel_size, self.dilation, padding or self.padding)
        kernel = self.effective_kernel()
        return self._add_bias(tf.nn.convolution(x, kernel, 1, "VALID", dilations=self.dilation))

    def of_taps(self, taps):
        """Multiply taps [..., kernel_size * channels], oldest first; add the bias."""
        return self._add_bias(
            tf.matmul(taps, tf.reshape(self.effective_kernel(), [-1, self.filters]))
        )

    def _add_bias(self, y):
        return y if self.bias is None else tf.nn.bias_add(y, self.bias)


def last_frames(x, frames):
    """Return the last frames of [batch, time, channels].

    Unlike an index, it has a gradient that is fast on CPUs.
    """
    return tf.slice(x, [0, tf.shape(x)[1] - frames, 0], [-1, -1, -1])


def _pad(x, kernel_size, dilation, padding):
    """Pad [batch, time, channels] with zeros."""
    _check(padding)
    span = (kernel_size - 1) * dilation
    if padding == "valid" or not span:
        return x
    front = span if padding == "causal" else span // 2
    return tf.pad(x, [[0, 0], [front, span - front], [0, 0]])


def _check(padding):
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; it must be one of {', '.join(PADDINGS)}")
