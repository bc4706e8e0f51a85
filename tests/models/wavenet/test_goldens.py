"""A changed weight or output of a WaveNet golden vector is found."""

import copy

import numpy as np
import pytest

from tfwave.goldens import read_golden
from tfwave.models.wavenet import goldens_ibab as ibab
from tfwave.models.wavenet import goldens_parts as parts
from tfwave.models.wavenet import goldens_r9y9 as r9y9

CASES = [
    ("ibab_scalar_gc", ibab.check_ibab_network, "dilated_stack/layer2/gate", "grad/causal_layer"),
    ("r9y9_v011_transposed_mol_nolegacy", r9y9.check_r9y9_network, "first_conv/weight_g", "y_hat"),
    ("r9y9_upsample", parts.check_upsampling, "up_fk1/up_layers/1/weight_v", "up_fk1/c_up"),
    ("mulaw", parts.check_mulaw, None, "ibab/q256/"),
    ("r9y9_loss_gauss", parts.check_gaussian, None, "mix/"),
    ("r9y9_loss_mol", parts.check_logistic_mixture, None, "classes256_min-7/loss"),
    ("r9y9_sample", parts.check_sampling, None, "mol/sample_clamp1"),
]


def passes(check, golden):
    return all(error <= tolerance for _, error, tolerance in check(golden))


def changed(golden, kind, start):
    """A copy of a golden with the numbers of one array a little larger."""
    wrong = copy.deepcopy(golden)
    arrays = getattr(wrong, kind)
    name = min(n for n in arrays if n.startswith(start))
    step = 0.01 if arrays[name].dtype == np.float32 else 1
    arrays[name] = arrays[name] + np.array(step, arrays[name].dtype)
    # Unequally: a constant kernel stays what it is under a weight norm.
    arrays[name].flat[0] += np.array(step, arrays[name].dtype)
    return wrong


@pytest.mark.parametrize("name, check, weight, output", CASES, ids=[case[0] for case in CASES])
def test_a_change_fails(goldens, name, check, weight, output):
    golden = read_golden(str(goldens / "wavenet" / f"{name}.npz"))
    assert passes(check, golden)
    assert not passes(check, changed(golden, "outputs", output))
    if weight is not None:
        assert not passes(check, changed(golden, "weights", weight))
