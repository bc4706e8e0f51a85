"""Number formats of the large products inside networks.

Weights, inputs and outputs are float32 whatever the format. "mixed_bfloat16", Keras' name of the
policy, multiplies bfloat16 factors, for processors and accelerators that do so faster.
"""

from collections.abc import Callable

import tensorflow as tf

from tfwave.errors import UserError

_DTYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16}
PRECISIONS = tuple(_DTYPES)


def factor_dtype(precision: str) -> tf.DType:
    """Return the type of the factors of large products.

    Args:
      precision: one of `PRECISIONS`.

    Raises:
      UserError: unknown precision.
    """
    if precision not in _DTYPES:
        raise UserError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}")
    return _DTYPES[precision]


class TracedByPrecision:
    """Function of tensors that is traced once for each precision.

    Args:
      function: takes the tensors and the tf.DType of the factors.
      specs: tf.TensorSpec of each tensor.
    """

    def __init__(self, function: Callable, specs: list[tf.TensorSpec]):
        def trace(dtype):
            return tf.function(lambda *tensors: function(*tensors, dtype), specs, autograph=False)

        self._functions = {dtype: trace(dtype) for dtype in _DTYPES.values()}

    def __call__(self, *tensors: tf.Tensor, precision: str = "float32"):
        """Call the function.

        Args:
          *tensors: tensors that match `specs`.
          precision: one of `PRECISIONS`.

        Raises:
          UserError: unknown precision.
        """
        return self._functions[factor_dtype(precision)](*tensors)
