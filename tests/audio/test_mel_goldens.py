"""Golden vectors of the public mel front ends come out of ours."""

import copy

import numpy as np
import pytest

from tfwave.audio.mel_goldens import OUTPUTS, check_mel
from tfwave.goldens import read_golden


@pytest.fixture(scope="module")
def golden(goldens):
    return read_golden(str(goldens / "mel" / "mel.npz"))


def failures(golden):
    return {name for name, error, tolerance in check_mel(golden) if not error <= tolerance}


def test_golden_passes_and_every_array_is_compared(golden):
    assert not failures(golden)
    compared = [name for name, *_ in check_mel(golden)]
    assert set(golden.outputs) <= set(compared)
    bases = {f"{matrix}/mel_basis" for _, matrix in OUTPUTS.values()}
    assert bases == set(golden.weights)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_wrong_output_fails(golden, name):
    wrong = copy.deepcopy(golden)
    wrong.outputs[name][40, 20] += np.float32(1e-3)
    assert failures(wrong) == {name}


def test_a_wrong_matrix_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.weights["fatchord/mel_basis"][3, 10] += np.float32(1e-7)
    assert failures(wrong) == {"fatchord: mel_basis"}


def test_sizes_are_those_of_the_settings(golden):
    other = copy.deepcopy(golden)
    other.cfg["melgan"]["n_mel_channels"] = 79
    assert failures(other) == {"melgan", "melgan: mel_basis"}


def test_an_output_too_many_or_missing_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.outputs["another"] = wrong.outputs.pop("melgan")
    assert {"another", "melgan"} <= failures(wrong)
