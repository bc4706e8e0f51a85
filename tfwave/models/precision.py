"""Passes over whole clips whose large products may have factors of reduced precision."""

import tensorflow as tf

from tfwave.errors import UserError

_TYPES = {"float32": tf.float32, "bfloat16": tf.bfloat16}


class Pass:
    """A function of tensors, traced once for each precision.

    Args:
      function: takes tensors and the type of the factors.
      specs: list of tf.TensorSpec, of the tensors.
    """

    def __init__(self, function, specs):
        def traced(kind):
            return tf.function(lambda *tensors: function(*tensors, kind), specs, autograph=False)

        self._traced = {name: traced(kind) for name, kind in _TYPES.items()}

    def __call__(self, *tensors, precision):
        """Run it.

        Args:
          *tensors: as the specs say.
          precision: "float32", or "bfloat16" for machines that multiply it faster.

        Raises:
          UserError: unknown precision.
        """
        if precision not in self._traced:
            raise UserError(f"precision is {precision!r}; it must be one of {', '.join(_TYPES)}")
        return self._traced[precision](*tensors)
