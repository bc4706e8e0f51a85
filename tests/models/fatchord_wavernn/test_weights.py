"""Weights of the mel-conditioned WaveRNN in files with the layout of fatchord/WaveRNN."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.models.authors_weights import check_both_directions, check_refusals, check_same
from tests.torch_writer import tensor, torch_bytes
from tfwave.audio.mel import FATCHORD
from tfwave.errors import UserError
from tfwave.models.fatchord_wavernn import weights
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN

RAW = FatchordWaveRNNConfig(
    mel=dataclasses.replace(FATCHORD, n_mels=5, hop_length=6),
    output="categorical",
    bits=4,
    units=6,
    dense_units=7,
    upsampling=(2, 3),
    frame_padding=1,
    resnet_channels=4,
    resnet_blocks=2,
    aux_channels=8,
)
MIXTURE = dataclasses.replace(RAW, output="logistic_mixture", bits=9, mixtures=2)


def variables(model):
    """All of the network, with the statistics of its batch normalisation."""
    aux = model.network.auxiliary
    norms = [aux.norm, *(norm for block in aux.blocks for norm in (block.norm1, block.norm2))]
    moving = [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]
    return [*model.network.trainable_variables, *moving]


@pytest.fixture(scope="module")
def model():
    model = FatchordWaveRNN(RAW)
    for i, variable in enumerate(variables(model)):
        variable.assign(variable + 0.1 * i)
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "latest_weights.pyt"


def write(path, model, **more):
    arrays = {**weights.to_authors(model), **more}
    path.write_bytes(torch_bytes({name: tensor(array) for name, array in arrays.items()}))


def test_both_directions(model):
    check_both_directions(weights, model, FatchordWaveRNN(RAW, 1), variables)
    check_refusals(weights, model)


def test_gates_are_in_the_order_of_pytorch(model):
    """One step of PyTorch's GRU by its own formulas: gates r, z, n."""
    arrays = weights.to_authors(model)
    random = np.random.default_rng(0)
    x, h = (random.normal(size=6).astype(np.float32) for _ in range(2))

    def products(kind, value):
        return np.split(
            arrays[f"rnn1.weight_{kind}_l0"] @ value + arrays[f"rnn1.bias_{kind}_l0"], 3
        )

    (r_x, z_x, n_x), (r_h, z_h, n_h) = products("ih", x), products("hh", h)
    r, z = 1 / (1 + np.exp(-(r_x + r_h))), 1 / (1 + np.exp(-(z_x + z_h)))
    expected = (1 - z) * np.tanh(n_x + r * n_h) + z * h
    ours, _ = model.network.rnn1.cell(tf.constant([x]), [tf.constant([h])])
    np.testing.assert_allclose(ours[0], expected, atol=1e-5)


@pytest.mark.parametrize("config", [RAW, MIXTURE], ids=["RAW", "MOL"])
def test_a_file_with_counters_gives_the_model(path, config):
    model = FatchordWaveRNN(config, 3)
    counters = {
        "step": np.array([7]),
        "upsample.resnet.batch_norm.num_batches_tracked": np.array(7),
    }
    write(path, model, **counters)
    loaded = weights.from_authors(path)
    assert loaded.config == config
    check_same(weights, model, loaded)
    assert weights.from_authors(path, mu_law=False).config.mu_law is False


def test_another_variant_is_refused_by_the_file(model, path):
    write(path, model)
    with pytest.raises(UserError, match=r"latest_weights.pyt: I.weight has shape \[6, 8\]; .*7, 8"):
        weights.from_authors(path, RAW, units=7)
    with pytest.raises(UserError, match="layers.2.conv1.weight is missing"):
        weights.from_authors(path, RAW, resnet_blocks=3)
    write(path, model, **{"fc3.weight": np.zeros((10, 7), np.float32)})
    with pytest.raises(UserError, match="10 outputs: neither classes.* nor a mixture"):
        weights.from_authors(path)
