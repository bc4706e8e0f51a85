"""Checks of a system's weights.py that are the same for all: both directions, and refusals."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.errors import UserError


def _numbers(variables):
    return [np.array(tf.convert_to_tensor(variable)) for variable in variables]


def check_both_directions(weights, model, other, variables):
    """Weights go to the authors' names and into another model bit for bit, none left out.

    Args:
      weights: a system's weights.py.
      model: a model.
      other: one of the same configuration and another seed.
      variables: function of a model that lists the variables which its file holds.

    Returns:
      The exported arrays.
    """
    arrays = weights.to_authors(model)
    assert sum(array.size for array in arrays.values()) == sum(
        number.size for number in _numbers(variables(model))
    )
    assert any(
        not np.array_equal(array, weights.to_authors(other)[n]) for n, array in arrays.items()
    )
    weights.load_arrays(other, arrays)
    for ours, theirs in zip(_numbers(variables(model)), _numbers(variables(other)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again = weights.to_authors(other)
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array, strict=True)
    return arrays


def check_refusals(weights, model):
    """Missing, extra and misshapen arrays are refused by name, and nothing is assigned then."""
    arrays = weights.to_authors(model)
    name = list(arrays)[len(arrays) // 2]
    shape = list(arrays[name].shape)
    larger = np.zeros([size + 1 for size in shape], np.float32)
    for changed, message in (
        ({n: a for n, a in arrays.items() if n != name}, f"{name} is missing.*{shape}"),
        (arrays | {name: larger}, f"{name} has shape {list(larger.shape)}; .* {shape}"),
        (arrays | {name: np.zeros(shape, int)}, f"{name} holds int64"),
        (arrays | {f"{name}_other": larger}, f"{name}_other, of shape .*no place"),
    ):
        changed = {n: a + 1 if n == list(arrays)[0] else a for n, a in changed.items()}
        with pytest.raises(UserError, match=_escaped(message)):
            weights.load_arrays(model, changed)
    for array, now in zip(arrays.values(), weights.to_authors(model).values(), strict=True):
        np.testing.assert_array_equal(array, now)


def _escaped(message):
    return message.replace("[", r"\[").replace("]", r"\]")


def check_same(weights, model, loaded):
    """A model that was built from a file has the configuration and weights of another."""
    arrays = weights.to_authors(loaded)
    for name, array in weights.to_authors(model).items():
        np.testing.assert_array_equal(arrays[name], array)
