"""Keras layers with the defaults of TensorFlow 1's `tf.layers`."""

import keras


def dense(units: int, seed: int, dtype: str, name: str) -> keras.layers.Dense:
    """Build a dense layer with Glorot's uniform initial kernel and zero bias.

    Args:
      units: number of outputs.
      seed: seed of the initial kernel.
      dtype: Keras dtype policy, such as "float32" or "mixed_bfloat16".
      name: name of the layer.
    """
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, dtype=dtype, name=name)


def batch_norm(name: str) -> keras.layers.BatchNormalization:
    """Build a batch norm over all axes but the last: momentum 0.99, epsilon 1e-3, float32."""
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)
