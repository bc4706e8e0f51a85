"""Weights of the two public codes that WaveNet follows, read and written.

ibab/tensorflow-wavenet writes TensorFlow 1 checkpoints (`weights_ibab`), r9y9/wavenet_vocoder files
of PyTorch (`weights_r9y9`).
"""

import dataclasses
import os
from typing import Any

import numpy as np

from tfwave.audio.mel import MelConfig
from tfwave.errors import UserError
from tfwave.models.wavenet import weights_ibab, weights_r9y9
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.weights import VariablePart, assign_arrays, export_arrays, naming
from tfwave.tf1_files import is_tf1_checkpoint, is_weight, read_tf1_checkpoint
from tfwave.torch_files import read_state_dict

_CODES = {"ibab/tensorflow-wavenet": weights_ibab, "r9y9/wavenet_vocoder": weights_r9y9}


def from_authors(
    path: str | os.PathLike,
    config: WaveNetConfig | None = None,
    mel: MelConfig | None = None,
    **fields: Any,
) -> WaveNet:
    """Build a WaveNet with the weights of a file of one of the public codes.

    Args:
      path: checkpoint of ibab/tensorflow-wavenet (prefix or folder), or file of
        r9y9/wavenet_vocoder.
      config: of the model; None to take it from the arrays. They do not tell the dilations: give
        `dilations` then, and the other fields that the error names.
      mel: front end of the features, which no file tells; None where they are not mel spectrograms.
      **fields: of the configuration, instead of those of `config` or of the arrays.

    Returns:
      The model; averaged weights, if it has some, are those of the file too.

    Raises:
      UserError: the file is damaged, or is not one of this model, or leaves a field open; names it
        and the array or field.
    """
    if is_tf1_checkpoint(path):
        code, arrays = weights_ibab, read_tf1_checkpoint(path, is_weight)
    else:
        code, arrays = weights_r9y9, read_state_dict(path)
    with naming(path):
        if config is None:
            config = code.infer_config(arrays, fields)
        else:
            config = dataclasses.replace(config, **fields)
    model = WaveNet(config, mel=mel)
    with naming(path):
        load_arrays(model, arrays)
    return model


def to_authors(model: WaveNet) -> dict[str, np.ndarray]:
    """Return the weights under the names of the code that has this configuration.

    Returns:
      {name: float32 array}; the averaged weights where there are such, which that code saves as a
      file of its own.

    Raises:
      UserError: neither code has this configuration; names the fields in which it differs.
    """
    return export_arrays(_network_arrays(model, model.averaged))


def load_arrays(model: WaveNet, arrays: dict[str, np.ndarray]):
    """Give a model, and its averaged weights, the arrays of its code; see `assign_arrays`."""
    for network in {id(each): each for each in (model.network, model.averaged)}.values():
        assign_arrays(_network_arrays(model, network), arrays)


def authors_arrays(model: WaveNet) -> dict[str, VariablePart]:
    """List which part of which variable in training each array of the model's code is.

    Raises:
      UserError: see `to_authors`.
    """
    return _network_arrays(model, model.network)


def _network_arrays(model, network):
    differing = {}
    for name, code in _CODES.items():
        differing[name] = code.differing_field(model.config)
        if differing[name] is None:
            return code.network_arrays(network)
    fields = "; ".join(f"{name} differs in {field}" for name, field in differing.items())
    raise UserError(f"no public code has this WaveNet ({fields}), so its weights have no names")
