"""Golden vectors of fatchord/WaveRNN come out of ours, and changes are noticed."""

import copy

import numpy as np
import pytest

from tfwave.goldens import read_golden
from tfwave.models.fatchord_wavernn.goldens import check_fatchord


@pytest.fixture(scope="module", params=["fatchord_raw", "fatchord_mol"])
def golden(request, goldens):
    return read_golden(str(goldens / "wavernn" / f"{request.param}.npz"))


def failures(golden):
    return {name for name, error, tolerance in check_fatchord(golden) if not error <= tolerance}


def test_golden_passes_and_every_array_is_compared(golden):
    results = check_fatchord(golden)
    assert not {name for name, error, tolerance in results if not error <= tolerance}
    wanted = {f"out/{name}" for name in golden.outputs} | {"in/x", "in/target"}
    assert {name for name, *_ in results} == wanted


def test_wrong_outputs_and_levels_fail(golden):
    wrong = copy.deepcopy(golden)
    for array in wrong.outputs.values():
        step = 1 if array.dtype.kind == "i" else 0.05
        array[(0,) * array.ndim] += np.array(step, array.dtype)
    wrong.outputs["another"] = wrong.outputs.pop("eval/aux")
    wrong.inputs["labels"][0, 1] += 1
    wanted = {f"out/{name}" for name in {*wrong.outputs, "eval/aux"}} | {"in/x", "in/target"}
    assert failures(wrong) == wanted


@pytest.mark.parametrize("part", ["moving_variance", "rnn2/bias"])
def test_a_wrong_weight_fails(golden, part):
    wrong = copy.deepcopy(golden)
    name = max(name for name in wrong.weights if name.endswith(part))
    wrong.weights[name] += np.float32(0.05)
    assert {"out/eval/loss", "out/train/logits"} & failures(wrong)
