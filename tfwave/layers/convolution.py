"""Strided one-dimensional convolutions with TensorFlow's SAME alignment, in block form.

A convolution of stride s over [batch, time, channels] equals one of stride 1 over
[batch, time / s, s * channels] whose kernel is padded to whole blocks. CPUs run the second several
times faster: the one-channel ends of a waveform network become matrix products, and no backward
pass has to scatter into strided memory.

The three maps below (convolution, its adjoint in the signal, its adjoint in the kernel) are each
other's derivatives, so gradients of any order, such as those of a gradient penalty, stay inside
this file.
"""

import keras
import numpy as np
import tensorflow as tf

# Below this many frames an explicit matrix product beats the convolution routines, which first
# reorder the kernel: the deepest layers have kernels of 50 MB and clips of 16 to 64 frames.
_MATMUL_FRAMES = 32


def conv1d(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Convolve with padding SAME.

    Args:
      x: [batch, time, in], time a multiple of stride.
      kernel: [width, in, out].
      stride: samples between outputs.

    Returns:
      [batch, time / stride, out]. Of the width - stride padding zeros, the smaller half
      is on the left.
    """
    fold = _fold(x, kernel, stride)
    if fold > 1:
        left, blocks = _to_toeplitz(kernel, fold)
        return _split_time(_block_conv(_merge_time(x, fold), blocks, left), fold)
    left, blocks = _to_blocks(kernel, stride)
    return _block_conv(_merge_time(x, stride), blocks, left)


def conv1d_transpose(x: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """Upsample by the adjoint of `conv1d`.

    Args:
      x: [batch, time, in].
      kernel: [width, out, in].
      stride: output samples for each input frame.

    Returns:
      [batch, time * stride, out].
    """
    left, blocks = _to_blocks(kernel, stride)
    return _split_time(_block_conv_input(x, blocks, left), stride)


def _to_blocks(kernel, stride):
    """Pad [width, a, b]; return (blocks to the left of the output's, [taps, stride * a, b])."""
    width, channels, outputs = kernel.shape
    same_left = max(width - stride, 0) // 2
    left = -(-same_left // stride)
    front = left * stride - same_left
    taps = -(-(front + width) // stride)
    padded = tf.pad(kernel, [[front, taps * stride - front - width], [0, 0], [0, 0]])
    return left, tf.reshape(padded, [taps, stride * channels, outputs])


def _fold(x, kernel, stride):
    """Choose how many outputs a stride-1 convolution of few channels computes together."""
    width, channels, outputs = kernel.shape
    if stride > 1 or channels * outputs > 128 or outputs > 2:
        return 1
    fold = 32 if width >= 128 else 4
    return fold if x.shape[1] % fold == 0 else 1


def _to_toeplitz(kernel, fold):
    """Build the kernel that computes `fold` neighbouring outputs from blocks of `fold` inputs.

    [width, a, b] to (blocks to the left of the output's, [taps, fold * a, fold * b]). A filter of
    one channel and 512 taps becomes a matrix product.
    """
    width, channels, outputs = kernel.shape
    same_left = (width - 1) // 2
    left = -(-same_left // fold)
    taps = left + -(-(width - 1 - same_left) // fold) + 1
    block, source, target = np.ogrid[:taps, :fold, :fold]
    index = fold * (block - left) + source - target + same_left
    index = np.where((index >= 0) & (index < width), index, width)  # the row of zeros
    padded = tf.pad(kernel, [[0, 1], [0, 0], [0, 0]])
    toeplitz = tf.transpose(tf.gather(padded, index), [0, 1, 3, 2, 4])
    return left, tf.reshape(toeplitz, [taps, fold * channels, fold * outputs])


def _merge_time(x, factor):
    batch, time, channels = tf.shape(x)[0], x.shape[1], x.shape[2]
    return tf.reshape(x, [batch, time // factor, factor * channels])


def _split_time(x, factor):
    batch, time, channels = tf.shape(x)[0], x.shape[1], x.shape[2]
    return tf.reshape(x, [batch, time * factor, channels // factor])


def _block_conv(x, kernel, left):
    """Compute y[t] = sum_k x[t - left + k] kernel[k].

    Shapes: [batch, n, a] and [taps, a, b] -> [batch, n, b].
    """

    @tf.custom_gradient
    def conv(x, kernel):
        def grad(dy):
            return _block_conv_input(dy, kernel, left), _block_conv_kernel(
                x, dy, kernel.shape[0], left
            )

        if x.shape[1] <= _MATMUL_FRAMES:
            y = tf.matmul(_patches(x, kernel.shape[0], left), _flat(kernel))
            return tf.reshape(y, [-1, x.shape[1], kernel.shape[2]]), grad
        padded, padding = _padded(x, kernel.shape[0], left)
        return tf.nn.conv1d(padded, kernel, 1, padding), grad

    return conv(x, kernel)


def _block_conv_input(y, kernel, left):
    """Apply the adjoint of `_block_conv` in x: [batch, n, b], [taps, a, b] -> [batch, n, a]."""

    @tf.custom_gradient
    def conv_input(y, kernel):
        def grad(dx):
            return _block_conv(dx, kernel, left), _block_conv_kernel(dx, y, kernel.shape[0], left)

        frames, (taps, channels, outputs) = y.shape[1], kernel.shape
        if frames <= _MATMUL_FRAMES:
            parts = tf.matmul(tf.reshape(y, [-1, outputs]), _flat(kernel), transpose_b=True)
            parts = tf.reshape(parts, [-1, frames, taps, channels])
            placed = [
                tf.pad(parts[:, :, k], [[0, 0], [k, taps - 1 - k], [0, 0]]) for k in range(taps)
            ]
            x = tf.add_n(placed)[:, left : left + frames]
        else:
            same = _is_same(taps, left)
            x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[tf.shape(y)[0], 1, frames if same else frames + taps - 1, channels],
                filter=kernel[tf.newaxis],
                out_backprop=y[:, tf.newaxis],
                strides=[1, 1, 1, 1],
                padding="SAME" if same else "VALID",
            )[:, 0]
            x = x if same else x[:, left : left + frames]
        return tf.ensure_shape(x, [None, frames, channels]), grad

    return conv_input(y, kernel)


def _block_conv_kernel(x, y, taps, left):
    """Apply the adjoint of `_block_conv` in the kernel.

    Shapes: [batch, n, a] and [batch, n, b] -> [taps, a, b].
    """

    @tf.custom_gradient
    def conv_kernel(x, y):
        def grad(dkernel):
            return _block_conv_input(y, dkernel, left), _block_conv(x, dkernel, left)

        channels, outputs = x.shape[2], y.shape[2]
        if x.shape[1] <= _MATMUL_FRAMES:
            flat = tf.matmul(
                _patches(x, taps, left), tf.reshape(y, [-1, outputs]), transpose_a=True
            )
            return tf.reshape(flat, [taps, channels, outputs]), grad
        padded, padding = _padded(x, taps, left)
        kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=padded[:, tf.newaxis],
            filter_sizes=[1, taps, channels, outputs],
            out_backprop=y[:, tf.newaxis],
            strides=[1, 1, 1, 1],
            padding=padding,
        )
        return kernel[0], grad

    return conv_kernel(x, y)


def _is_same(taps, left):
    """Return whether a kernel is aligned as in TensorFlow's padding SAME at stride 1."""
    return left == (taps - 1) // 2


def _padded(x, taps, left):
    """Return the padded signal and the padding left to the convolution.

    Convolutions also accept explicit padding, but it has no fast path on CPUs.
    """
    if _is_same(taps, left):
        return x, "SAME"
    return tf.pad(x, [[0, 0], [left, taps - 1 - left], [0, 0]]), "VALID"


def _patches(x, taps, left):
    """Gather the frames under the kernel: [batch, n, a] -> [batch * n, taps * a]."""
    frames, channels = x.shape[1], x.shape[2]
    padded = tf.pad(x, [[0, 0], [left, taps - 1 - left], [0, 0]])
    windows = tf.concat([padded[:, k : k + frames] for k in range(taps)], axis=2)
    return tf.reshape(windows, [-1, taps * channels])


def _flat(kernel):
    return tf.reshape(kernel, [-1, kernel.shape[2]])


class Conv1D(keras.layers.Layer):
    """Layer form of `conv1d`, with trained weights.

    Variables: kernel [width, in, out] (Glorot uniform, the default of TF1 layers) and, unless
    `use_bias` is off, bias [out] (zeros).

    Args:
      filters: number of output channels.
      width: kernel length in samples.
      stride: samples between outputs.
      use_bias: whether to add a bias.
      seed: seed of the kernel's initial values.
      **kwargs: `name` and `dtype` of a Keras layer.

    Raises:
      ValueError: when built on a time axis that the stride does not divide.
    """

    def __init__(self, filters, width, stride=1, use_bias=True, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.width, self.stride = filters, width, stride
        self.use_bias, self.seed = use_bias, seed

    def build(self, input_shape):
        if input_shape[1] % self.stride:
            raise ValueError(
                f"{self.name}: a time axis of {input_shape[1]} is not a multiple of the stride "
                f"{self.stride}"
            )
        self._add_weights((self.width, input_shape[-1], self.filters))

    def _add_weights(self, kernel_shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=kernel_shape,
            initializer=keras.initializers.GlorotUniform(seed=self.seed),
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.built = True

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] // self.stride, self.filters)

    def call(self, x):
        return self._add_bias(conv1d(x, tf.cast(self.kernel, x.dtype), self.stride))

    def _add_bias(self, x):
        return x if self.bias is None else tf.nn.bias_add(x, tf.cast(self.bias, x.dtype))


class Conv1DTranspose(Conv1D):
    """Layer form of `conv1d_transpose`, with trained kernel [width, out, in] and bias [out]."""

    def build(self, input_shape):
        self._add_weights((self.width, self.filters, input_shape[-1]))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] * self.stride, self.filters)

    def call(self, x):
        return self._add_bias(conv1d_transpose(x, tf.cast(self.kernel, x.dtype), self.stride))
