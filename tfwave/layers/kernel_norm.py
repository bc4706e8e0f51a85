"""Kernels of convolutions with weight or spectral normalisation.

Sources: arXiv:1602.07868 and arXiv:1802.05957 in the forms of PyTorch's `weight_norm` and
`spectral_norm`.
"""

import keras
import tensorflow as tf

NORMALIZATIONS = ("none", "weight", "spectral")


class NormalizedKernel(keras.layers.Layer):
    """Base class of layers with a normalised kernel.

    With "weight" the effective kernel is gain * kernel / |kernel|, one gain and one norm for each
    index of the last axis; the gain starts as the norm of the initial kernel. With "spectral" it is
    kernel / sigma, sigma the largest singular value of the kernel as a matrix over `outputs_axis`,
    estimated by one power iteration for each call of `power_iteration`.

    Attributes:
      kernel: trained variable.
      gain: trained variable, or None.
      normalization: one of NORMALIZATIONS.
    """

    kernel = gain = None
    normalization = "none"

    def add_kernel(self, shape, initializer, normalization, outputs_axis=-1):
        """Add the variables; `build` calls it.

        Args:
          shape: shape of the kernel.
          initializer: Keras initializer of the kernel.
          normalization: one of NORMALIZATIONS.
          outputs_axis: axis of the outputs in the kernel.

        Raises:
          ValueError: unknown normalisation.
        """
        if normalization not in NORMALIZATIONS:
            choices = ", ".join(NORMALIZATIONS)
            raise ValueError(f"normalization is {normalization!r}; it must be one of {choices}")
        self.normalization = normalization
        self._outputs_axis = outputs_axis % len(shape)
        self.kernel = self.add_weight(shape=shape, initializer=initializer, name="kernel")
        if normalization == "weight":
            self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")
            self.gain.assign(_norm(tf.convert_to_tensor(self.kernel)))
        if normalization == "spectral":
            self.direction = self.add_weight(
                shape=(shape[self._outputs_axis],),
                trainable=False,
                name="direction",
                initializer=keras.initializers.RandomNormal(stddev=1.0, seed=0),
            )
            self.power_iteration()

    def effective_kernel(self):
        """Return the normalised kernel, a tensor of the kernel's shape."""
        kernel = tf.convert_to_tensor(self.kernel)
        if self.normalization == "weight":
            return self.gain * kernel / _norm(kernel)
        if self.normalization == "spectral":
            # The singular vectors are treated as constants, as in the source.
            left = tf.stop_gradient(tf.convert_to_tensor(self.direction))
            right = tf.stop_gradient(_unit(tf.linalg.matvec(self._matrix(), left)))
            sigma = tf.reduce_sum(tf.linalg.matvec(self._matrix(), left) * right)
            return kernel / sigma
        return kernel

    def power_iteration(self):
        """Refine the estimate of the largest singular value; without "spectral" do nothing."""
        if self.normalization == "spectral":
            matrix = self._matrix()
            right = _unit(tf.linalg.matvec(matrix, tf.convert_to_tensor(self.direction)))
            self.direction.assign(_unit(tf.linalg.matvec(matrix, right, transpose_a=True)))

    def _matrix(self):
        """Return the kernel as a matrix [inputs times taps, outputs]."""
        kernel, axis = tf.convert_to_tensor(self.kernel), self._outputs_axis
        order = [i for i in range(len(kernel.shape)) if i != axis] + [axis]
        return tf.reshape(tf.transpose(kernel, order), [-1, kernel.shape[axis]])


def _norm(kernel):
    return tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=list(range(len(kernel.shape) - 1))))


def _unit(vector):
    return vector / tf.maximum(tf.norm(vector), 1e-12)
