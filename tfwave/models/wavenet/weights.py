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
      config: configuration of the model; None to infer it from the arrays. They do not
        determine the dilations: pass `dilations` then, and other fields that the error names.
      mel: front end of the features, which files do not contain; None for other features.
      **fields: fields that override those of `config` or of the arrays.

    Returns:
      The model; its averaged weights, if any, are those of the file too.

    Raises:
      UserError: the file is damaged, holds another model, or does not determine a field; the
        message names it and the array or field.
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
    """Return the weights under the names of the code that supports this configuration.

    Returns:
      {name: float32 array}; the averaged weights, if any, which that code saves as a separate
      file.

    Raises:
      UserError: neither code supports this configuration; the message names the fields that differ.
    """
    return export_arrays(_network_arrays(model, model.averaged))


def load_arrays(model: WaveNet, arrays: dict[str, np.ndarray]):
    """Assign the arrays of its code to a model and its averaged weights; see `assign_arrays`."""
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
