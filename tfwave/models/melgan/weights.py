"""Weights of descriptinc/melgan-neurips, read and written.

Source: mel2wav/modules.py (the names of its modules). The released files are state dicts of the
generator alone; train.py saves generator (netG.pt) and discriminators (netD.pt) apart.
"""

import dataclasses
import math
import os
import re
from typing import Any

import numpy as np

from tfwave.audio.mel import MELGAN
from tfwave.errors import UserError
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.weights import (
    VariablePart,
    assign_arrays,
    export_arrays,
    is_normalized,
    kernel_shape,
    naming,
    torch_layer,
)
from tfwave.torch_files import read_state_dict


def from_authors(
    path: str | os.PathLike,
    config: MelGANConfig | None = None,
    discriminator: str | os.PathLike | None = None,
    **fields: Any,
) -> MelGAN:
    """Build a MelGAN with the weights of a file of descriptinc/melgan-neurips.

    Args:
      path: state dict of the generator, or the saved generator, such as netG.pt.
      config: configuration of the model; None to infer it from the arrays.
      discriminator: the same for the discriminators, such as netD.pt; None to keep their initial
        weights.
      **fields: fields of the configuration to override.

    Returns:
      The model.

    Raises:
      UserError: a file is damaged or belongs to another model; the message names it and the array.
    """
    generator = read_state_dict(path)
    discriminators = {} if discriminator is None else read_state_dict(discriminator)
    with naming(path):
        config = config or infer_config(generator, discriminators)
        # Groups that do not divide the channels are detected only when layers are built.
        model = MelGAN(dataclasses.replace(config, **fields))
        assign_arrays(generator_arrays(model), generator)
    if discriminator is not None:
        with naming(discriminator):
            assign_arrays(discriminator_arrays(model), discriminators)
    return model


def to_authors(model: MelGAN) -> dict[str, np.ndarray]:
    """Return the weights under the names of the state dicts: {name: float32 array}.

    Names of the generator's arrays begin with "model.NUMBER", those of the discriminators' with
    "model.disc_".
    """
    return export_arrays(authors_arrays(model))


def load_arrays(model: MelGAN, arrays: dict[str, np.ndarray]):
    """Assign the arrays of both state dicts together to a model; see `weights.assign_arrays`."""
    assign_arrays(authors_arrays(model), arrays)


def authors_arrays(model: MelGAN) -> dict[str, VariablePart]:
    """Map each array of both state dicts to its part of a variable."""
    return generator_arrays(model) | discriminator_arrays(model)


def generator_arrays(model: MelGAN) -> dict[str, VariablePart]:
    """Map each array of the generator's state dict to its part of a variable.

    Raises:
      UserError: a generator that the code cannot build.
    """
    config, generator = model.config, model.generator
    if config.residual_block != "code" or config.normalization == "spectral":
        raise UserError(
            f"MelGANConfig.residual_block {config.residual_block!r} with normalization "
            f"{config.normalization!r} is not in the authors' code, which has no names for it"
        )
    parts, place = torch_layer("model.1", generator.first), 1
    for upsampling, stack in zip(generator.upsampling, generator.stacks, strict=True):
        place += 2  # an activation stands between
        parts |= torch_layer(f"model.{place}", upsampling)
        for block in stack:
            place += 1
            parts |= torch_layer(f"model.{place}.block.2", block.dilated)
            parts |= torch_layer(f"model.{place}.block.4", block.out)
            parts |= torch_layer(f"model.{place}.shortcut", block.shortcut)
    return parts | torch_layer(f"model.{place + 3}", generator.last)


def discriminator_arrays(model: MelGAN) -> dict[str, VariablePart]:
    """Map each array of the discriminators' state dict to its part of a variable.

    Raises:
      UserError: discriminators that the code cannot build.
    """
    if model.config.discriminator_normalization == "spectral":
        raise UserError("the authors' code has no spectrally normalised discriminators")
    parts = {}
    for scale, network in enumerate(model.discriminator.scales):
        last = len(network.convolutions) - 1
        for number, layer in enumerate(network.convolutions):
            inner = {0: ".1", last: ""}.get(number, ".0")
            parts |= torch_layer(f"model.disc_{scale}.model.layer_{number}{inner}", layer)
    return parts


def infer_config(
    generator: dict[str, np.ndarray], discriminators: dict[str, np.ndarray] | None = None
) -> MelGANConfig:
    """Infer the configuration from the arrays of the state dicts.

    Args:
      generator: {name: array}.
      discriminators: the same, or None for those of the authors' train.py.

    Raises:
      UserError: an array that determines it is missing or has other axes.
    """
    places = _matches(r"model\.(\d+)\.bias", generator)
    blocks = _matches(r"model\.(\d+)\.shortcut\.bias", generator)
    if len(places) < 3:
        raise UserError("model.1.bias or those of the layers after it are missing")
    width, bands, _ = kernel_shape(generator, "model.1", 3)
    ratios = tuple(kernel_shape(generator, f"model.{i}", 3)[2] // 2 for i in places[1:-1])
    return MelGANConfig(
        mel=dataclasses.replace(MELGAN, n_mels=bands, hop_length=math.prod(ratios)),
        ratios=ratios,
        channels=width >> len(ratios),
        residual_blocks=len(blocks) // len(ratios),
        normalization="weight" if is_normalized(generator, "model.1") else "none",
        segment_len=32 * math.prod(ratios),
        **(_discriminator_fields(discriminators) if discriminators else {}),
    )


def _discriminator_fields(arrays):
    layers = len(_matches(r"model\.disc_0\.model\.layer_(\d+)\.bias", arrays))
    layers += len(_matches(r"model\.disc_0\.model\.layer_(\d+)\.[01]\.bias", arrays))
    first, _, _ = kernel_shape(arrays, "model.disc_0.model.layer_0.1", 3)
    fields = {
        "discriminators": len(_matches(r"model\.disc_(\d+)\.model\.layer_0\.1\.bias", arrays)),
        "discriminator_channels": first,
        "discriminator_layers": layers - 3,
        "discriminator_normalization": (
            "weight" if is_normalized(arrays, "model.disc_0.model.layer_0.1") else "none"
        ),
    }
    if layers > 3:
        _, _, taps = kernel_shape(arrays, "model.disc_0.model.layer_1.0", 3)
        stride = fields["discriminator_stride"] = (taps - 1) // 10
        factors = [*[stride] * (layers - 3), 2]
    else:
        factors = [2]
    width = first
    for number, factor in enumerate(factors, 1):
        found = kernel_shape(arrays, f"model.disc_0.model.layer_{number}.0", 3)[0]
        if found != width * factor:  # up to the largest possible width
            fields["discriminator_max_channels"] = found
        width = found
    return fields


def _matches(pattern, arrays):
    """Return the distinct numbers that a pattern matches in the names of arrays, sorted."""
    found = (re.fullmatch(pattern, name) for name in arrays)
    return sorted({int(match.group(1)) for match in found if match})
