"""Golden vectors of pyworld come out of ours; a wrong array or a missing package fails."""

import copy
import importlib.util
import sys

import numpy as np
import pytest

from tfwave.audio.world import MissingPackage
from tfwave.audio.world_goldens import check_world
from tfwave.goldens import read_golden

# Stored results -> what is computed from them.
STAGES = {
    "dio_f0": (),
    "time": (),
    "dio_stonemask_f0": ("spectral_envelope", "aperiodicity", "synthesis"),
    "harvest_f0": (),
    "harvest_stonemask_f0": (),
    "spectral_envelope": ("synthesis", "coded_spectral_envelope"),
    "aperiodicity": ("synthesis", "coded_aperiodicity"),
    "synthesis": (),
    "coded_spectral_envelope": ("decoded_spectral_envelope_first_frames",),
    "coded_aperiodicity": ("decoded_aperiodicity_first_frames",),
    "decoded_spectral_envelope_first_frames": (),
    "decoded_aperiodicity_first_frames": (),
}


@pytest.fixture(scope="module")
def golden(goldens):
    return read_golden(goldens / "world" / "world_3_lucas.npz")


@pytest.fixture
def needs_pyworld():
    # importorskip would run its __init__, which fails without pkg_resources.
    if importlib.util.find_spec("pyworld") is None:
        pytest.skip("pyworld is not installed")


def failures(golden):
    return {name for name, error, tolerance in check_world(golden) if not error <= tolerance}


def test_the_stages_are_those_of_the_golden(golden):
    assert set(STAGES) == set(golden.outputs)


@pytest.mark.usefixtures("needs_pyworld")
def test_golden_passes_and_every_array_is_compared(golden):
    results = check_world(golden)
    assert [result for result in results if not result[1] <= result[2]] == []
    assert {name for name, *_ in results} == set(golden.outputs)


@pytest.mark.usefixtures("needs_pyworld")
@pytest.mark.parametrize("name", STAGES)
def test_a_wrong_array_fails(golden, name):
    wrong = copy.deepcopy(golden)
    array = wrong.outputs[name]
    array[:] = array * np.float32(0.9) - (array == 0)
    assert {name} <= failures(wrong) <= {name, *STAGES[name]}


@pytest.mark.usefixtures("needs_pyworld")
@pytest.mark.parametrize(
    "setting, value, missed",
    [
        ("f0_floor", 71.0, {"dio_f0", "harvest_f0"}),
        ("d4c_threshold", 2.0, {"aperiodicity"}),
        ("coded_dims", 24, {"coded_spectral_envelope"}),
        ("frames", 42, {"time"}),
    ],
)
def test_options_are_those_of_the_settings(golden, setting, value, missed):
    other = copy.deepcopy(golden)
    other.cfg[setting] = value
    assert failures(other) & missed


@pytest.mark.usefixtures("needs_pyworld")
def test_an_output_of_another_name_fails(golden):
    wrong = copy.deepcopy(golden)
    wrong.outputs["another"] = wrong.outputs["time"]
    assert failures(wrong) == {"another"}


def test_a_missing_package_is_a_failure_that_names_it(golden, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "pyworld.pyworld", raising=False)
    with pytest.raises(MissingPackage, match=r'pyworld is not .*"tfwave\[vocoder\]"'):
        check_world(golden)
