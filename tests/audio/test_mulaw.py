"""Mu-law codes: order, range, round trips and silence in each of the three conventions."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio import mulaw

levels_of = st.sampled_from([16, 64, 256, 1024])
conventions = st.sampled_from(mulaw.CONVENTIONS)
waveforms = st.lists(st.floats(-1.0, 1.0, width=32), min_size=2, max_size=50)


def encode(waveform, *how):
    return mulaw.encode(tf.constant(waveform, tf.float32), *how).numpy()


@settings(max_examples=60)
@given(waveform=waveforms, levels=levels_of, convention=conventions)
def test_codes_keep_the_order_and_the_range(waveform, levels, convention):
    codes = encode(sorted(waveform), levels, convention)
    assert codes.dtype == np.int32 and (np.diff(codes) >= 0).all()
    top = levels if convention == "floor" else levels - 1
    assert codes[0] >= 0 and codes[-1] <= top


@settings(max_examples=40)
@given(waveform=waveforms, levels=levels_of)
def test_expand_undoes_compress(waveform, levels):
    c = mulaw.compress(tf.constant(waveform, tf.float32), levels)
    assert (np.abs(c) <= 1.0 + 1e-6).all()
    np.testing.assert_allclose(mulaw.expand(c, levels), waveform, atol=2e-6)


def test_compression_is_the_papers():
    x = np.linspace(-1, 1, 21)
    expected = np.sign(x) * np.log(1 + 255 * np.abs(x)) / math.log(256)
    np.testing.assert_allclose(mulaw.compress(tf.constant(x, tf.float32)), expected, atol=1e-6)


@pytest.mark.parametrize("levels", [16, 64, 256, 1024])
def test_codes_survive_decoding(levels):
    codes = np.arange(levels)
    for convention in ("nearest", "floor"):
        waveform = mulaw.decode(tf.constant(codes, tf.int32), levels, convention)
        np.testing.assert_array_equal(mulaw.encode(waveform, levels, convention), codes)
    # Truncating loses up to one code, by rounding.
    waveform = mulaw.decode(tf.constant(codes, tf.int32), levels, "truncate")
    assert set(codes - encode(waveform, levels, "truncate")) <= {0, 1}


@settings(max_examples=60)
@given(waveform=waveforms, levels=levels_of, convention=conventions)
def test_a_decoded_waveform_is_within_a_step(waveform, levels, convention):
    codes = mulaw.encode(tf.constant(waveform, tf.float32), levels, convention)
    codes = tf.minimum(codes, levels - 1)
    c = np.asarray(mulaw.compress(tf.constant(waveform, tf.float32), levels))
    decoded = np.asarray(mulaw.compress(mulaw.decode(codes, levels, convention), levels))
    # "floor" decodes the whole first step above zero to zero.
    step = {"nearest": 1.0, "truncate": 2.0, "floor": 2.0}[convention]
    assert np.abs(c - decoded).max() <= step / (levels - 1) + 1e-5


@pytest.mark.parametrize("levels", [64, 256])
@pytest.mark.parametrize("convention, above", [("nearest", 0), ("truncate", -1), ("floor", 0)])
def test_silence(levels, convention, above):
    code = encode([0.0], levels, convention)
    assert code == levels // 2 + above
    decoded = float(mulaw.decode(tf.constant(code), levels, convention)[0])
    assert decoded == 0.0 if convention == "floor" else abs(decoded) <= 1.5 / levels**1.5
    assert encode([-1.0], levels, convention) == 0


def test_what_lies_outside_is_clipped():
    for convention in ("nearest", "truncate"):
        np.testing.assert_array_equal(encode([-3.0, 3.0], 256, convention), [0, 255])
    assert encode([1.0], 256, "floor") == 256


def test_an_unknown_convention_is_named():
    for function in (mulaw.encode, mulaw.decode):
        with pytest.raises(ValueError, match="'ceiling' is none of nearest, truncate, floor"):
            function(tf.constant([0]), 256, "ceiling")
        with pytest.raises(ValueError, match="mu-law: 1 levels; 2 or more"):
            function(tf.constant([0]), 1)
