"""Recurrent cell of WaveRNN: sixteen bits in two draws, one product with the state.

Source: arXiv:1802.08435 section 2. With c and f the coarse and the fine half of a sample,
x_t = [c_{t-1}, f_{t-1}, c_t], and * a mask that hides c_t from the coarse half of the units:

    u_t = sigmoid(R_u h_{t-1} + I_u* x_t + b_u)
    r_t = sigmoid(R_r h_{t-1} + I_r* x_t + b_r)
    e_t = tanh(r_t (R_e h_{t-1}) + I_e* x_t + b_e)
    h_t = u_t h_{t-1} + (1 - u_t) e_t

The first half of h_t predicts c_t, the second half f_t, each through two layers. The paper omits
the biases from its formulas; their places here are those of the public cell (fatchord/WaveRNN,
deepmind_version.py).

Matrices multiply row vectors. Columns of gates are ordered in blocks u, r, e; inside each block the
first half is the coarse half. Conditioning enters as "local" terms, which are added to the inputs
of all gates, of both halves; the paper does not specify this.
"""

import keras
import numpy as np
import tensorflow as tf

from tfwave.layers.block_sparsity import PruningMask
from tfwave.layers.gru import gates
from tfwave.layers.torch_initial import torch_uniform


class DualSoftmaxCell(keras.layers.Layer):
    """Dual-softmax cell with its recurrence and output layers.

    Args:
      units: size of the state, even.
      bins: number of classes of each half of a sample, 256 for 16 bits.
      out_hidden: number of units of the layer between state and classes.
      pruning: PruningConfig of the three matrices of R, each pruned separately, or None.
      output_pruning: PruningConfig of each of O1 to O4, or None.
      seed: seed of the initial weights, which follow PyTorch's defaults.
      name: name of the layer.

    Attributes:
      recurrent: R, [units, 3 * units].
      inputs_kernel: I, [3, 3 * units], rows c_{t-1}, f_{t-1}, c_t; used with `input_mask`.
      gate_bias: [3 * units].
      outputs: O1, O2, O3, O4: [units / 2, out_hidden], [out_hidden, bins], and again.
      output_biases: biases of O1 to O4.
      recurrent_mask: PruningMask of R, or None.
      output_masks: list of the masks of O1 to O4, or of four times None.
    """

    def __init__(
        self, units, bins, out_hidden, pruning=None, output_pruning=None, seed=0, name="cell"
    ):
        super().__init__(name=name)
        self.units, self.bins, self.out_hidden = units, bins, out_hidden
        self._pruning, self._output_pruning, self._seed = pruning, output_pruning, seed

    def build(self, input_shape=None):
        units, seed = self.units, self._seed

        def weight(name, shape, number, fan_in=None):
            start = torch_uniform(fan_in or shape[0], seed + number)
            return self.add_weight(name=name, shape=shape, initializer=start)

        self.recurrent = weight("recurrent", (units, 3 * units), 0)
        self.inputs_kernel = weight("inputs", (3, 3 * units), 1)
        self.gate_bias = self.add_weight(name="gate_bias", shape=(3 * units,), initializer="zeros")
        half, hidden = units // 2, self.out_hidden
        sizes = [(half, hidden), (hidden, self.bins)] * 2
        # Separate attributes: Keras 3 hides lists from tf.train.Checkpoint.
        for i, shape in enumerate(sizes):
            setattr(self, f"output_{i + 1}", weight(f"output_{i + 1}", shape, 2 * i + 2))
            bias = weight(f"output_bias_{i + 1}", shape[1:], 2 * i + 3, fan_in=shape[0])
            setattr(self, f"output_bias_{i + 1}", bias)
            mask = self._output_pruning and PruningMask(self._output_pruning, *shape)
            setattr(self, f"output_mask_{i + 1}", mask)
        self.recurrent_mask = self._pruning and PruningMask(self._pruning, units, 3 * units, 3)
        self.built = True

    @property
    def outputs(self):
        return [getattr(self, f"output_{i}") for i in range(1, 5)]

    @property
    def output_biases(self):
        return [getattr(self, f"output_bias_{i}") for i in range(1, 5)]

    @property
    def output_masks(self):
        return [getattr(self, f"output_mask_{i}") for i in range(1, 5)]

    def effective_recurrent(self):
        """Return R with pruned blocks set to zero."""
        return _masked(self.recurrent_mask, self.recurrent)

    def effective_outputs(self):
        """Return O1 to O4 with pruned blocks set to zero."""
        return [_masked(*pair) for pair in zip(self.output_masks, self.outputs, strict=True)]

    def prune(self, step):
        """Prune the matrices that are due after update number `step`, int64 scalar."""
        kernels = [self.recurrent, *self.outputs]
        for mask, kernel in zip([self.recurrent_mask, *self.output_masks], kernels, strict=True):
            if mask is not None:
                mask.update(tf.convert_to_tensor(kernel), step)

    def input_mask(self):
        """Return the paper's mask *: float32 [3, 3 * units], 0 from c_t to the coarse half."""
        mask = np.ones([3, 3, 2, self.units // 2], np.float32)
        mask[2, :, 0] = 0.0
        return mask.reshape(3, -1)

    def masked_inputs_kernel(self):
        """Return I*, [3, 3 * units], whose gradient is zero where the mask is."""
        return self.inputs_kernel * self.input_mask()

    def gate_inputs(self, coarse, fine, local=None):
        """Compute the terms of the gates that do not depend on the state, for all steps at once.

        Args:
          coarse, fine: int32 [batch, time + 1], the halves of the samples, the first as context.
          local: float32 [batch, time, 3 * units], or None.

        Returns:
          float32 [batch, time, 3 * units].
        """
        parts = coarse[:, :-1], fine[:, :-1], coarse[:, 1:]
        x = tf.stack([scaled(part, self.bins) for part in parts], axis=-1)
        terms = tf.matmul(x, self.masked_inputs_kernel()) + self.gate_bias
        return terms if local is None else terms + local

    def states(self, gate_inputs):
        """Compute the states [batch, time, units] after every step, from a state of zeros."""
        by_time = tf.transpose(gate_inputs, [1, 0, 2])
        states = recurrence(by_time, self.effective_recurrent())
        return tf.transpose(states, [1, 0, 2])

    def logits(self, states):
        """Map states [..., units] to logits of the coarse and the fine half, each [..., bins]."""
        o, b = self.effective_outputs(), self.output_biases
        coarse, fine = tf.split(states, 2, axis=-1)
        return (
            tf.matmul(tf.nn.relu(tf.matmul(coarse, o[0]) + b[0]), o[1]) + b[1],
            tf.matmul(tf.nn.relu(tf.matmul(fine, o[2]) + b[2]), o[3]) + b[3],
        )

    def call(self, coarse, fine, local=None):
        """Compute teacher-forced logits of the samples 1 .. time; see `gate_inputs`, `logits`."""
        return self.logits(self.states(self.gate_inputs(coarse, fine, local)))


def _masked(mask, kernel):
    kernel = tf.convert_to_tensor(kernel)
    return kernel if mask is None else mask.apply(kernel)


@tf.custom_gradient
def recurrence(gate_inputs, recurrent):
    """Run the cell's recurrence from a state of zeros.

    The gradient of R is one product over all steps after the loop; TensorFlow's
    derivative of the loop accumulates a matrix of R's size at every step.

    Args:
      gate_inputs: float32 [time, batch, 3 * units].
      recurrent: R, float32 [units, 3 * units].

    Returns:
      States float32 [time, batch, units].
    """
    count, start = tf.shape(gate_inputs)[0], tf.zeros_like(gate_inputs[0, :, : recurrent.shape[0]])

    def array():
        return tf.TensorArray(tf.float32, count, element_shape=start.shape)

    def step(t, h, states):
        u, _, e = gates(tf.matmul(h, recurrent), gate_inputs[t])
        h = e + u * (h - e)
        return t + 1, h, states.write(t, h)

    _, _, states = tf.while_loop(lambda t, *_: t < count, step, (0, start, array()))
    states = tf.ensure_shape(states.stack(), [*gate_inputs.shape[:2], recurrent.shape[0]])

    def gradient(upstream):
        before = tf.concat([start[tf.newaxis], states[:-1]], axis=0)
        units = recurrent.shape[0]
        products = tf.reshape(
            tf.matmul(tf.reshape(before, [-1, units]), recurrent), tf.shape(gate_inputs)
        )
        u, r, e = gates(products, gate_inputs)
        # Everything but the gradient of the state itself is computed before the loop.
        to_u = (before - e) * u * (1.0 - u)
        to_e = (1.0 - u) * (1.0 - e * e)
        to_r = to_e * products[..., 2 * units :] * r * (1.0 - r)
        factors = tf.concat([to_u, to_r, to_e * r], axis=-1)

        def back(t, carried, wanted):
            d_h = upstream[t] + carried
            d_products = factors[t] * tf.tile(d_h, [1, 3])
            carried = d_h * u[t] + tf.matmul(d_products, recurrent, transpose_b=True)
            return t - 1, carried, wanted.write(t, d_h)

        _, _, wanted = tf.while_loop(
            lambda t, *_: t >= 0, back, (count - 1, tf.zeros_like(start), array())
        )
        d_h = wanted.stack()
        d_products = factors * tf.tile(d_h, [1, 1, 3])
        d_inputs = tf.concat([d_products[..., : 2 * units], to_e * d_h], axis=-1)
        d_recurrent = tf.matmul(
            tf.reshape(before, [-1, units]),
            tf.reshape(d_products, [-1, 3 * units]),
            transpose_a=True,
        )
        return tf.reshape(d_inputs, tf.shape(gate_inputs)), d_recurrent

    return states, gradient


def scaled(values, bins):
    """Scale values 0 .. bins - 1 to inputs of the network, float32 in [-1, 1]."""
    return tf.cast(values, tf.float32) * (2.0 / (bins - 1)) - 1.0


def halves_of(waveform, bins):
    """Split a waveform into coarse and fine halves.

    Args:
      waveform: float32 in [-1, 1), of any shape; values outside are clipped.
      bins: classes of each half; bins^2 levels in all, 65536 for 16 bits.

    Returns:
      (coarse, fine), int32 in 0 .. bins - 1; the waveform 0 is (bins / 2, 0).
    """
    middle = bins * bins // 2
    levels = tf.cast(tf.round(tf.clip_by_value(waveform, -1.0, 1.0) * middle), tf.int32) + middle
    levels = tf.minimum(levels, bins * bins - 1)
    return levels // bins, levels % bins


def waveform_of(coarse, fine, bins):
    """Join halves to a waveform, float32 in [-1, 1); the inverse of `halves_of`."""
    middle = bins * bins // 2
    return tf.cast(coarse * bins + fine - middle, tf.float32) / middle
