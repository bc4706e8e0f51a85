"""Which model a training directory describes."""

import dataclasses
import json

import numpy as np
import pytest

from tfwave.models.wavegan.config import WaveGANConfig
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.training import checkpoints
from tfwave.training.load import load_model


@pytest.fixture
def run(tmp_path):
    """A directory with the best weights of a small WaveGAN, its model, and a function to describe
    it by other fields."""
    model = WaveGAN(WaveGANConfig(model_dim=1, latent_dim=5), seed=3)
    model.compile()
    checkpoints.save_best(str(tmp_path), model, 5, 0.5)

    def describe(settings):
        (tmp_path / "config.json").write_text(json.dumps({"model": settings}))
        return str(tmp_path)

    return model, describe


def test_fields_that_came_later_have_their_defaults(run):
    model, describe = run
    settings = dataclasses.asdict(model.config)
    del settings["precision"], settings["dropout"]
    loaded, _, step = load_model(describe(settings), "best")
    assert step == 5 and loaded.config == model.config
    z = model.sample_latents(1, 0)
    np.testing.assert_array_equal(loaded.generate(latents=z), model.generate(latents=z))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        None,
        {"model_dim": 1, "latent_dim": 5},  # SpecGAN has both fields as well
        {"model_dim": 1, "phase_shuffle": 2, "width": 3},
    ],
)
def test_what_describes_no_system_is_refused(run, settings):
    directory = run[1](settings)
    with pytest.raises(ValueError, match="describes no model that this tfwave has") as caught:
        load_model(directory, "best")
    assert directory in str(caught.value)
