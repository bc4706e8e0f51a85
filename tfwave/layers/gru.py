"""Gates of recurrent units whose reset gate acts on the product with the state."""

import tensorflow as tf


def gates(products: tf.Tensor, gate_inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gates of a step (PyTorch's GRU; arXiv:1802.08435 section 2).

    Args:
      products: state times recurrent kernel, float32 [..., 3 * units], columns in the order update,
        reset, candidate.
      gate_inputs: terms of the inputs and biases, of the same shape.

    Returns:
      (update, reset, candidate), each [..., units].
    """
    p_u, p_r, p_e = tf.split(products, 3, axis=-1)
    a_u, a_r, a_e = tf.split(gate_inputs, 3, axis=-1)
    r = tf.sigmoid(p_r + a_r)
    return tf.sigmoid(p_u + a_u), r, tf.tanh(r * p_e + a_e)
