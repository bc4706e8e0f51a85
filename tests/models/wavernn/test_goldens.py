"""Golden vectors of the paper's dual-softmax cell come out of ours."""

import copy

import numpy as np
import pytest

from tfwave.goldens import read_golden
from tfwave.models.wavernn.goldens import check_dual_softmax

CASES = ("paper_dual_softmax_h16_q256", "paper_dual_softmax_h48_q16")


@pytest.fixture(scope="module", params=CASES)
def golden(request, goldens):
    return read_golden(str(goldens / "wavernn" / f"{request.param}.npz"))


def failures(golden):
    return {name for name, error, tolerance in check_dual_softmax(golden) if not error <= tolerance}


def test_golden_passes_and_every_array_is_compared(golden):
    results = check_dual_softmax(golden)
    assert not {name for name, error, tolerance in results if not error <= tolerance}
    assert {name for name, *_ in results} == {"I_mask", *golden.outputs}


def test_a_wrong_output_fails(golden):
    wrong = copy.deepcopy(golden)
    for array in wrong.outputs.values():
        step = 1 if array.dtype.kind == "i" else 1e-4
        array[(0,) * array.ndim] += np.array(step, array.dtype)
    assert failures(wrong) == set(golden.outputs)


@pytest.mark.parametrize("name", ["R", "I", "O1", "O2", "O3", "O4", "b_gates", "b1", "b4"])
def test_a_wrong_weight_fails(golden, name):
    wrong = copy.deepcopy(golden)
    wrong.weights[name].flat[0] += np.float32(0.05)
    assert failures(wrong)


def test_a_mask_on_other_columns_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.weights["I_mask"][2] = 1.0 - wrong.weights["I_mask"][2]
    assert failures(wrong) == {"I_mask"}


def test_an_output_too_many_or_missing_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.outputs["another"] = wrong.outputs.pop("teacher/u")
    assert {"another", "teacher/u"} <= failures(wrong)
