"""The mel scale and its filter bank: shapes, areas, inverses, constants of the front ends."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfwave.audio.filter_bank import FORMULAS, filter_bank, hertz_to_mel, mel_to_hertz


@pytest.mark.parametrize("formula", FORMULAS)
@given(hertz=st.floats(0, 20000))
def test_mel_scales_are_inverted(formula, hertz):
    back = mel_to_hertz(hertz_to_mel(hertz, formula), formula)
    np.testing.assert_allclose(back, hertz, atol=1e-8)


def test_mel_scales_have_their_published_values():
    np.testing.assert_allclose(hertz_to_mel([0, 500, 1000, 6400]), [0, 7.5, 15, 42])
    np.testing.assert_allclose(hertz_to_mel([0, 700], "htk"), [0, 2595 * np.log10(2)])


def test_triangles_of_area_one():
    bank = filter_bank(22050, 2**15, 80, 0.0, 8000.0)
    assert bank.shape == (80, 2**14 + 1) and bank.dtype == np.float32
    np.testing.assert_allclose(bank.sum(axis=1) * 22050 / 2**15, 1.0, atol=1e-3)
    bent = filter_bank(22050, 2**15, 80, 0.0, 8000.0, "htk", straight_in="mel")
    np.testing.assert_allclose(bent.sum(axis=1) * 22050 / 2**15, 1.0, atol=2e-2)


@pytest.mark.parametrize("straight_in", ["hertz", "mel"])
def test_triangles_of_height_one_between_the_edges(straight_in):
    bank = filter_bank(16000, 16384, 40, 125.0, 7600.0, "htk", "none", straight_in)
    frequencies = np.arange(8193) * 16000 / 16384
    assert bank.min() == 0
    np.testing.assert_allclose(bank.max(axis=1), 1.0, atol=0.02)
    used = bank.any(axis=0)
    assert frequencies[used].min() > 125 and frequencies[used].max() < 7600
    # Between the first and last centre neighbouring triangles add up to one.
    centres = frequencies[bank.argmax(axis=1)]
    between = (frequencies > centres[0] + 1) & (frequencies < centres[-1] - 1)
    np.testing.assert_allclose(bank[:, between].sum(axis=0), 1.0, atol=1e-5)
    assert np.all(np.diff(hertz_to_mel(centres, "htk"), n=2) < 1)


@pytest.mark.parametrize(
    "digest, arguments",
    [
        # The WaveGAN authors' exported digit classifier; the features of their distances.
        ("7a325033e10102e8", (16000, 1024, 128, 40.0, 7800.0, "htk", "none", "mel")),
        ("7c4dc67784a19f81", (16000, 2048, 128, 40.0, 7800.0, "htk", "none", "mel")),
        # NVIDIA/tacotron2.
        ("f14d2226bfa12a82", (22050, 1024, 80, 0.0, 8000.0)),
    ],
)
def test_front_ends_keep_their_bits(digest, arguments):
    bank = np.ascontiguousarray(filter_bank(*arguments))
    assert hashlib.sha256(bank.tobytes()).hexdigest()[:16] == digest


def test_the_bank_of_the_alignment_keeps_its_bits():
    """Written out: float64 logarithms differ in the last bit from one NumPy to the next."""
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (60.0, 7600.0))
    edges = 700 * (10 ** (np.linspace(low, high, 42)[:, np.newaxis] / 2595) - 1)
    bins = np.fft.rfftfreq(512, 1 / 16000)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = filter_bank(16000, 512, 40, 60.0, 7600.0, "htk", "none", dtype=np.float64)
    np.testing.assert_array_equal(bank, np.maximum(0, np.minimum(rising, falling)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"f_max": 9000.0}, "f_max 9000"),
        ({"f_min": 8000.0}, "f_min 8000"),
        ({"formula": "bark"}, "formula must be .* not 'bark'"),
        ({"norm": "peak"}, "norm must be .* not 'peak'"),
        ({"straight_in": "erb"}, "straight_in must be .* not 'erb'"),
    ],
)
def test_illegal_values_are_named(change, message):
    arguments = dict(sample_rate=16000, n_fft=1024, n_mels=80, f_min=40.0, f_max=7600.0)
    with pytest.raises(ValueError, match=message):
        filter_bank(**{**arguments, **change})
