"""Tests that both stacks read the weights that either has stored."""

import numpy as np
import pytest

from tests.conformance.cases import CASES
from tests.conformance.stored_weights import FOLDER, value
from tfwave.training.load import load_model


@pytest.mark.parametrize("version", ["keras2", "keras3"])
@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_weights_of_both_stacks_are_read(name, version):
    model, _, step = load_model(FOLDER / version / name)
    assert step == 7 and int(model.step) == 7
    variables = model.named_variables()
    assert len(variables) > 1
    for key, variable in variables.items():
        if key != "step":
            np.testing.assert_array_equal(variable, value(key, variable.shape), err_msg=key)
