"""What the models of one trained network share: their step, optimiser and update."""

import keras
import tensorflow as tf

from tfwave.layers.tracking import step_counter, trained_variables


class NetworkModel(keras.Model):
    """A Keras model around a network, with an update by one optimiser.

    Subclasses define `default_optimizer` and `train_step`.

    Attributes:
      config: the frozen dataclass it was made from.
      network: built Keras model or layer.
      seed: int, of initial values and draws.
      step: int64 variable, updates done.
    """

    def __init__(self, config, network, seed=0):
        super().__init__()
        self.config = config
        self.seed = seed
        self.network = network
        self.network.build()
        self.step = step_counter()
        self.built = True

    def compile(self, optimizer=None, run_eagerly=False):
        """Set the optimiser.

        Args:
          optimizer: Keras optimiser, or None for `default_optimizer()`.
          run_eagerly: passed to Keras; for debugging.
        """
        optimizer = optimizer or self.default_optimizer()
        optimizer.build(trained_variables(self))
        # XLA on the convolutions of a training step gains nothing on the CPU.
        super().compile(optimizer=optimizer, run_eagerly=run_eagerly, jit_compile=False)

    def gradients_of(self, measure):
        """Differentiate a loss, here this replica's share of the whole batch's.

        Args:
          measure: function without arguments that returns (loss, anything else...).

        Returns:
          (what `measure` returned, gradients in the order of the trained variables).
        """
        variables = trained_variables(self)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            measured = measure()
            scaled = measured[0] / tf.distribute.get_strategy().num_replicas_in_sync
        # The residual output of a last layer, for one, feeds nothing.
        return measured, tape.gradient(scaled, variables, unconnected_gradients="zero")

    def update(self, gradients):
        """Apply gradients, in the order of the trained variables, and count the step."""
        self.optimizer.apply_gradients(zip(gradients, trained_variables(self), strict=True))
        self.step.assign_add(1)
