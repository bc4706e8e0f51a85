"""Weights of WaveGAN and SpecGAN in checkpoints with the layout of chrisdonahue/wavegan."""

import dataclasses
import pickle

import numpy as np
import pytest

from tests.models.authors_weights import check_both_directions, check_refusals, check_same
from tests.tf1_writer import save_checkpoint
from tfwave.errors import UserError
from tfwave.models.wavegan import weights
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN
from tfwave.models.wavegan.wavegan import WaveGAN

WAVEGAN = WaveGANConfig(model_dim=1, kernel_len=9, latent_dim=3, post_filter_len=12)
SPECGAN = SpecGANConfig(model_dim=1, kernel_len=3, latent_dim=2)
MOMENTS = np.linspace(-9, 1, 129).astype(np.float32), np.linspace(1, 2, 129).astype(np.float32)


def variables(model):
    return model.generator.variables + model.discriminator.variables


def training_state(arrays):
    """What a checkpoint of the training has besides the weights."""
    slots = {f"{name}/Adam": np.zeros_like(array) for name, array in arrays.items()}
    return {**slots, "beta1_power": np.float32(0.5), "global_step": np.int64(7)}


@pytest.mark.parametrize(
    "system, config",
    [
        (WaveGAN, WAVEGAN),
        (WaveGAN, dataclasses.replace(WAVEGAN, upsample="nearest", batch_norm=True, channels=2)),
        (SpecGAN, SPECGAN),
        (SpecGAN, dataclasses.replace(SPECGAN, upsample="linear", batch_norm=True)),
    ],
)
def test_both_directions_and_a_checkpoint_of_the_training(tmp_path, system, config):
    model = system(config)
    arrays = check_both_directions(weights, model, system(config, 1), variables)
    check_refusals(weights, model)
    prefix = save_checkpoint(tmp_path / "model.ckpt-7", arrays | training_state(arrays))
    fields = {"upsample": "linear"} if config.upsample == "linear" else {}
    moments = MOMENTS if system is SpecGAN else None
    loaded = weights.from_authors(prefix, moments=moments, **fields)
    assert type(loaded) is system and loaded.config == config
    check_same(weights, model, loaded)


def test_names_and_shapes_are_the_authors():
    arrays = weights.to_authors(WaveGAN(WAVEGAN))
    assert arrays["G/z_project/dense/kernel"].shape == (3, 256)
    assert arrays["G/upconv_0/conv2d_transpose/kernel"].shape == (1, 9, 8, 16)
    assert arrays["G/pp_filt/conv1d/kernel"].shape == (12, 1, 1)
    assert arrays["D/downconv_4/conv1d/kernel"].shape == (9, 8, 16)
    assert arrays["D/output/dense/kernel"].shape == (256, 1)


def test_a_checkpoint_for_inference_has_the_generator_alone(tmp_path):
    model = WaveGAN(WAVEGAN, 2)
    arrays = {n: a for n, a in weights.to_authors(model).items() if n.startswith("G/")}
    loaded = weights.from_authors(save_checkpoint(tmp_path / "model.ckpt", arrays))
    latents = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(loaded.generator(latents), model.generator(latents))


def test_what_the_arrays_leave_open_is_asked_for(tmp_path):
    longer = dataclasses.replace(WAVEGAN, slice_len=65536, post_filter_len=0)
    arrays = weights.to_authors(WaveGAN(longer))
    prefix = save_checkpoint(tmp_path / "model.ckpt", arrays)
    with pytest.raises(
        UserError, match="model.ckpt: has 6 layers .*pass slice_len, 32768 or 65536"
    ):
        weights.from_authors(prefix)
    assert weights.from_authors(prefix, slice_len=65536).config == longer
    arrays = weights.to_authors(SpecGAN(dataclasses.replace(SPECGAN, upsample="cubic")))
    prefix = save_checkpoint(tmp_path / "specgan.ckpt", arrays)
    with pytest.raises(UserError, match="specgan.ckpt: does not tell how it upsamples"):
        weights.from_authors(prefix, moments=MOMENTS)


def test_specgan_needs_its_moments(tmp_path):
    prefix = save_checkpoint(tmp_path / "model.ckpt", weights.to_authors(SpecGAN(SPECGAN)))
    with pytest.raises(UserError, match="needs the moments"):
        weights.from_authors(prefix)
    with pytest.raises(UserError, match="model.ckpt: holds a SpecGAN, no WaveGAN"):
        WaveGAN.from_authors(prefix, moments=MOMENTS)
    moments = tmp_path / "moments.pkl"
    moments.write_bytes(pickle.dumps(MOMENTS, 2))
    loaded = SpecGAN.from_authors(prefix, moments=moments)
    np.testing.assert_array_equal(loaded.moments_std, MOMENTS[1])
    moments.write_bytes(pickle.dumps(MOMENTS[0], 2))
    with pytest.raises(UserError, match="moments of a SpecGAN are a mean and"):
        weights.from_authors(prefix, moments=moments)


def test_another_variant_is_refused_by_the_checkpoint(tmp_path):
    prefix = save_checkpoint(tmp_path / "model.ckpt", weights.to_authors(WaveGAN(WAVEGAN)))
    with pytest.raises(
        UserError, match=r"model.ckpt: G/z_project/.* has shape \[3, 256\]; .*4, 256"
    ):
        weights.from_authors(prefix, WAVEGAN, latent_dim=4)
    with pytest.raises(UserError, match="G/z_project/batch_normalization/gamma is missing"):
        weights.from_authors(prefix, WAVEGAN, batch_norm=True)
    with pytest.raises(UserError, match="G/pp_filt/conv1d/kernel, of shape .*has no place"):
        weights.from_authors(prefix, WAVEGAN, post_filter_len=0)
    prefix = save_checkpoint(tmp_path / "other.ckpt", {"a": np.zeros(3, np.float32)})
    with pytest.raises(UserError, match="other.ckpt: G/z_project/dense/kernel is missing"):
        weights.from_authors(prefix)
