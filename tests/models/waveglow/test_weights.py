"""WaveGlow's weights in files with the layout of NVIDIA/waveglow."""

import dataclasses

import numpy as np
import pytest

from tests.models.authors_weights import check_both_directions, check_refusals, check_same
from tests.torch_writer import module, tensor, torch_bytes
from tfwave.audio.mel import TACOTRON2
from tfwave.errors import UserError
from tfwave.models.waveglow import weights
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow

CONFIG = WaveGlowConfig(
    mel=dataclasses.replace(TACOTRON2, n_mels=3),
    flows=3,
    group=6,
    early_every=2,
    channels=4,
    layers=2,
    upsampling_kernel=512,
)
NOISE = np.random.default_rng(0).normal(size=(1, 128, 6)).astype(np.float32)
MEL = np.random.default_rng(1).normal(size=(1, 3, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    model = WaveGlow(CONFIG)
    arrays = weights.to_authors(model)
    random = np.random.default_rng(2)
    for name in arrays:  # the couplings start as identities
        if ".end." in name:
            arrays[name] = random.normal(0, 0.1, arrays[name].shape).astype(np.float32)
    weights.load_arrays(model, arrays)
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "waveglow.pt"


def audio(model):
    return model.network.inverse(NOISE, MEL).numpy()


def test_both_directions(model):
    check_both_directions(weights, model, WaveGlow(CONFIG, 1), lambda m: m.network.variables)
    check_refusals(weights, model)


def test_names_and_shapes_are_the_authors(model):
    arrays = weights.to_authors(model)
    shapes = {name: array.shape for name, array in arrays.items()}
    assert shapes["upsample.weight"] == (3, 3, 512)
    assert shapes["convinv.2.conv.weight"] == (4, 4, 1)
    assert shapes["WN.0.start.weight_v"] == (4, 3, 1)
    assert shapes["WN.0.start.weight_g"] == (4, 1, 1)
    assert shapes["WN.2.in_layers.1.weight_v"] == (8, 4, 3)
    assert shapes["WN.2.res_skip_layers.1.weight_v"] == (4, 4, 1)
    assert shapes["WN.0.cond_layer.weight_v"] == (16, 18, 1)
    assert shapes["WN.0.end.weight"] == (6, 4, 1)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_the_released_form_gives_the_model(model, path, legacy):
    arrays = weights.to_authors(model)
    whole = {"model": module("glow.WaveGlow", arrays), "iteration": 3}
    path.write_bytes(torch_bytes(whole, legacy))
    loaded = weights.from_authors(path, segment_len=8000)
    assert loaded.config == dataclasses.replace(CONFIG, segment_len=8000)
    check_same(weights, model, loaded)
    path.write_bytes(torch_bytes({n: tensor(a) for n, a in arrays.items()}, legacy))
    check_same(weights, model, weights.from_authors(path, CONFIG))


def test_folded_norms_are_taken_and_can_be_parted(model, path):
    plain = model.fold_weight_norm()
    arrays = weights.to_authors(plain)
    assert "WN.0.start.weight" in arrays and "WN.0.start.weight_g" not in arrays
    path.write_bytes(torch_bytes({"model": module("glow.WaveGlow", arrays)}))
    loaded = weights.from_authors(path)
    assert loaded.config == dataclasses.replace(CONFIG, normalization="none")
    check_same(weights, plain, loaded)
    np.testing.assert_allclose(audio(loaded), audio(model), atol=1e-5)
    np.testing.assert_allclose(audio(weights.from_authors(path, CONFIG)), audio(model), atol=1e-5)
    path.write_bytes(torch_bytes({n: tensor(a) for n, a in weights.to_authors(model).items()}))
    loaded = weights.from_authors(path, normalization="none")
    np.testing.assert_allclose(audio(loaded), audio(model), atol=1e-5)


def test_the_newer_form_of_norms_is_taken(model):
    renamed = {
        name.replace("weight_g", "parametrizations.weight.original0").replace(
            "weight_v", "parametrizations.weight.original1"
        ): array
        for name, array in weights.to_authors(model).items()
    }
    assert weights.infer_config(renamed) == CONFIG
    other = WaveGlow(CONFIG, 1)
    weights.load_arrays(other, renamed)
    check_same(weights, model, other)


def test_layers_of_older_checkpoints_are_put_together(model, path):
    older = {}
    for name, array in weights.to_authors(model).items():
        if ".cond_layer." in name:
            for layer, part in enumerate(np.split(array, CONFIG.layers)):
                older[name.replace("cond_layer", f"cond_layers.{layer}")] = part
        elif ".res_skip_layers.0." in name:
            residual, skip = np.split(array, 2)
            older[name.replace("res_skip", "res")] = residual
            older[name.replace("res_skip", "skip")] = skip
        else:
            older[name.replace("res_skip_layers.1", "skip_layers.1")] = array
    path.write_bytes(torch_bytes({"model": module("glow.WaveGlow", older)}))
    check_same(weights, model, weights.from_authors(path))
    path.write_bytes(torch_bytes({"model": module("glow_old.WaveGlow", older)}))
    with pytest.raises(UserError, match="holds a glow_old.WaveGlow"):
        weights.from_authors(path)


def test_half_precision_is_taken(model, path):
    halves = {n: a.astype(np.float16) for n, a in weights.to_authors(model).items()}
    path.write_bytes(torch_bytes({"model": module("glow.WaveGlow", halves)}))
    loaded = weights.to_authors(weights.from_authors(path))
    for name, array in halves.items():
        np.testing.assert_array_equal(loaded[name], array.astype(np.float32), strict=True)


def test_another_variant_is_refused_by_the_file(model, path):
    arrays = weights.to_authors(model)
    path.write_bytes(torch_bytes({n: tensor(a) for n, a in arrays.items()}))
    for fields, message in (
        ({"channels": 6}, r"waveglow.pt: WN.0.in_layers.0.weight_g has shape \[8, 1, 1\]; .*12"),
        ({"layers": 3}, "in_layers.2.weight_g is missing"),
        ({"flows": 2}, "waveglow.pt: .*2.*has no place in the model"),
        ({"group": 5}, "WaveGlowConfig.group is 5"),
    ):
        with pytest.raises(UserError, match=message):
            weights.from_authors(path, CONFIG, **fields)
    path.write_bytes(torch_bytes({"fc.weight": tensor(NOISE)}))
    with pytest.raises(UserError, match="waveglow.pt: upsample.weight is missing"):
        weights.from_authors(path)
    wrong = {**arrays, "WN.0.start.weight_g": np.ones((5, 1, 1), np.float32)}
    path.write_bytes(torch_bytes({n: tensor(a) for n, a in wrong.items()}))
    with pytest.raises(UserError, match=r"start.weight_g has shape \[5, 1, 1\]"):
        weights.from_authors(path, normalization="none")
