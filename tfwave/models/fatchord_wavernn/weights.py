"""Weights of fatchord/WaveRNN, read and written.

Source: models/fatchord_version.py (the names of its modules). Its files are state dicts
("*_weights.pyt"); their counters of training (steps, batches seen) are ignored.
"""

import dataclasses
import math
import os
import re
from typing import Any

import numpy as np

from tfwave.audio.mel import FATCHORD
from tfwave.errors import UserError
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN
from tfwave.models.weights import (
    VariablePart,
    array_shape,
    assign_arrays,
    count_modules,
    export_arrays,
    naming,
    torch_layer,
)
from tfwave.torch_files import read_state_dict

_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def from_authors(
    path: str | os.PathLike, config: FatchordWaveRNNConfig | None = None, **fields: Any
) -> FatchordWaveRNN:
    """Build the model with the weights of a file of fatchord/WaveRNN.

    Args:
      path: state dict or saved module; the released zip archive contains such a file.
      config: configuration of the model; None to infer it from the arrays. They do not determine
        whether classes ("RAW") are companded; by the code's default they are.
      **fields: fields of the configuration to override.

    Returns:
      The model.

    Raises:
      UserError: the file is damaged or holds another model; the message names it and the array.
    """
    arrays = read_state_dict(path)
    with naming(path):
        config = dataclasses.replace(config or infer_config(arrays), **fields)
    model = FatchordWaveRNN(config)
    with naming(path):
        load_arrays(model, arrays)
    return model


def to_authors(model: FatchordWaveRNN) -> dict[str, np.ndarray]:
    """Return the weights as a state dict of fatchord/WaveRNN: {name: float32 array}.

    The code's `load` accepts a state dict without its counters.
    """
    return export_arrays(authors_arrays(model))


def load_arrays(model: FatchordWaveRNN, arrays: dict[str, np.ndarray]):
    """Assign the arrays of a state dict to a model; see `weights.assign_arrays`."""
    assign_arrays(authors_arrays(model), arrays, _is_counter)


def _is_counter(name):
    return name == "step" or name.endswith(".num_batches_tracked")


def authors_arrays(model: FatchordWaveRNN) -> dict[str, VariablePart]:
    """Map each array of the state dict to its part of a variable."""
    network, parts = model.network, {}
    for i, layer in enumerate(network.stretch.upsamplings):
        parts |= torch_layer(f"upsample.up_layers.{2 * i + 1}", layer, axes=4)
    aux = network.auxiliary
    parts |= torch_layer("upsample.resnet.conv_in", aux.conv_in)
    parts |= _batch_norm("upsample.resnet.batch_norm", aux.norm)
    for i, block in enumerate(aux.blocks):
        place = f"upsample.resnet.layers.{i}"
        parts |= torch_layer(f"{place}.conv1", block.conv1)
        parts |= torch_layer(f"{place}.conv2", block.conv2)
        parts |= _batch_norm(f"{place}.batch_norm1", block.norm1)
        parts |= _batch_norm(f"{place}.batch_norm2", block.norm2)
    parts |= torch_layer("upsample.resnet.conv_out", aux.conv_out, axes=3)
    parts |= torch_layer("I", network.inputs_layer)
    for name in ("rnn1", "rnn2"):
        parts |= _gru(name, getattr(network, name).cell, model.config.units)
    for name in ("fc1", "fc2", "fc3"):
        parts |= torch_layer(name, getattr(network, name))
    return parts


def _batch_norm(name, layer):
    return {
        f"{name}.{theirs}": VariablePart(getattr(layer, ours))
        for theirs, ours in _BATCH_NORM.items()
    }


def _gru(name, cell, units):
    """Map a PyTorch GRU, with gates in the order r, z, n, to Keras' order z, r, h."""
    z, r, h = np.split(np.arange(3 * units), 3)
    gates = np.concatenate([r, z, h])
    columns = (slice(None), gates)
    return {
        f"{name}.weight_ih_l0": VariablePart(cell.kernel, columns, reverse=True),
        f"{name}.weight_hh_l0": VariablePart(cell.recurrent_kernel, columns, reverse=True),
        f"{name}.bias_ih_l0": VariablePart(cell.bias, (0, gates)),
        f"{name}.bias_hh_l0": VariablePart(cell.bias, (1, gates)),
    }


def infer_config(arrays: dict[str, np.ndarray]) -> FatchordWaveRNNConfig:
    """Infer the configuration from the arrays of a state dict.

    Raises:
      UserError: an array that determines it is missing or has other axes, or the outputs
        are neither those of classes nor those of a mixture.
    """
    channels, bands, width = array_shape(arrays, "upsample.resnet.conv_in.weight", 3)
    stretches = (re.fullmatch(r"upsample\.up_layers\.(\d+)\.weight", name) for name in arrays)
    upsampling = tuple(
        (array_shape(arrays, f"upsample.up_layers.{i}.weight", 4)[3] - 1) // 2
        for i in sorted(int(match.group(1)) for match in stretches if match)
    )
    outputs, dense_units = array_shape(arrays, "fc3.weight", 2)
    classes = {"output": "categorical", "bits": outputs.bit_length() - 1}
    if outputs & (outputs - 1):
        if outputs % 3:
            raise UserError(
                f"fc3.weight has {outputs} outputs: neither classes, a power of 2, nor a mixture, "
                "a multiple of 3"
            )
        classes = {"output": "logistic_mixture", "mixtures": outputs // 3}
    return FatchordWaveRNNConfig(
        mel=dataclasses.replace(FATCHORD, n_mels=bands, hop_length=math.prod(upsampling)),
        units=array_shape(arrays, "I.weight", 2)[0],
        dense_units=dense_units,
        upsampling=upsampling,
        frame_padding=width // 2,
        resnet_channels=channels,
        resnet_blocks=count_modules(arrays, "upsample.resnet.layers."),
        aux_channels=array_shape(arrays, "upsample.resnet.conv_out.weight", 3)[0],
        **classes,
    )
