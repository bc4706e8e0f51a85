"""Weights of ibab/tensorflow-wavenet, read and written.

Source: wavenet/model.py (WaveNetModel._create_variables) and train.py, which saves the trained
variables. Biases have no names of their own there: they are "Variable", "Variable_1", ... in the
order of their creation in a layer.
"""

from typing import Any

import numpy as np

from tfwave.errors import UserError
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNetNetwork
from tfwave.models.weights import VariablePart, array_shape, count_modules

SCOPE = "wavenet/"
# Fields that the code fixes.
_FIXED = {
    "output": "categorical",
    "mulaw_convention": "nearest",
    "initial_bias": False,
    "conditioning_bias": False,
    "residual_scale": 1.0,
    "skip_scaling": "none",
    "padding": "valid",
    "weight_normalization": False,
    "conditioning": None,
    "context": None,
}


def differing_field(config: WaveNetConfig) -> str | None:
    """Return the name of a field whose value this code does not support, or None."""
    return next((name for name, value in _FIXED.items() if getattr(config, name) != value), None)


def network_arrays(network: WaveNetNetwork) -> dict[str, VariablePart]:
    """Map each variable of the code to its part of a variable.

    Filter and gate, two convolutions there, are the halves of one here.
    """
    parts = {f"{SCOPE}causal_layer/filter": VariablePart(network.initial.kernel)}
    for i, block in enumerate(network.blocks):
        place = f"{SCOPE}dilated_stack/layer{i}"
        parts |= _halves(block.dilated.kernel, f"{place}/filter", f"{place}/gate")
        parts[f"{place}/dense"] = VariablePart(block.out.kernel)
        parts[f"{place}/skip"] = VariablePart(block.skip.kernel)
        if block.speaker is not None:
            parts |= _halves(block.speaker.kernel, f"{place}/gc_filter", f"{place}/gc_gate")
        if block.dilated.bias is not None:
            parts |= _halves(block.dilated.bias, f"{place}/Variable", f"{place}/Variable_1")
            parts[f"{place}/Variable_2"] = VariablePart(block.out.bias)
            parts[f"{place}/Variable_3"] = VariablePart(block.skip.bias)
    place = f"{SCOPE}postprocessing"
    for i, (layer, bias) in enumerate(zip(network.head, ("Variable", "Variable_1"), strict=True)):
        parts[f"{place}/postprocess{i + 1}"] = VariablePart(layer.kernel)
        if layer.bias is not None:
            parts[f"{place}/{bias}"] = VariablePart(layer.bias)
    if network.embedding is not None:
        table = network.embedding.embeddings
        parts[f"{SCOPE}embeddings/gc_embedding"] = VariablePart(table)
    return parts


def _halves(variable, first, second):
    half = variable.shape[-1] // 2
    return {
        first: VariablePart(variable, (..., slice(half))),
        second: VariablePart(variable, (..., slice(half, None))),
    }


def infer_config(
    arrays: dict[str, np.ndarray], fields: dict[str, Any] | None = None
) -> WaveNetConfig:
    """Infer the configuration from the code's variables.

    Args:
      arrays: {name: array}.
      fields: known fields of the configuration, among them `dilations`, which no array
        determines.

    Raises:
      UserError: a variable that determines it is missing or has other axes, or there are no
        `dilations`.
    """
    stack = f"{SCOPE}dilated_stack/layer"
    width, channels, half = array_shape(arrays, f"{stack}0/filter", 3)
    initial_width, inputs, _ = array_shape(arrays, f"{SCOPE}causal_layer/filter", 3)
    _, skips, levels = array_shape(arrays, f"{SCOPE}postprocessing/postprocess2", 3)
    fields = fields or {}
    if "dilations" not in fields:
        raise UserError(
            f"does not tell the dilations of its {count_modules(arrays, stack)} layers; pass "
            "dilations=(1, 2, ...), as its wavenet_params.json has them, or config"
        )
    inferred = {
        "kernel_size": width,
        "residual_channels": channels,
        "gate_channels": 2 * half,
        "skip_channels": skips,
        "levels": levels,
        "one_hot_input": inputs != 1,
        "initial_kernel_size": initial_width,
        "bias": f"{stack}0/Variable" in arrays,
    }
    if f"{stack}0/gc_filter" in arrays:
        inferred["speaker_channels"] = array_shape(arrays, f"{stack}0/gc_filter", 3)[1]
    if f"{SCOPE}embeddings/gc_embedding" in arrays:
        inferred["speakers"] = array_shape(arrays, f"{SCOPE}embeddings/gc_embedding", 2)[0]
    return WaveNetConfig(**{**inferred, **fields})
