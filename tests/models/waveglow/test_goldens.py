"""WaveGlow's goldens pass, every array of them is compared, and a change fails."""

import dataclasses

import numpy as np

from tfwave.goldens import read_golden
from tfwave.models.waveglow.goldens import check_tacotron_mel, compare_waveglow, computed


def _failed(found):
    return [name for name, error, tolerance in found if not error <= tolerance]


def _changed(golden, changes):
    outputs = {
        name: array + np.float32(changes.get(name, 0.0)) for name, array in golden.outputs.items()
    }
    return dataclasses.replace(golden, outputs=outputs)


def test_both_directions_pass_and_a_change_of_any_kind_fails(goldens):
    golden = read_golden(goldens / "waveglow/waveglow.npz")
    found = computed(golden)
    results = compare_waveglow(golden, found)
    assert not _failed(results)
    assert [name.removeprefix("out/") for name, _, _ in results] == list(golden.outputs)
    changes = {
        "upsampled_mel": 1e-3,
        "z": 1e-3,
        "log_s/flow07": 1e-3,
        "log_det_W/flow03": 1e-3,
        "loss/sigma1": 1e-4,
        "grad_loss/upsample/bias": 1e-4,
        "W_inverse/flow11": 1e-4,
        "infer_audio": 1e-3,
        "infer_audio_sigma0": 1e-3,
    }
    failed = _failed(compare_waveglow(_changed(golden, changes), found))
    assert set(failed) == {f"out/{name}" for name in changes}
    unknown = dataclasses.replace(golden, outputs=golden.outputs | {"unknown": np.zeros(3)})
    assert _failed(compare_waveglow(unknown, found)) == ["out/unknown"]


def test_features_pass_and_changes_fail(goldens):
    golden = read_golden(goldens / "waveglow/tacotron_mel.npz")
    results = check_tacotron_mel(golden)
    assert not _failed(results)
    assert {name.removeprefix("out/") for name, _, _ in results} >= set(golden.outputs)
    for name in golden.outputs:
        assert _failed(check_tacotron_mel(_changed(golden, {name: 1e-3}))) == [f"out/{name}"]
