"""WaveNet's weights in files with the layout of its two public codes."""

import dataclasses

import numpy as np
import pytest

from tests.models.authors_weights import check_both_directions, check_refusals, check_same
from tests.tf1_writer import save_checkpoint
from tests.torch_writer import tensor, torch_bytes
from tfwave.audio.mel import MELGAN
from tfwave.errors import UserError
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.wavenet import weights
from tfwave.models.wavenet.config import WaveNetConfig, r9y9_config
from tfwave.models.wavenet.context import ContextConfig
from tfwave.models.wavenet.wavenet import WaveNet

SIZES = {"dilations": (1, 2, 1), "residual_channels": 4, "gate_channels": 6, "skip_channels": 5}
IBAB = WaveNetConfig(**SIZES, levels=8)
R9Y9 = r9y9_config(**SIZES, average_decay=0.0, levels=8)
FEATURES = LocalConditioningConfig(channels=3, scales=(2, 3), frame_padding=1, frequency_kernel=3)
CONTINUOUS = {"one_hot_input": False, "levels": 65536, "output": "logistic_mixture", "mixtures": 2}
OLD = dataclasses.replace(
    R9Y9,
    **CONTINUOUS,
    conditioning=dataclasses.replace(
        FEATURES, form="transposed_2d", conv_in=False, frame_padding=0, activation="relu"
    ),
    conditioning_bias=True,
    skip_scaling="running",
)


def write(tmp_path, model):
    """Write the file of a model's code and return its path."""
    arrays = weights.to_authors(model)
    if model.config.padding == "valid":
        return save_checkpoint(tmp_path / "model.ckpt-7", arrays)
    path = tmp_path / "checkpoint.pth"
    state = {name: tensor(array) for name, array in arrays.items()}
    path.write_bytes(torch_bytes({"state_dict": state, "optimizer": None, "global_step": 7}))
    return path


@pytest.mark.parametrize(
    "config, fields",
    [
        (IBAB, ()),
        (dataclasses.replace(IBAB, one_hot_input=False, bias=False, initial_kernel_size=5), ()),
        (dataclasses.replace(IBAB, speakers=3, speaker_channels=2), ()),
        (dataclasses.replace(IBAB, speaker_channels=2), ()),
        (R9Y9, ()),
        (dataclasses.replace(R9Y9, speakers=3, speaker_channels=2), ()),
        (dataclasses.replace(R9Y9, **CONTINUOUS, conditioning=FEATURES), ("output",)),
        (dataclasses.replace(R9Y9, **{**CONTINUOUS, "output": "gaussian", "mixtures": 1}), ()),
        (dataclasses.replace(R9Y9, weight_normalization=False, conditioning=FEATURES), ()),
        (OLD, ("output",)),
    ],
)
def test_both_directions_and_a_file(tmp_path, config, fields):
    model, other = WaveNet(config), WaveNet(config, 1)
    for i, variable in enumerate(model.network.trainable_variables):
        variable.assign(variable + 0.1 * i)
    check_both_directions(weights, model, other, lambda m: m.network.trainable_variables)
    check_refusals(weights, model)
    known = {name: getattr(config, name) for name in ("dilations", "average_decay", *fields)}
    mel = None
    if config.conditioning is not None:
        mel = dataclasses.replace(MELGAN, n_mels=3, hop_length=config.conditioning.hop_length)
    loaded = WaveNet.from_authors(write(tmp_path, model), mel=mel, **known)
    assert loaded.config == config and loaded.mel == mel
    check_same(weights, model, loaded)


def test_names_and_shapes_are_those_of_the_codes():
    config = dataclasses.replace(IBAB, speakers=3, speaker_channels=2)
    arrays = weights.to_authors(WaveNet(config))
    layer = "wavenet/dilated_stack/layer2"
    assert arrays["wavenet/causal_layer/filter"].shape == (2, 8, 4)
    assert arrays[f"{layer}/gate"].shape == (2, 4, 3)
    assert arrays[f"{layer}/gc_filter"].shape == (1, 2, 3)
    assert [arrays[f"{layer}/Variable{end}"].shape for end in ("", "_1", "_2", "_3")] == [
        (3,),
        (3,),
        (4,),
        (5,),
    ]
    assert arrays["wavenet/embeddings/gc_embedding"].shape == (3, 2)
    arrays = weights.to_authors(WaveNet(dataclasses.replace(R9Y9, conditioning=FEATURES)))
    assert arrays["conv_layers.2.conv.weight_v"].shape == (6, 4, 3)
    assert arrays["conv_layers.2.conv1x1c.weight_g"].shape == (6, 1, 1)
    assert arrays["upsample_net.conv_in.weight"].shape == (3, 3, 3)
    assert arrays["upsample_net.upsample.up_layers.3.weight_v"].shape == (1, 1, 3, 7)
    assert weights.to_authors(WaveNet(OLD))["upsample_conv.2.weight_v"].shape == (1, 1, 3, 3)


def test_averaged_weights_are_those_of_the_file(tmp_path):
    config = dataclasses.replace(R9Y9, average_decay=0.9)
    model = WaveNet(config)
    model.averaged.head[0].bias.assign(np.arange(5.0))
    loaded = weights.from_authors(write(tmp_path, model), config)
    for network in (loaded.network, loaded.averaged):
        np.testing.assert_array_equal(network.head[0].bias, np.arange(5.0))
    assert not np.any(model.network.head[0].bias)


def test_what_the_arrays_leave_open_is_asked_for(tmp_path):
    for config, fields, message in (
        (IBAB, {}, "model.ckpt-7: does not tell the dilations of its 3 layers; pass dilations"),
        (R9Y9, {}, "checkpoint.pth: does not tell the dilations of its 3 layers; pass dilations"),
        (OLD, {"dilations": (1, 2, 1)}, "does not tell what its 6 outputs are; pass output="),
    ):
        with pytest.raises(UserError, match=message):
            weights.from_authors(write(tmp_path, WaveNet(config)), **fields)
    for change, message in (
        ({"activation": "leaky_relu"}, "does not tell the activation of its upsample_net"),
        ({"conv_in": False}, "does not tell cin_pad of its upsample_net"),
    ):
        features = dataclasses.replace(FEATURES, **change)
        config = dataclasses.replace(R9Y9, conditioning=features)
        path = write(tmp_path, WaveNet(config))
        with pytest.raises(UserError, match=message):
            weights.from_authors(path, dilations=(1, 2, 1))
        given = {"conditioning": features, "average_decay": 0.0}
        assert weights.from_authors(path, dilations=(1, 2, 1), **given).config == config


def test_another_variant_is_refused_by_the_file(tmp_path):
    path = write(tmp_path, WaveNet(R9Y9))
    with pytest.raises(
        UserError, match=r"checkpoint.pth: first_conv.weight_g has shape \[4, 1, 1\]"
    ):
        weights.from_authors(path, R9Y9, residual_channels=6)
    with pytest.raises(UserError, match="conv_layers.3.conv.weight_g is missing"):
        weights.from_authors(path, R9Y9, dilations=(1, 2, 1, 2))
    with pytest.raises(UserError, match="checkpoint.pth: wavenet/causal_layer/filter is missing"):
        weights.from_authors(path, IBAB)
    context = ContextConfig(stride=4, dilations=(1, 2), channels=3)
    config = dataclasses.replace(IBAB, context=context)
    with pytest.raises(UserError, match="ibab/tensorflow-wavenet differs in context; r9y9/.* in"):
        weights.to_authors(WaveNet(config))
