"""Weights of a system under the names and in the layout of the public code that it follows.

The `weights.py` of each system lists which part of which variable an array of that code fills
(`VariablePart`); the functions of this module convert arrays in both directions by such a list.
"""

import contextlib
import dataclasses
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class VariablePart:
    """Part of a variable that corresponds to one array of another code.

    Attributes:
      variable: Keras or TensorFlow variable.
      index: index of the part in the variable's array; a part may be all of it.
      reverse: whether the other code has the axes in the opposite order, as PyTorch has those of
        kernels: [filters, channels, width] for our [width, channels, filters].
      their_shape: shape in the other code where it has further axes of 1; None where it has none.
    """

    variable: tf.Variable
    index: tuple | types.EllipsisType = ...
    reverse: bool = False
    their_shape: tuple[int, ...] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array in the other code."""
        return self._shape if self.their_shape is None else tuple(self.their_shape)

    def of(self, value: np.ndarray) -> np.ndarray:
        """Return the other code's array for a value of the variable, or for its gradient."""
        part = np.asarray(value)[self.index]
        return np.reshape(part.T if self.reverse else part, self.shape)

    def put(self, value: np.ndarray, array: np.ndarray):
        """Write the other code's array into a value of the variable."""
        array = np.reshape(array, self._shape)
        value[self.index] = array.T if self.reverse else array

    @property
    def _shape(self):
        shape = np.broadcast_to(np.int8(0), tuple(self.variable.shape))[self.index].shape
        return shape[::-1] if self.reverse else shape


def assign_arrays(
    parts: dict[str, VariablePart],
    arrays: dict[str, np.ndarray],
    is_ignored: Callable[[str], bool] = lambda name: False,
):
    """Assign the arrays of another code to variables.

    Args:
      parts: {name in that code: part of a variable}.
      arrays: {name: array of floating point numbers}; weight normalisation is converted to the
        form of `parts`, see `fit_weight_norm`.
      is_ignored: function of a name that returns whether to ignore an array that is not in `parts`.

    Raises:
      UserError: an array is missing, has another shape, or does not belong to the model; names
        the first one. Nothing is assigned then.
    """
    arrays = fit_weight_norm(arrays, parts)
    for name, part in parts.items():
        if name not in arrays:
            raise UserError(f"{name} is missing; the model needs it with shape {list(part.shape)}")
        if tuple(arrays[name].shape) != part.shape:
            raise UserError(
                f"{name} has shape {list(arrays[name].shape)}; the model needs {list(part.shape)}"
            )
        if arrays[name].dtype.kind != "f":
            raise UserError(f"{name} holds {arrays[name].dtype}; the model needs floating point")
    for name, array in arrays.items():
        if name not in parts and not is_ignored(name):
            raise UserError(f"{name}, of shape {list(array.shape)}, has no place in the model")
    values = {}
    for name, part in parts.items():
        _, value = values.setdefault(id(part.variable), (part.variable, _value(part.variable)))
        part.put(value, arrays[name])
    for variable, value in values.values():
        variable.assign(value)


def export_arrays(parts: dict[str, VariablePart]) -> dict[str, np.ndarray]:
    """Return the present values of variables as arrays of another code: {name: array}."""
    return {name: np.array(part.of(_value(part.variable))) for name, part in parts.items()}


def _value(variable):
    return np.array(tf.convert_to_tensor(variable))


def torch_layer(name: str, layer: tf.Module, axes: int | None = None) -> dict[str, VariablePart]:
    """List the parameters of a convolution or dense layer under their names in PyTorch.

    Args:
      name: name of the PyTorch module.
      layer: Keras layer with a `kernel`, and a `gain` (weight normalisation) and `bias` or None.
      axes: number of axes of the PyTorch kernel, those that ours lacks being 1; None for as many.

    Returns:
      {"NAME.weight", or "NAME.weight_g" and "NAME.weight_v": part}, and "NAME.bias".
    """
    shape = tuple(layer.kernel.shape)[::-1]
    axes = axes or len(shape)
    ones = (1,) * (axes - len(shape))
    # Images have one channel of [frequency, time]; other kernels that lack an axis lack the width.
    shape = (*ones, *shape) if axes == 4 else (*shape, *ones)
    kernel = VariablePart(layer.kernel, reverse=True, their_shape=shape)
    gain, bias = getattr(layer, "gain", None), getattr(layer, "bias", None)
    parts = {f"{name}.weight": kernel}
    if gain is not None:
        norms = VariablePart(gain, their_shape=(gain.shape[0], *(1,) * (axes - 1)))
        parts = {f"{name}.weight_g": norms, f"{name}.weight_v": kernel}
    if bias is not None:
        parts[f"{name}.bias"] = VariablePart(bias)
    return parts


def fit_weight_norm(
    arrays: dict[str, np.ndarray], names: Mapping[str, object]
) -> dict[str, np.ndarray]:
    """Convert PyTorch kernels to the form of weight normalisation that a model uses.

    Args:
      arrays: {name: array} of a state dict; both forms of PyTorch's normalisation are supported.
      names: mapping whose keys are the names that the model needs.

    Returns:
      {name: array}: a kernel with its norm folded into it where the model has none, its direction
      and norm where the model has both. Other arrays are unchanged.
    """
    arrays = {_without_parametrizations(name): array for name, array in arrays.items()}
    for name in names:
        module, _, part = name.rpartition(".")
        direction, norm = f"{module}.weight_v", f"{module}.weight_g"
        if name in arrays:
            continue
        if part == "weight" and direction in arrays and norm in arrays:
            arrays[name] = _fold(arrays.pop(direction), arrays.pop(norm), norm)
        elif part in ("weight_g", "weight_v") and f"{module}.weight" in arrays:
            arrays[direction], arrays[norm] = _split(arrays.pop(f"{module}.weight"))
    return arrays


def _without_parametrizations(name):
    """Return the older name of a part of a weight-normalised kernel."""
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        if name.endswith(f".parametrizations.weight.{new}"):
            return name.removesuffix(f"parametrizations.weight.{new}") + old
    return name


def _fold(direction, norm, name):
    shape = (*direction.shape[:1], *(1,) * (direction.ndim - 1))
    if norm.shape != shape:
        raise UserError(f"{name} has shape {list(norm.shape)}; its kernel needs {list(shape)}")
    direction = direction.astype(np.float64)
    return (norm * direction / _norms(direction)).astype(np.float32)


def _split(kernel):
    norms = _norms(kernel.astype(np.float64))
    # A filter of zeros has no direction; any other than zero does.
    direction = np.where(norms == 0, np.float32(1.0), kernel)
    return direction.astype(np.float32), norms.astype(np.float32)


def _norms(kernel):
    return np.sqrt(np.sum(kernel**2, axis=tuple(range(1, kernel.ndim)), keepdims=True))


def kernel_shape(arrays: dict[str, np.ndarray], name: str, axes: int) -> tuple[int, ...]:
    """Return the shape of a PyTorch module's kernel, normalised or not.

    Raises:
      UserError: it is missing, or has another number of axes; the message names it.
    """
    for part in ("weight_v", "parametrizations.weight.original1", "weight"):
        if f"{name}.{part}" in arrays:
            return array_shape(arrays, f"{name}.{part}", axes)
    raise UserError(f"{name}.weight is missing")


def array_shape(arrays: dict[str, np.ndarray], name: str, axes: int) -> tuple[int, ...]:
    """Return the shape of an array.

    Raises:
      UserError: it is missing, or has another number of axes; the message names it.
    """
    if name not in arrays:
        raise UserError(f"{name} is missing")
    shape = tuple(arrays[name].shape)
    if len(shape) != axes:
        raise UserError(f"{name} has shape {list(shape)}; {axes} axes are expected")
    return shape


def count_modules(arrays: dict[str, np.ndarray], prefix: str) -> int:
    """Count the modules or scopes PREFIX0, PREFIX1, ... up to the first that has no array."""
    rests = (name[len(prefix) :] for name in arrays if name.startswith(prefix))
    heads = {re.split("[./]", rest)[0] for rest in rests}
    return next(i for i in range(len(heads) + 1) if str(i) not in heads)


def is_normalized(arrays: dict[str, np.ndarray], name: str) -> bool:
    """Return whether the kernel of a PyTorch module is stored as direction and norm."""
    return f"{name}.weight" not in arrays


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Prefix errors raised inside the context with the name of a file.

    Raises:
      UserError: in place of a ValueError, whose message it extends.
    """
    try:
        yield
    except ValueError as error:
        raise UserError(f"{os.fspath(path)}: {error}") from None
