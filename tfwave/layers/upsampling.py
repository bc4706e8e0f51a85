"""Upsampling by interpolation, aligned as in TensorFlow 1.

TF1 resizes without half-pixel centres: output frame i is the input at i / factor, clamped at the
edge, and its cubic kernel is Keys' with a = -0.75. `tf.image.resize` and Keras'
`UpSampling2D` read at (i + 0.5) / factor - 0.5 and give other numbers.
"""

import tensorflow as tf

METHODS = ("nearest", "linear", "cubic")


def upsample2d(x: tf.Tensor, factor: int, method: str) -> tf.Tensor:
    """Enlarge images.

    Args:
      x: [batch, height, width, channels].
      factor: whole number of output rows (columns) for each input row (column).
      method: "nearest", "linear" or "cubic".

    Returns:
      [batch, height * factor, width * factor, channels] in the dtype of x.

    Raises:
      ValueError: unknown method.
    """
    return _resize(x, x.shape[1] * factor, x.shape[2] * factor, method)


def upsample1d(x: tf.Tensor, factor: int, method: str) -> tf.Tensor:
    """Enlarge the time axis of [batch, time, channels] by `factor`, as `upsample2d` does."""
    if method == "nearest":
        return tf.repeat(x, factor, axis=1)
    return _resize(x[:, tf.newaxis], 1, x.shape[1] * factor, method)[:, 0]


def _resize(x, height, width, method):
    size = tf.constant([height, width])
    if method == "nearest":
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=size)
    # Both ops compute in float32 whatever the type of their input.
    images = tf.cast(x, tf.float32)
    if method == "linear":
        resized = tf.raw_ops.ResizeBilinear(images=images, size=size)
    elif method == "cubic":
        resized = tf.raw_ops.ResizeBicubic(images=images, size=size)
    else:
        raise ValueError(f"upsample: {method!r} is none of {', '.join(METHODS)}")
    return tf.cast(resized, x.dtype)
