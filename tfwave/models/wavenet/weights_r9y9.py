"""Weights of r9y9/wavenet_vocoder, HEAD and tag v0.1.1, read and written.

Source: wavenet_vocoder/wavenet.py, modules.py and upsample.py (the names of the modules), train.py
(checkpoints, whose entry "state_dict" these are; those named _ema hold the averaged weights).
"""

import math
import re
from typing import Any

import numpy as np

from tfwave.errors import UserError
from tfwave.layers.local_conditioning import LocalConditioner, LocalConditioningConfig
from tfwave.models.wavenet.config import WaveNetConfig, r9y9_config
from tfwave.models.wavenet.wavenet import WaveNetNetwork
from tfwave.models.weights import (
    VariablePart,
    array_shape,
    count_modules,
    is_normalized,
    kernel_shape,
    torch_layer,
)

# Fields that the code fixes.
_FIXED = {
    "initial_kernel_size": 1,
    "initial_bias": True,
    "bias": True,
    "residual_scale": math.sqrt(0.5),
    "padding": "causal",
    "context": None,
}


def differing_field(config: WaveNetConfig) -> str | None:
    """Return the name of a field whose value this code does not support, or None."""
    conditioning = config.conditioning
    if conditioning is not None and conditioning.form not in ("stretch", "transposed_2d"):
        if (conditioning.form, conditioning.hop_length) != ("repeat", 1):
            return "conditioning"
    return next((name for name, value in _FIXED.items() if getattr(config, name) != value), None)


def network_arrays(network: WaveNetNetwork) -> dict[str, VariablePart]:
    """Map each array of the state dict to its part of a variable."""
    parts = torch_layer("first_conv", network.initial)
    for i, block in enumerate(network.blocks):
        layers = {
            "conv": block.dilated,
            "conv1x1_out": block.out,
            "conv1x1_skip": block.skip,
            "conv1x1c": block.local,
            "conv1x1g": block.speaker,
        }
        for name, layer in layers.items():
            if layer is not None:
                parts |= torch_layer(f"conv_layers.{i}.{name}", layer)
    # The code's list of output layers includes the ReLUs.
    for layer, place in zip(network.head, (1, 3), strict=True):
        parts |= torch_layer(f"last_conv_layers.{place}", layer)
    if network.embedding is not None:
        parts["embed_speakers.weight"] = VariablePart(network.embedding.embeddings)
    if network.conditioner is not None:
        old = network.config.conditioning.form == "transposed_2d"
        name = "upsample_conv" if old else "upsample_net"
        parts |= conditioner_arrays(network.conditioner, name)
    return parts


def conditioner_arrays(conditioner: LocalConditioner, name: str) -> dict[str, VariablePart]:
    """Map each array of an upsampling network to its part of a variable.

    Args:
      conditioner: built layer.
      name: name of the network: HEAD's UpsampleNetwork or ConvInUpsampleNetwork, or of v0.1.1's
        list of transposed convolutions.
    """
    config, parts = conditioner.config, {}
    if conditioner.conv_in is not None:
        parts |= torch_layer(f"{name}.conv_in", conditioner.conv_in)
        name += ".upsample"
    # In the code's lists a repetition precedes each kernel at HEAD, and an activation, if any,
    # follows it.
    first, step = 1, 2 if config.activation == "none" else 3
    if config.form == "transposed_2d":
        first, step = 0, 2
    else:
        name += ".up_layers"
    for i, layer in enumerate(conditioner.upsamplings):
        parts |= torch_layer(f"{name}.{first + step * i}", layer, axes=4)
    return parts


def infer_config(
    arrays: dict[str, np.ndarray], fields: dict[str, object] | None = None
) -> WaveNetConfig:
    """Infer the configuration from the arrays of a state dict.

    Args:
      arrays: {name: array}.
      fields: known fields of the configuration, among them `dilations`, which no array
        determines.

    Returns:
      The configuration. Without conditioning HEAD and v0.1.1 have the same arrays; HEAD is
      assumed then. Arrays of v0.1.1 are read with its default, legacy=True.

    Raises:
      UserError: an array that determines it is missing or has other axes, or a field
        is neither determined by the arrays nor given.
    """
    fields = dict(fields or {})
    first = "conv_layers.0"
    gates, residual, taps = kernel_shape(arrays, f"{first}.conv", 3)
    if "dilations" not in fields:
        layers = count_modules(arrays, "conv_layers.")
        raise UserError(
            f"does not tell the dilations of its {layers} layers; pass dilations=(1, 2, ...), "
            "which start again with every stack, or config"
        )
    biased = f"{first}.conv1x1c.bias" in arrays or f"{first}.conv1x1g.bias" in arrays
    inferred = {
        "kernel_size": taps,
        "residual_channels": residual,
        "gate_channels": gates,
        "skip_channels": kernel_shape(arrays, "last_conv_layers.1", 3)[0],
        "conditioning_bias": biased,
        "skip_scaling": "running" if biased else "total",
        "weight_normalization": is_normalized(arrays, "first_conv"),
        "conditioning": _infer_conditioning(arrays, fields),
        **_infer_output(arrays, fields),
    }
    if _has(arrays, f"{first}.conv1x1g."):
        inferred["speaker_channels"] = kernel_shape(arrays, f"{first}.conv1x1g", 3)[1]
    if "embed_speakers.weight" in arrays:
        inferred["speakers"] = array_shape(arrays, "embed_speakers.weight", 2)[0]
    return r9y9_config(**{**inferred, **fields})


def _infer_output(arrays, fields):
    """Infer the fields of the output and the input."""
    outputs = kernel_shape(arrays, "last_conv_layers.3", 3)[0]
    if kernel_shape(arrays, "first_conv", 3)[1] == outputs:
        return {"output": "categorical", "levels": outputs, "one_hot_input": True}
    continuous = {"one_hot_input": False, "levels": 65536, "mixtures": max(outputs // 3, 1)}
    if outputs == 2:
        return {**continuous, "output": "gaussian"}
    if "output" not in fields:
        raise UserError(
            f"does not tell what its {outputs} outputs are; pass output='logistic_mixture' or "
            "'gaussian_mixture'"
        )
    return continuous


def _infer_conditioning(arrays, fields):
    """Infer the upsampling network of the features, None for none."""
    first = "conv_layers.0.conv1x1c"
    if "conditioning" in fields or not _has(arrays, f"{first}."):
        return None
    channels = kernel_shape(arrays, first, 3)[1]
    places = {}
    for name in arrays:
        match = re.fullmatch(r"(upsample_(?:net|conv)\b.*?)\.(\d+)\.(?:weight|weight_v)", name)
        if match:
            places[int(match.group(2))] = f"{match.group(1)}.{match.group(2)}"
    if not places:  # features are at the sample rate
        return LocalConditioningConfig(channels, (1,), "repeat", conv_in=False, frame_padding=0)
    shapes = [kernel_shape(arrays, places[place], 4) for place in sorted(places)]
    common: dict[str, Any] = {"channels": channels, "frequency_kernel": shapes[0][2]}
    if 0 in places:  # v0.1.1
        return LocalConditioningConfig(
            scales=tuple(shape[3] for shape in shapes),
            form="transposed_2d",
            conv_in=False,
            frame_padding=0,
            activation="relu",
            **common,
        )
    if len(places) > 1 and 4 in places:
        raise UserError("does not tell the activation of its upsample_net; pass conditioning")
    if "upsample_net.conv_in.weight" not in arrays:
        raise UserError("does not tell cin_pad of its upsample_net; pass conditioning")
    return LocalConditioningConfig(
        scales=tuple((shape[3] - 1) // 2 for shape in shapes),
        frame_padding=array_shape(arrays, "upsample_net.conv_in.weight", 3)[2] // 2,
        **common,
    )


def _has(arrays, prefix):
    return any(name.startswith(prefix) for name in arrays)
