"""Weights of WaveGAN and SpecGAN in chrisdonahue/wavegan, read and written.

Source: wavegan.py and specgan.py (the scopes of their variables), train_wavegan.py and
train_specgan.py. Its files are TensorFlow 1 checkpoints of generator ("G/") and critic ("D/"), or
of the generator alone. SpecGAN's moments are a pickle beside them.
"""

import dataclasses
import os
from typing import Any

import keras
import numpy as np

from tfwave.errors import UserError
from tfwave.layers.convolution import Conv1D, Conv1DTranspose
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.models.weights import VariablePart, array_shape, assign_arrays, export_arrays, naming
from tfwave.plain_pickle import read_pickle
from tfwave.tf1_files import is_weight, read_tf1_checkpoint

_TF1_LAYERS = (
    (keras.layers.Conv2DTranspose, "conv2d_transpose"),
    (keras.layers.Conv2D, "conv2d"),
    (Conv1DTranspose, "conv2d_transpose"),  # with a kernel of height 1 in the authors' code
    (Conv1D, "conv1d"),
)
_FIELDS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
_NETWORKS = ("G/", "D/")
_KINDS = {"conv2d_transpose": 4, "conv2d": 4, "conv1d": 3}  # of upsampling layers: kernel's axes
_BATCH_NORM = "G/z_project/batch_normalization/gamma"
_SLICE_LENGTHS = {5: (16384,), 6: (32768, 65536)}  # by the number of layers


def from_authors(
    path: str | os.PathLike,
    config: WaveGANConfig | SpecGANConfig | None = None,
    moments: str | os.PathLike | tuple | None = None,
    **fields: Any,
) -> WaveGAN | SpecGAN:
    """Build a WaveGAN or a SpecGAN, whichever it is, with the weights of the authors' checkpoint.

    Args:
      path: prefix of a checkpoint of train_wavegan.py or train_specgan.py, or its folder.
      config: configuration of the model; None to infer it from the arrays. They do not determine
        whether a WaveGAN of six layers has 32768 or 65536 samples: pass `slice_len` then.
      moments: moments of SpecGAN, (mean, standard deviation) or the pickle of these in the file
        data_moments_fp of train_specgan.py.
      **fields: fields that override those of `config` or of the arrays.

    Returns:
      The model. A network that the checkpoint does not contain keeps its initial weights.

    Raises:
      UserError: the checkpoint is damaged or holds another model (the message names it and the
        array), or there are no moments for a SpecGAN.
    """
    arrays = read_tf1_checkpoint(path, is_weight)
    with naming(path):
        config = infer_config(arrays, fields) if config is None else config
        config = dataclasses.replace(config, **fields)
    model = SpecGAN(config) if isinstance(config, SpecGANConfig) else WaveGAN(config)
    with naming(path):
        if isinstance(model, SpecGAN):
            _set_moments(model, moments)
        load_arrays(model, arrays)
    return model


def _set_moments(model, moments):
    if moments is None:
        raise UserError("holds a SpecGAN, which needs the moments that it was trained with as well")
    if isinstance(moments, (str, os.PathLike)):
        moments = read_pickle(moments)
    if not isinstance(moments, (tuple, list)) or len(moments) != 2:
        raise UserError("the moments of a SpecGAN are a mean and a standard deviation")
    model.set_moments(*moments)


def to_authors(model: WaveGAN | SpecGAN) -> dict[str, np.ndarray]:
    """Return the weights under the names of the authors' variables: {name: float32 array}."""
    return export_arrays(authors_arrays(model))


def load_arrays(model: WaveGAN | SpecGAN, arrays: dict[str, np.ndarray]):
    """Assign the arrays of generator, critic or both to a model; see `weights.assign_arrays`.

    Args:
      model: WaveGAN or SpecGAN.
      arrays: {name of the authors' variable: array}. A network without arrays is
        unchanged.

    Raises:
      UserError: see `assign_arrays`.
    """
    networks = tuple(network for network in _NETWORKS if any(n.startswith(network) for n in arrays))
    parts = authors_arrays(model)
    if networks:
        parts = {name: part for name, part in parts.items() if name.startswith(networks)}
    assign_arrays(parts, arrays)


def authors_arrays(model: WaveGAN | SpecGAN) -> dict[str, VariablePart]:
    """Map the authors' variables to those of the model.

    Returns:
      {name such as "G/upconv_0/conv2d_transpose/kernel": all of a variable}.
    """
    generator, critic = model.generator, model.discriminator
    layers = {"G/z_project/dense": generator.z_project, "D/output/dense": critic.score}
    for i, layer in enumerate(generator.upconvs):
        layers[f"G/upconv_{i}/{_tf1_layer(layer)}"] = layer
    for i, layer in enumerate(generator.batch_norms):
        scope = "z_project" if i == 0 else f"upconv_{i - 1}"
        layers[f"G/{scope}/batch_normalization"] = layer
    if getattr(generator, "post_filter", None) is not None:
        layers["G/pp_filt/conv1d"] = generator.post_filter
    for i, layer in enumerate(critic.downconvs):
        layers[f"D/downconv_{i}/{_tf1_layer(layer)}"] = layer
    for i, layer in enumerate(critic.batch_norms):
        layers[f"D/downconv_{i + 1}/batch_normalization"] = layer
    return {
        f"{scope}/{field}": _part(layer, field)
        for scope, layer in layers.items()
        for field in _FIELDS
        if getattr(layer, field, None) is not None
    }


def _tf1_layer(layer):
    return next(name for kind, name in _TF1_LAYERS if isinstance(layer, kind))


def _part(layer, field):
    variable = getattr(layer, field)
    if field == "kernel" and isinstance(layer, Conv1DTranspose):
        return VariablePart(variable, their_shape=(1, *variable.shape))
    return VariablePart(variable)


def infer_config(
    arrays: dict[str, np.ndarray], fields: dict[str, Any] | None = None
) -> WaveGANConfig | SpecGANConfig:
    """Infer the system and its configuration from the authors' variables.

    Args:
      arrays: {name: array}.
      fields: known fields of the configuration.

    Raises:
      UserError: a variable that determines it is missing or has other axes, or a
        field is neither determined by the arrays nor given.
    """
    fields = fields or {}
    latent_dim, units = array_shape(arrays, "G/z_project/dense/kernel", 2)
    kind = next((kind for kind in _KINDS if f"G/upconv_0/{kind}/kernel" in arrays), None)
    if kind is None:
        raise UserError("G/upconv_0/conv2d_transpose/kernel is missing")
    shape = array_shape(arrays, f"G/upconv_0/{kind}/kernel", _KINDS[kind])
    common = {"latent_dim": latent_dim, "batch_norm": _BATCH_NORM in arrays}
    if kind == "conv2d" or (kind == "conv2d_transpose" and shape[0] > 1):
        if kind == "conv2d" and "upsample" not in fields:
            raise UserError("does not tell how it upsamples; pass upsample, such as 'nearest'")
        return SpecGANConfig(
            **common,
            model_dim=units // 4**2 // 2**4,
            kernel_len=shape[0],
            upsample=fields.get("upsample", "zeros"),
        )
    layers = sum(f"G/upconv_{i}/{kind}/kernel" in arrays for i in range(len(arrays)))
    lengths = _SLICE_LENGTHS.get(layers, ())
    if len(lengths) != 1 and "slice_len" not in fields:
        raise UserError(f"has {layers} layers of upsampling; pass slice_len, 32768 or 65536")
    last = array_shape(arrays, f"G/upconv_{layers - 1}/{kind}/kernel", _KINDS[kind])
    filter_len = 0
    if "G/pp_filt/conv1d/kernel" in arrays:
        filter_len = array_shape(arrays, "G/pp_filt/conv1d/kernel", 3)[0]
    return WaveGANConfig(
        **common,
        slice_len=fields.get("slice_len", *lengths[:1]),
        channels=last[2],
        model_dim=units // 16 // 2 ** (layers - 1),
        kernel_len=shape[_KINDS[kind] - 3],
        upsample="zeros" if kind == "conv2d_transpose" else "nearest",
        post_filter_len=filter_len,
    )
