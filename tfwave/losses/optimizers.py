"""Adam and RMSProp with the arithmetic of TensorFlow 1's `tf.train`, and PyTorch's Adam.

Keras differs from TF1 in Adam's default epsilon (1e-7 instead of 1e-8) and in RMSProp's start:
TF1's mean square begins at 1, Keras' at 0, which makes a first step of about three times the
learning rate whatever the size of the gradient. PyTorch's Adam adds epsilon after the correction of
the second moment, TF1's and Keras' before it, which matters early on and where gradients are small.
"""

import keras
import tensorflow as tf

from tfwave import compat


class TF1Adam(keras.optimizers.Adam):
    """Adam: var -= lr * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon).

    One fused kernel updates a variable, as in TF1; written out in TensorFlow operations, as in
    Keras, the same arithmetic reads and writes the weights several times.

    Args:
      learning_rate: step size.
      beta_1: decay of the first moment.
      beta_2: decay of the second moment.
      epsilon: added outside the root.
    """

    def __init__(self, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def update_step(self, gradient, variable, learning_rate=None):
        """Update one variable in place (called by `apply_gradients`)."""
        rate = self.learning_rate if learning_rate is None else learning_rate
        t = tf.cast(self.iterations, tf.float32) + 1.0
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=compat.optimizer_slot(self, self._momentums, variable).handle,
            v=compat.optimizer_slot(self, self._velocities, variable).handle,
            beta1_power=tf.pow(self.beta_1, t),
            beta2_power=tf.pow(self.beta_2, t),
            lr=tf.cast(rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self._epsilon_of(t),
            grad=gradient,
        )

    def _epsilon_of(self, t):
        """Return the number added outside the root in update t, counted from 1."""
        return self.epsilon


class TorchAdam(TF1Adam):
    """PyTorch's Adam: var -= lr / (1 - beta_1^t) * m / (sqrt(v / (1 - beta_2^t)) + epsilon)."""

    def _epsilon_of(self, t):
        return self.epsilon * tf.sqrt(1.0 - tf.pow(self.beta_2, t))


class TF1RMSprop(keras.optimizers.RMSprop):
    """RMSProp: s = decay * s + (1 - decay) * g^2 from s = 1; var -= lr * g / sqrt(s + epsilon).

    Args:
      learning_rate: step size.
      decay: decay of the mean square.
      epsilon: added inside the root.
    """

    def __init__(self, learning_rate=1e-3, decay=0.9, epsilon=1e-10):
        super().__init__(learning_rate, rho=decay, epsilon=epsilon)

    def build(self, var_list):
        """Create the slots, mean squares at one. Later calls, one in every update, do nothing."""
        if hasattr(self, "_velocities"):
            return
        super().build(var_list)
        for velocity in self._velocities:
            velocity.assign(tf.ones(velocity.shape))
