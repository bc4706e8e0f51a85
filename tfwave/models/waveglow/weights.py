"""Weights of NVIDIA/waveglow, read and written.

Source: glow.py (the names of its modules), convert_model.py (older names). The released files
pickle a checkpoint whose entry "model" is the whole module. Its arrays have weight normalisation,
or not after `remove_weightnorm`; both are accepted. The class of glow_old.py is another model
with the same names, and is refused.
"""

import dataclasses
import os
import re
from typing import Any

import numpy as np

from tfwave.audio.mel import TACOTRON2
from tfwave.errors import UserError
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow
from tfwave.models.weights import (
    VariablePart,
    array_shape,
    assign_arrays,
    count_modules,
    export_arrays,
    is_normalized,
    kernel_shape,
    naming,
    torch_layer,
)
from tfwave.torch_files import read_module_class, read_state_dict


def from_authors(
    path: str | os.PathLike, config: WaveGlowConfig | None = None, **fields: Any
) -> WaveGlow:
    """Build a WaveGlow with the weights of a file of NVIDIA/waveglow.

    Args:
      path: a checkpoint of its train.py, of convert_model.py, a saved module or a state dict.
      config: configuration of the model; None to infer it from the arrays, with the code's hop of
        256 samples, and without weight normalisation where the file has none.
      **fields: fields of the configuration to override.

    Returns:
      The model.

    Raises:
      UserError: the file is damaged or holds another model; the message names it and the array.
    """
    arrays = read_state_dict(path)
    with naming(path):
        if read_module_class(path) == "glow_old.WaveGlow":
            raise UserError("holds a glow_old.WaveGlow, whose couplings change the halves in turn")
        arrays = merge_old_layers(arrays)
        config = dataclasses.replace(config or infer_config(arrays), **fields)
    model = WaveGlow(config)
    with naming(path):
        load_arrays(model, arrays)
    return model


def to_authors(model: WaveGlow) -> dict[str, np.ndarray]:
    """Return the weights as a state dict of NVIDIA/waveglow: {name: float32 array}."""
    return export_arrays(authors_arrays(model))


def load_arrays(model: WaveGlow, arrays: dict[str, np.ndarray]):
    """Assign the arrays of a state dict to a model; see `weights.assign_arrays`."""
    assign_arrays(authors_arrays(model), arrays)


def authors_arrays(model: WaveGlow) -> dict[str, VariablePart]:
    """Map each array of the state dict to its part of a variable."""
    network = model.network
    parts = torch_layer("upsample", network.upsampling)
    for k, (mix, coupling) in enumerate(zip(network.mixes, network.couplings, strict=True)):
        parts |= torch_layer(f"convinv.{k}.conv", mix, axes=3)
        for i, layer in enumerate(coupling.inner):
            parts |= torch_layer(f"WN.{k}.in_layers.{i}", layer)
        for i, layer in enumerate(coupling.outer):
            parts |= torch_layer(f"WN.{k}.res_skip_layers.{i}", layer)
        parts |= torch_layer(f"WN.{k}.start", coupling.start)
        parts |= torch_layer(f"WN.{k}.cond_layer", coupling.conditioner)
        end = (*coupling.end_kernel.shape[::-1], 1)
        parts[f"WN.{k}.end.weight"] = VariablePart(
            coupling.end_kernel, reverse=True, their_shape=end
        )
        parts[f"WN.{k}.end.bias"] = VariablePart(coupling.end_bias)
    return parts


def infer_config(arrays: dict[str, np.ndarray]) -> WaveGlowConfig:
    """Infer the configuration from the arrays of a state dict.

    Raises:
      UserError: an array that determines it is missing or has other axes.
    """
    bands, _, width = array_shape(arrays, "upsample.weight", 3)
    flows = count_modules(arrays, "convinv.")
    widths = [array_shape(arrays, f"convinv.{k}.conv.weight", 3)[0] for k in range(flows)]
    if not widths:
        raise UserError("convinv.0.conv.weight is missing")
    changes = [k for k in range(1, flows) if widths[k] != widths[k - 1]]
    _, channels, taps = kernel_shape(arrays, "WN.0.in_layers.0", 3)
    early = {"early_size": 0}
    if changes:
        early = {
            "early_every": changes[0],
            "early_size": widths[changes[0] - 1] - widths[changes[0]],
        }
    return WaveGlowConfig(
        mel=dataclasses.replace(TACOTRON2, n_mels=bands),
        flows=flows,
        group=widths[0],
        channels=channels,
        layers=count_modules(arrays, "WN.0.in_layers."),
        kernel_size=taps,
        normalization="weight" if is_normalized(arrays, "WN.0.start") else "none",
        upsampling_kernel=width,
        **early,
    )


def merge_old_layers(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Merge the layers of older checkpoints, as convert_model.py does.

    Args:
      arrays: {name: array} of a state dict. Older ones have a conditioning layer for each layer
        ("cond_layers.I") and residual and skip layers apart ("res_layers.I", "skip_layers.I").

    Returns:
      {name: array} with "cond_layer" and "res_skip_layers.I" in their place.
    """
    merged, parts = {}, {}
    for name, array in arrays.items():
        match = re.fullmatch(r"(WN\.\d+\.)(cond|res|skip)_layers\.(\d+)\.(.+)", name)
        if match is None:
            merged[name] = array
            continue
        place, kind, layer, part = match.groups()
        new = "cond_layer" if kind == "cond" else f"res_skip_layers.{layer}"
        order = int(layer) if kind == "cond" else kind == "skip"
        parts.setdefault(f"{place}{new}.{part}", {})[order] = array
    for name, pieces in parts.items():
        shapes = {piece.shape[1:] for piece in pieces.values()}
        if len(shapes) > 1:
            raise UserError(f"{name} would be made of arrays with other axes: {sorted(shapes)}")
        merged[name] = np.concatenate([pieces[order] for order in sorted(pieces)])
    return merged
