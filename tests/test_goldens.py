"""Golden cases and their checks: every shipped case is identified by exactly one check."""

import pathlib

import numpy as np
import pytest

from tfwave.errors import UserError
from tfwave.goldens import Check, Golden, all_checks, find_check, read_golden

FOLDER = pathlib.Path(__file__).resolve().parent / "goldens"
# The cases of `metrics` have another layout; tests/metrics reads them.
CASES = sorted(p for p in FOLDER.glob("*/*.npz") if p.parent.name != "metrics")


def identifiers(check):
    return {check.function} if check.function else set(check.arrays)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_case_has_exactly_one_check(path):
    assert callable(find_check(read_golden(path)).run)


def test_every_check_has_a_case():
    assert {id(find_check(read_golden(path))) for path in CASES} == set(map(id, all_checks()))


def test_no_two_checks_are_identified_alike():
    checks = [frozenset(identifiers(check)) for check in all_checks()]
    assert len(set(checks)) == len(checks)


def test_the_function_goes_before_the_arrays():
    (by_array,) = [check for check in all_checks() if check.arrays == ("w/I_mask",)]
    weights = {"I_mask": np.zeros(1)}
    assert find_check(Golden("case", {}, weights, {}, {})) is by_array
    by_function = find_check(Golden("case", {}, weights, {}, {"function": "train_wavegan.infer"}))
    assert by_function.function == "train_wavegan.infer"


def test_a_case_without_a_check_is_refused():
    with pytest.raises(UserError, match="no check for what it ran, 'something'"):
        find_check(Golden("case", {}, {}, {}, {"function": "something"}))


def test_a_case_of_two_checks_is_refused():
    function = "train_wavegan.infer and train_wavegan.train"
    with pytest.raises(UserError, match="more than one check"):
        find_check(Golden("case", {}, {}, {}, {"function": function}))


def test_a_check_that_identifies_no_case_is_refused():
    with pytest.raises(ValueError, match="function or arrays"):
        Check(run=lambda golden: [])
