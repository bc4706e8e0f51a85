"""Golden vectors in sizes that nobody would choose come out of the same code."""

import pytest

from tfwave.audio.mel_goldens import check_mel
from tfwave.goldens import read_golden
from tfwave.models.fatchord_wavernn.goldens import check_fatchord
from tfwave.models.melgan.goldens import check_melgan
from tfwave.models.waveglow.goldens import check_waveglow
from tfwave.models.wavernn.goldens import check_dual_softmax


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("mel/mel_other_sizes", check_mel),
        ("melgan/melgan_other_sizes", check_melgan),
        ("waveglow/waveglow_other_sizes", check_waveglow),
        ("wavernn/fatchord_mol_other_sizes", check_fatchord),
        ("wavernn/fatchord_raw_other_sizes", check_fatchord),
        ("wavernn/paper_dual_softmax_h22_q8", check_dual_softmax),
    ],
)
def test_every_array_passes(goldens, name, check):
    golden = read_golden(goldens / f"{name}.npz")
    results = check(golden)
    assert not [result for result in results if not result[1] <= result[2]]
    compared = {array.removeprefix("out/") for array, *_ in results}
    assert compared >= set(golden.outputs)
