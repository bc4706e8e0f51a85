"""MelGAN's weights in files with the layout of descriptinc/melgan-neurips."""

import dataclasses

import numpy as np
import pytest

from tests.models.authors_weights import check_both_directions, check_refusals
from tests.torch_writer import module, tensor, torch_bytes
from tfwave.audio.mel import MELGAN
from tfwave.errors import UserError
from tfwave.models.melgan import weights
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.weights import export_arrays

CONFIG = MelGANConfig(
    mel=dataclasses.replace(MELGAN, n_mels=5, hop_length=8),
    ratios=(4, 2),
    channels=2,
    residual_blocks=2,
    discriminators=2,
    discriminator_channels=4,
    discriminator_layers=2,
    discriminator_max_channels=8,
    segment_len=256,
)
MEL = np.random.default_rng(0).normal(size=(1, 6, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return MelGAN(CONFIG)


@pytest.fixture
def files(model, tmp_path):
    """Paths of the generator's and the discriminators' state dicts."""
    paths = tmp_path / "netG.pt", tmp_path / "netD.pt"
    for path, list_parts in zip(
        paths, (weights.generator_arrays, weights.discriminator_arrays), strict=True
    ):
        arrays = export_arrays(list_parts(model))
        path.write_bytes(torch_bytes({n: tensor(a) for n, a in arrays.items()}))
    return paths


def test_both_directions(model):
    check_both_directions(
        weights,
        model,
        MelGAN(CONFIG, 1),
        lambda m: m.generator.variables + m.discriminator.variables,
    )
    check_refusals(weights, model)


def test_names_and_shapes_are_the_authors(model):
    shapes = {name: array.shape for name, array in weights.to_authors(model).items()}
    assert shapes["model.1.weight_v"] == (8, 5, 7)
    assert shapes["model.3.weight_v"] == (8, 4, 8)  # transposed: inputs first
    assert shapes["model.3.weight_g"] == (8, 1, 1)
    assert shapes["model.4.block.2.weight_v"] == (4, 4, 3)
    assert shapes["model.5.shortcut.weight_v"] == (4, 4, 1)
    assert shapes["model.12.weight_v"] == (1, 2, 7)
    assert shapes["model.disc_0.model.layer_0.1.weight_v"] == (4, 1, 15)
    assert shapes["model.disc_1.model.layer_2.0.weight_v"] == (8, 4, 41)
    assert shapes["model.disc_1.model.layer_4.weight_v"] == (1, 8, 3)


def test_both_files_give_the_model(model, files):
    loaded = weights.from_authors(files[0], discriminator=files[1])
    assert loaded.config == CONFIG
    for name, array in weights.to_authors(model).items():
        np.testing.assert_array_equal(weights.to_authors(loaded)[name], array)


def test_a_saved_generator_is_enough(model, tmp_path):
    arrays = export_arrays(weights.generator_arrays(model))
    path = tmp_path / "generator.pt"
    path.write_bytes(torch_bytes(module("mel2wav.modules.Generator", arrays), legacy=True))
    loaded = weights.from_authors(path)
    assert loaded.config.ratios == CONFIG.ratios and loaded.config.mel == CONFIG.mel
    np.testing.assert_array_equal(loaded.generator(MEL), model.generator(MEL))
    loaded = weights.from_authors(path, normalization="none")
    np.testing.assert_allclose(loaded.generator(MEL), model.generator(MEL), atol=1e-6)


def test_another_variant_is_refused_by_the_file(files):
    with pytest.raises(UserError, match=r"netG.pt: model.1.weight_g has shape \[8, 1, 1\]; .*16"):
        weights.from_authors(files[0], CONFIG, channels=4)
    with pytest.raises(UserError, match=r"netD.pt: model.disc_2.model.layer_0.1.weight_g is miss"):
        weights.from_authors(files[0], CONFIG, files[1], discriminators=3)
    with pytest.raises(UserError, match="netD.pt: model.1.bias or those"):
        weights.from_authors(files[1])
    for config, message in (
        (dataclasses.replace(CONFIG, residual_block="paper"), "residual_block 'paper'"),
        (dataclasses.replace(CONFIG, normalization="spectral"), "normalization 'spectral'"),
        (dataclasses.replace(CONFIG, discriminator_normalization="spectral"), "spectrally"),
    ):
        with pytest.raises(UserError, match=message):
            weights.to_authors(MelGAN(config))
