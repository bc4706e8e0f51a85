"""Golden vectors of librosa's Griffin-Lim come out of ours, and a wrong array fails."""

import copy

import numpy as np
import pytest

from tfwave.audio.griffin_lim_goldens import check_griffin_lim
from tfwave.errors import UserError
from tfwave.goldens import read_golden

RUNS = [f"momentum_{momentum}/iterations_{n}" for momentum in (0.99, 0.0) for n in (1, 3, 32)]


@pytest.fixture(scope="module")
def golden(goldens):
    return read_golden(goldens / "world" / "griffinlim_0_theo.npz")


def failures(golden):
    return {name for name, error, tolerance in check_griffin_lim(golden) if not error <= tolerance}


def test_golden_passes_and_every_array_is_compared(golden):
    results = check_griffin_lim(golden)
    assert [result for result in results if not result[1] <= result[2]] == []
    assert {name for name, *_ in results} == {*golden.outputs, "in/magnitude"}


@pytest.mark.parametrize("ending", ["", "_spectral_convergence"])
@pytest.mark.parametrize("run", RUNS)
def test_a_wrong_output_fails(golden, run, ending):
    # Without the other runs, which would only cost time.
    pair = {name: golden.outputs[name] for name in (run, f"{run}_spectral_convergence")}
    wrong = copy.deepcopy(golden)
    wrong.outputs.clear()
    wrong.outputs.update(copy.deepcopy(pair))
    array = wrong.outputs[run + ending]
    array[... if array.ndim == 0 else 1234] += np.float32(1e-3)
    assert failures(wrong) == {run + ending}


def test_a_wrong_target_or_signal_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.inputs["magnitude"][10, 20] += np.float32(1e-2)
    assert failures(wrong) >= {"in/magnitude", *RUNS}
    wrong = copy.deepcopy(golden)
    wrong.inputs["x"][1234] += np.float32(1e-2)
    assert failures(wrong) == {"in/magnitude"}


@pytest.mark.parametrize(
    "setting, value, missed",
    [("win_length", 512, {"in/magnitude", *RUNS}), ("pad_mode", "reflect", set(RUNS))],
)
def test_sizes_and_padding_are_those_of_the_settings(golden, setting, value, missed):
    other = copy.deepcopy(golden)
    other.cfg[setting] = value
    assert failures(other) >= missed


def test_an_output_of_another_name_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.outputs["another"] = wrong.outputs.pop(RUNS[-1])
    assert failures(wrong) == {"another"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"pad_mode": "edge"}, "pad_mode must be one of constant, reflect, not 'edge'"),
        ({"center": False}, "only centred"),
        ({"window": "blackman"}, "Hann"),
    ],
)
def test_another_transform_is_refused(golden, settings, message):
    other = copy.deepcopy(golden)
    other.cfg.update(settings)
    with pytest.raises(UserError, match=message):
        check_griffin_lim(other)
