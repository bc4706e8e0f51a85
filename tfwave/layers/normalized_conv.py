"""Strided, grouped and transposed convolutions with a normalised kernel, padded as in PyTorch.

Initial values are PyTorch's: kernel and bias uniform within 1 / sqrt(fan_in). The layers compute in
the type of their input and normalise in float32.
"""

import math

import tensorflow as tf

from tfwave.layers.kernel_norm import NormalizedKernel
from tfwave.layers.torch_initial import torch_uniform

_GROUP_CHANNELS = 16  # smallest group, where groups can be merged


class NormalizedConv1D(NormalizedKernel):
    """Convolution over time with explicit padding on both sides.

    Args:
      filters: number of output channels.
      kernel_size: number of taps.
      stride: number of frames between outputs.
      dilation: number of frames between taps; must be 1 unless the stride is 1.
      groups: number of contiguous groups of channels that are convolved independently.
      padding: number of frames of padding on each side.
      reflect: whether the padding mirrors the signal; zeros otherwise.
      normalization: see `NormalizedKernel`; over output channels.
      seed: seed of the initial values.
      name: name of the layer.
    """

    def __init__(
        self,
        filters,
        kernel_size=1,
        stride=1,
        dilation=1,
        groups=1,
        padding=0,
        reflect=False,
        normalization="weight",
        seed=0,
        name=None,
    ):
        super().__init__(name=name, autocast=False)
        self.filters, self.kernel_size = filters, kernel_size
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding, self.reflect = padding, reflect
        self._normalization, self.seed = normalization, seed

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.groups or self.filters % self.groups:
            raise ValueError(
                f"{self.name}: groups is {self.groups}, which does not divide {channels} channels "
                f"in and {self.filters} out"
            )
        shape = (self.kernel_size, channels // self.groups, self.filters)
        fan_in = shape[0] * shape[1]
        self.add_kernel(shape, torch_uniform(fan_in, 2 * self.seed), self._normalization)
        self.bias = self.add_weight(
            shape=(self.filters,), initializer=torch_uniform(fan_in, 2 * self.seed + 1), name="bias"
        )
        self.built = True

    def call(self, x):
        """Convolve [batch, time, channels] to [batch, time', filters].

        time' is (time + 2 padding - (kernel_size - 1) dilation - 1) // stride + 1. Mirrored padding
        requires more frames than it adds on a side.
        """
        x = pad_time(x, self.padding, self.reflect)
        kernel = tf.cast(self.effective_kernel(), x.dtype)
        if self.kernel_size == self.stride == self.groups == 1:
            y = tf.matmul(x, kernel[0])
        else:
            kernel = merge_groups(kernel, self.groups)
            y = tf.nn.conv1d(x, kernel, self.stride, "VALID", dilations=self.dilation)
        return tf.nn.bias_add(y, tf.cast(self.bias, x.dtype))


class NormalizedConv1DTranspose(NormalizedKernel):
    """Transposed convolution for upsampling by an even factor, twice as wide and cropped equally.

    The norms are taken per input channel, as PyTorch does for transposed convolutions.

    Args:
      filters: output channels.
      stride: output frames for each input frame, even.
      normalization: see `NormalizedKernel`.
      seed: seed of the initial values.
      name: name of the layer.

    Raises:
      ValueError: an odd stride.
    """

    def __init__(self, filters, stride, normalization="weight", seed=0, name=None):
        super().__init__(name=name, autocast=False)
        if stride < 2 or stride % 2:
            raise ValueError(f"stride must be an even number from 2, not {stride}")
        self.filters, self.stride = filters, stride
        self._normalization, self.seed = normalization, seed

    def build(self, input_shape):
        shape = (2 * self.stride, self.filters, input_shape[-1])
        fan_in = shape[0] * shape[1]
        self.add_kernel(shape, torch_uniform(fan_in, 2 * self.seed), self._normalization, 1)
        self.bias = self.add_weight(
            shape=(self.filters,), initializer=torch_uniform(fan_in, 2 * self.seed + 1), name="bias"
        )
        self.built = True

    def call(self, x):
        """Upsample [batch, time, channels] to [batch, time * stride, filters]."""
        # Before cropping, block b of `stride` outputs depends on frame b by the first half of the
        # taps and on frame b - 1 by the second: a convolution of width 2, which is faster.
        kernel = tf.cast(self.effective_kernel(), x.dtype)
        kernel = tf.reshape(kernel, [2, self.stride * self.filters, -1])
        y = tf.nn.conv1d(pad_time(x, 1, False), tf.transpose(kernel[::-1], [0, 2, 1]), 1, "VALID")
        y = tf.reshape(y, [tf.shape(x)[0], -1, self.filters])
        frames = tf.shape(x)[1] * self.stride
        return tf.nn.bias_add(
            tf.slice(y, [0, self.stride // 2, 0], [-1, frames, -1]), tf.cast(self.bias, x.dtype)
        )


def pad_time(x, padding, reflect):
    """Add `padding` frames on both sides of [batch, time, channels], mirrored or zeros."""
    if not padding:
        return x
    if not reflect:
        return tf.pad(x, [[0, 0], [padding, padding], [0, 0]])
    # Two short pieces and a copy; tf.pad mirrors element by element, and an index has a slower
    # gradient than tf.slice.
    size, last = [-1, padding, -1], tf.shape(x)[1] - padding - 1
    left = tf.reverse(tf.slice(x, [0, 1, 0], size), [1])
    right = tf.reverse(tf.slice(x, [0, last, 0], size), [1])
    return tf.concat([left, x, right], axis=1)


def merge_groups(kernel, groups):
    """Merge small groups of a grouped convolution, with zeros between them.

    CPUs run many groups of four channels, and their gradients, two to four times slower than a
    quarter as many of sixteen that are three quarters zeros.

    Args:
      kernel: [width, channels of a group, filters].
      groups: number of groups.

    Returns:
      [width, channels of a larger group, filters] with the same outputs.
    """
    width, channels, filters = kernel.shape
    merged = math.gcd(groups, max(_GROUP_CHANNELS // channels, 1))
    if merged == 1:
        return kernel
    parts = tf.reshape(kernel, [width, 1, channels, groups // merged, merged, -1])
    place = tf.reshape(tf.eye(merged, dtype=kernel.dtype), [1, merged, 1, 1, merged, 1])
    return tf.reshape(parts * place, [width, merged * channels, filters])
