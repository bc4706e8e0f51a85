"""Golden vectors of the multi-resolution STFT loss come out of ours, and a wrong one does not."""

import copy

import numpy as np
import pytest

from tfwave.goldens import read_golden
from tfwave.losses.stft_loss_goldens import check_stft_loss


@pytest.fixture(scope="module")
def golden(goldens):
    return read_golden(str(goldens / "parallelwavegan" / "stft_loss.npz"))


def failures(golden):
    return {name for name, error, tolerance in check_stft_loss(golden) if not error <= tolerance}


def test_golden_passes_and_every_array_is_compared(golden):
    assert not failures(golden)
    assert {name for name, *_ in check_stft_loss(golden)} == set(golden.outputs)


@pytest.mark.parametrize(
    "name", ["log_stft_magnitude", "magnitude_resolution0", "grad_of_sum_wrt_predicted"]
)
def test_a_wrong_output_fails(golden, name):
    wrong = copy.deepcopy(golden)
    error = 2e-3 * np.abs(wrong.outputs[name]).max()
    wrong.outputs[name] = wrong.outputs[name] + np.float32(error)
    assert failures(wrong) == {name}
