"""MelGAN's goldens pass, every array of them is compared, and a change fails."""

import dataclasses

import numpy as np
import pytest

from tfwave.goldens import read_golden
from tfwave.models.melgan.goldens import check_audio2mel, check_melgan


def _failed(found):
    return [name for name, error, tolerance in found if not error <= tolerance]


def test_features_pass_and_a_change_fails(goldens):
    golden = read_golden(goldens / "melgan/audio2mel.npz")
    assert not _failed(check_audio2mel(golden))
    changed = {**golden.outputs, "log_mel": golden.outputs["log_mel"] + 1e-3}
    assert _failed(check_audio2mel(dataclasses.replace(golden, outputs=changed)))


def test_every_output_is_compared(goldens):
    golden = read_golden(goldens / "melgan/melgan.npz")
    found = check_melgan(golden)
    assert not _failed(found)
    assert {name.removeprefix("out/") for name, _, _ in found} == set(golden.outputs)


@pytest.mark.parametrize("name", ["gen/audio", "loss/feature_matching", "step/loss_disc"])
def test_a_change_fails(goldens, name):
    golden = read_golden(goldens / "melgan/melgan.npz")
    changed = {**golden.outputs, name: golden.outputs[name] + np.float32(1e-3)}
    failed = _failed(check_melgan(dataclasses.replace(golden, outputs=changed)))
    assert failed == [f"out/{name}"]
