"""Layers of WaveGlow: the network of the affine couplings (WN) and the invertible 1x1 convolution.

Paper: arXiv:1811.00002 sections 2.1 and 2.2. Code: NVIDIA/waveglow, glow.py (WN,
Invertible1x1Conv).

The weights are those of the code, but the products are regrouped: linear maps are multiplied
together first, which gives the same function with a third less arithmetic at 512 channels:

* the first 1x1 convolution and the first dilated one form a dilated convolution of few channels;
* the skip outputs of all layers meet in one last 1x1 convolution, so each is mapped directly to its
  few channels;
* a dilated convolution of width 3 computes two outputs with four products instead of six.
"""

import keras
import numpy as np
import tensorflow as tf

from tfwave.layers.normalized_conv import NormalizedConv1D
from tfwave.layers.tracking import track_layers


class InvertibleMix(keras.layers.Layer):
    """Invertible 1x1 convolution whose matrix is initially a random rotation.

    Args:
      channels: number of input and output channels.
      seed: seed of the initial matrix.
      name: name of the layer.
    """

    def __init__(self, channels, seed=0, name=None):
        super().__init__(name=name)
        self.channels = channels
        self.seed = seed

    def build(self, input_shape=None):
        def rotation(shape, dtype=None):
            del dtype
            matrix, _ = np.linalg.qr(np.random.default_rng(self.seed).normal(size=shape))
            if np.linalg.det(matrix) < 0:
                matrix[:, 0] *= -1.0
            return tf.constant(matrix, tf.float32)

        shape = (self.channels, self.channels)
        self.kernel = self.add_weight(shape=shape, initializer=rotation, name="kernel")
        self.built = True

    def call(self, x):
        """Mix the channels of [batch, time, channels]."""
        return tf.tensordot(x, tf.convert_to_tensor(self.kernel), 1)

    def log_det(self):
        """Return the logarithm of the absolute determinant, finite for either sign."""
        return tf.linalg.slogdet(tf.convert_to_tensor(self.kernel))[1]

    def inverse_kernel(self):
        """Return the inverse of the current matrix, float32 [channels, channels]."""
        return tf.linalg.inv(tf.convert_to_tensor(self.kernel))


class CouplingNetwork(keras.layers.Layer):
    """Coupling network: shift and log scale of one half of the channels from the other half.

    Initially shift and log scale are 0, as the last kernel and bias are zero.

    Args:
      half: number of channels of each half.
      conditioning: number of channels of the conditioning.
      channels: number of residual and of skip channels of every layer.
      layers: number of dilated convolutions, dilated 1, 2, 4, ...
      kernel_size: number of their taps, odd.
      normalization: normalisation of all kernels but the last, "weight" or "none".
      seed: seed of the initial weights.
      name: name of the layer.

    Attributes:
      start: 1x1 convolution, half -> channels.
      conditioner: 1x1 convolution, conditioning -> 2 * channels * layers.
      inner: dilated convolutions, channels -> 2 * channels, the filter first, then the gate.
      outer: 1x1 convolutions, channels -> residual and skip channels; in the last layer skip only.
      end_kernel, end_bias: trained variables [channels, 2 * half] and [2 * half].
    """

    def __init__(
        self, half, conditioning, channels, layers, kernel_size, normalization, seed=0, name=None
    ):
        super().__init__(name=name)
        self.half, self.channels, self.kernel_size = half, channels, kernel_size
        self._inputs = (half, conditioning)

        def convolution(part, filters, number, size=1, dilation=1):
            return NormalizedConv1D(
                filters,
                size,
                dilation=dilation,
                padding=(size - 1) // 2 * dilation,
                normalization=normalization,
                seed=seed + number,
                name=f"{name}_{part}",
            )

        self.start = convolution("start", channels, 0)
        self.conditioner = convolution("conditioner", 2 * channels * layers, 1)
        self.inner = [
            convolution(f"inner_{i}", 2 * channels, 2 + 2 * i, kernel_size, 2**i)
            for i in range(layers)
        ]
        self.outer = [
            convolution(f"outer_{i}", channels if i == layers - 1 else 2 * channels, 3 + 2 * i)
            for i in range(layers)
        ]
        track_layers(self, [*self.inner, *self.outer])

    def build(self, input_shape=None):
        half, conditioning = self._inputs
        self.start.build((None, None, half))
        self.conditioner.build((None, None, conditioning))
        for layer in (*self.inner, *self.outer):
            layer.build((None, None, self.channels))
        shape = (self.channels, 2 * half)
        self.end_kernel = self.add_weight(shape=shape, initializer="zeros", name="end_kernel")
        self.end_bias = self.add_weight(shape=shape[1:], initializer="zeros", name="end_bias")
        self.built = True

    def call(self, x, conditioning, precision=tf.float32):
        """Compute shift and log scale.

        Args:
          x: float32 [batch, time, half].
          conditioning: float32 [batch, time, conditioning channels].
          precision: type of the factors of the large products.

        Returns:
          (shift, log scale), float32 [batch, time, half].
        """
        first = tf.concat([self.start.effective_kernel()[0], self.start.bias[tf.newaxis]], 0)
        end = tf.convert_to_tensor(self.end_kernel)
        x = tf.concat([x, tf.ones_like(x[..., :1])], -1)
        hidden = product(x, first)
        of_conditioning = self._per_layer(self.conditioner.effective_kernel()[0])
        biases = self._per_layer(tf.convert_to_tensor(self.conditioner.bias))
        total, skip_bias = 0.0, 0.0
        for i, (inner, outer) in enumerate(zip(self.inner, self.outer, strict=True)):
            kernel, convolve = inner.effective_kernel(), plain_convolution
            if i == 0:
                kernel = tf.matmul(first, kernel)
            elif self.kernel_size == 3 and precision == tf.float32:
                convolve = paired_convolution
            bias = biases[i] + inner.bias
            z = convolve(
                hidden if i else x,
                conditioning,
                kernel,
                of_conditioning[i],
                inner.dilation,
                lambda y, bias=bias: _gate(y + bias),
                precision,
            )
            kernel, bias = outer.effective_kernel()[0], tf.convert_to_tensor(outer.bias)
            if i < len(self.outer) - 1:
                residual, kernel = tf.split(kernel, 2, axis=-1)
                residual_bias, bias = tf.split(bias, 2)
                hidden += product(z, residual, precision) + residual_bias
            total += product(z, tf.matmul(kernel, end))
            skip_bias += bias
        total += tf.linalg.matvec(end, skip_bias, transpose_a=True) + self.end_bias
        return tf.split(total, 2, axis=-1)

    def _per_layer(self, values):
        return tf.split(values, len(self.inner), axis=-1)


def cut(x, start, length):
    """Return x[:, start : start + length] of a tensor static in all axes but batch and time.

    Unlike an index, it has a gradient that is fast on CPUs.
    """
    rest = list(x.shape[2:])
    y = tf.slice(x, [0, start, *[0] * len(rest)], [-1, length, *rest])
    return tf.ensure_shape(y, [None, None, *rest])


def side_by_side(x, span, dilation):
    """Concatenate the taps of a convolution along the channels, oldest first.

    Args:
      x: [batch, time + span, channels].
      span: number of frames between the first tap and the last, a multiple of the dilation.
      dilation: number of frames between taps.

    Returns:
      [batch, time, (span / dilation + 1) * channels].
    """
    time = tf.shape(x)[1] - span
    return tf.concat([cut(x, start, time) for start in range(0, span + 1, dilation)], -1)


def product(x, kernel, precision=tf.float32):
    """Multiply [batch, time, inputs] by [inputs, outputs], rounded to `precision`, to float32."""
    return tf.cast(tf.tensordot(tf.cast(x, precision), tf.cast(kernel, precision), 1), tf.float32)


def plain_convolution(x, extra, kernel, extra_kernel, dilation, activation, precision):
    """Compute the sum of a dilated and a 1x1 convolution as one product.

    Args:
      x: float32 [batch, time, channels].
      extra: float32 [batch, time, others], input of the 1x1 convolution.
      kernel: float32 [taps, channels, filters].
      extra_kernel: float32 [others, filters].
      dilation: frames between taps.
      activation: function applied to the sum.
      precision: type of the factors.

    Returns:
      Result of the activation of float32 [batch, time, filters].
    """
    span = (kernel.shape[0] - 1) * dilation
    taps = side_by_side(tf.pad(x, [[0, 0], [span // 2, span // 2], [0, 0]]), span, dilation)
    kernel = tf.concat([tf.reshape(kernel, [-1, kernel.shape[-1]]), extra_kernel], 0)
    return activation(product(tf.concat([taps, extra], -1), kernel, precision))


def paired_convolution(x, extra, kernel, extra_kernel, dilation, activation, precision):
    """Compute `plain_convolution` of 3 taps by Winograd's F(2, 3), two outputs from four products.

    The outputs y(t) and y(t + dilation) are paired: with x- .. x++ the inputs at t - dilation to
    t + 2 dilation and kernel a, b, c,
      y(t)            = (x- - x+) a + s + d,
      y(t + dilation) = s - d - (x - x++) c,
    where x is the input at t, s = (x + x+) (a + b + c) / 2 and d = (x+ - x) (a - b + c) / 2.
    """
    time = tf.shape(x)[1]
    blocks = -(-time // (2 * dilation))

    def halves(x):
        padded = tf.pad(x, [[0, 0], [0, 2 * dilation * blocks - time], [0, 0]])
        return tf.unstack(tf.reshape(padded, [-1, blocks, 2, dilation, x.shape[-1]]), axis=2)

    one, two = halves(x)
    others = halves(extra)
    before = tf.pad(cut(two, 0, blocks - 1), [[0, 0], [1, 0], [0, 0], [0, 0]])
    after = tf.pad(cut(one, 1, blocks - 1), [[0, 0], [0, 1], [0, 0], [0, 0]])
    first, middle, last = tf.unstack(kernel)
    outer, inner = 0.5 * (first + last), 0.5 * middle
    total = product(one + two, outer + inner, precision)
    difference = product(two - one, outer - inner, precision)
    early = product(
        tf.concat([before - two, others[0]], -1), tf.concat([first, extra_kernel], 0), precision
    )
    late = product(
        tf.concat([after - one, others[1]], -1), tf.concat([last, extra_kernel], 0), precision
    )
    y = [activation(early + (total + difference)), activation(late + (total - difference))]
    y = tf.stack(y, axis=2)
    return cut(tf.reshape(y, [-1, 2 * dilation * blocks, y.shape[-1]]), 0, time)


def _gate(y):
    signal, gate = tf.split(y, 2, axis=-1)
    return tf.tanh(signal) * tf.sigmoid(gate)
