"""Weights of the dual-softmax cell under the symbols of the paper (arXiv:1802.08435 section 2.1).

Its authors released no code and no weights, so there is no file to read.
"""

import numpy as np

from tfwave.errors import UserError
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.models.weights import VariablePart, assign_arrays, export_arrays

_SYMBOLS = {
    "R": "recurrent",
    "I": "inputs_kernel",
    "b_gates": "gate_bias",
    **{f"O{i}": f"output_{i}" for i in range(1, 5)},
    **{f"b{i}": f"output_bias_{i}" for i in range(1, 5)},
}


def to_authors(model: WaveRNN) -> dict[str, np.ndarray]:
    """Return the weights under the symbols of the paper: {symbol: float32 array}."""
    return export_arrays(authors_arrays(model))


def load_arrays(model: WaveRNN, arrays: dict[str, np.ndarray]):
    """Assign arrays under the symbols of the paper to a model; see `weights.assign_arrays`."""
    assign_arrays(authors_arrays(model), arrays)


def authors_arrays(model: WaveRNN) -> dict[str, VariablePart]:
    """Map each symbol of the paper to its variable.

    Matrices multiply row vectors: R is [units, 3 * units], I [3, 3 * units] and not masked.

    Raises:
      UserError: a conditioned or subscale model; the paper has no symbols for their parts
        other than the cell.
    """
    if type(model) is not WaveRNN or model.network.conditioner is not None:
        raise UserError("the paper has symbols for the cell of a WaveRNN only, not for networks")
    cell = model.network.cell
    return {symbol: VariablePart(getattr(cell, name)) for symbol, name in _SYMBOLS.items()}
