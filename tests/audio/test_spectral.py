"""Short-time Fourier transforms against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio import spectral

# A few sizes only: TensorFlow plans each length once, which costs more than the transform.
sizes = st.sampled_from([(16, 4), (16, 8), (16, 16), (64, 16), (15, 5), (12, 4)])
seeds = st.integers(0, 2**32 - 1)


def noise(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def numpy_stft(waveform, frame_length, hop_length):
    window = scipy.signal.get_window("hann", frame_length, fftbins=True)
    starts = range(0, len(waveform) - frame_length + 1, hop_length)
    frames = [waveform[i : i + frame_length] * window for i in starts]
    return np.fft.rfft(np.array(frames).reshape(-1, frame_length))


@pytest.mark.parametrize("length", [1, 2, 15, 16, 255, 256])
def test_window_is_the_periodic_hann_window(length):
    expected = scipy.signal.get_window("hann", length, fftbins=True)
    if length == 1:  # by convention SciPy's window of one sample is 1
        expected = [0.0]
    np.testing.assert_allclose(spectral.hann_window(length, tf.float64), expected, atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(size=sizes, time=st.integers(16, 200), seed=seeds)
def test_stft_equals_numpy(size, time, seed):
    frame_length, hop_length = size
    time = max(time, frame_length)
    waveform = noise(seed, time)
    np.testing.assert_allclose(
        spectral.stft(waveform, frame_length, hop_length),
        numpy_stft(waveform, frame_length, hop_length),
        atol=1e-10,
    )


@settings(max_examples=30, deadline=None)
@given(size=sizes, time=st.integers(1, 200), seed=seeds)
def test_padding_at_the_end_starts_a_frame_at_every_hop(size, time, seed):
    frame_length, hop_length = size
    waveform = noise(seed, time)
    spectrum = spectral.stft(waveform, frame_length, hop_length, pad_end=True)
    frames = -(-time // hop_length)
    padded = np.pad(waveform, (0, frame_length + hop_length))
    assert spectrum.shape == (frames, frame_length // 2 + 1)
    np.testing.assert_allclose(
        spectrum, numpy_stft(padded, frame_length, hop_length)[:frames], atol=1e-10
    )


@settings(max_examples=20, deadline=None)
@given(size=sizes, seed=seeds, factor=st.floats(-100, 100))
def test_stft_is_linear(size, seed, factor):
    a, b = noise(seed, 2, 100)
    left = spectral.stft(a + factor * b, *size)
    right = spectral.stft(a, *size) + factor * spectral.stft(b, *size)
    np.testing.assert_allclose(left, right, atol=1e-9 * (1 + abs(factor)))


@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([(16, 4), (64, 16), (12, 4)]), seed=seeds)
def test_energy_is_preserved(size, seed):
    """Parseval: bins hold the windowed samples' energy; the squared windows add up to 3/8 N/H."""
    frame_length, hop_length = size
    waveform = np.zeros(400)
    waveform[100:300] = noise(seed, 200)
    power = np.abs(spectral.stft(waveform, frame_length, hop_length)) ** 2
    mirrored = slice(1, -1)  # even lengths only: every bin but the first and the last counts twice
    energy = power.sum() + power[:, mirrored].sum()
    expected = 0.375 * frame_length / hop_length * frame_length * np.sum(waveform**2)
    assert energy == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(size=st.sampled_from([(16, 4), (16, 8), (64, 16), (15, 5)]), seed=seeds)
def test_the_dual_window_inverts_the_transform(size, seed):
    frame_length, hop_length = size
    time = frame_length + 20 * hop_length
    waveform = noise(seed, 2, time)
    back = spectral.inverse_stft(spectral.stft(waveform, *size), *size, window="dual")
    assert back.shape == waveform.shape
    edge = frame_length - hop_length
    np.testing.assert_allclose(back[:, edge:-edge], waveform[:, edge:-edge], atol=1e-9)


def test_the_authors_window_ripples_between_half_and_full_level():
    ones = np.ones(16 * 20)
    back = spectral.inverse_stft(spectral.stft(ones, 16, 8), 16, 8, window="authors")
    inside = back.numpy()[16:-16]
    expected = 1 - 0.5 * np.sin(2 * np.pi * np.arange(len(inside)) / 16) ** 2
    np.testing.assert_allclose(inside, expected, atol=1e-12)


def test_float32_and_graphs_give_the_same_numbers():
    waveform = noise(0, 3, 500)
    exact = spectral.stft(waveform, 64, 16, pad_end=True)
    single = spectral.stft(waveform.astype(np.float32), 64, 16, pad_end=True)
    graph = tf.function(lambda x: spectral.stft(x, 64, 16, pad_end=True))
    assert single.dtype == tf.complex64
    np.testing.assert_allclose(single, exact, atol=1e-5)
    np.testing.assert_array_equal(graph(waveform.astype(np.float32)), single)


@pytest.mark.parametrize(
    "arguments, named",
    [((0, 1), "frame_length"), ((16, 0), "hop_length"), ((16, 17), "hop_length")],
)
def test_illegal_lengths_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        spectral.stft(np.zeros(100), *arguments)
    with pytest.raises(ValueError, match=named):
        spectral.inverse_stft(np.zeros([1, 9], np.complex64), *arguments)


def test_unknown_windows_are_named():
    with pytest.raises(ValueError, match="'hamming'"):
        spectral.inverse_stft(np.zeros([1, 9], np.complex64), 16, 8, window="hamming")


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("size", [(64, 16, 64), (64, 16, 40), (45, 11, 37)])
def test_inverse_centred_stft_inverts(size, padding):
    waveform = np.random.default_rng(0).standard_normal([2, 331])
    spectrum = spectral.centred_stft(waveform, *size, padding)
    again = spectral.inverse_centred_stft(spectrum, *size, length=331)
    np.testing.assert_allclose(again, waveform, atol=1e-9)


def test_inverse_centred_stft_cuts_and_fills():
    spectrum = spectral.centred_stft(np.ones([160]), 64, 16)
    shortest = spectral.inverse_centred_stft(spectrum, 64, 16)
    assert shortest.shape == (160,)
    for length in (100, 300):
        other = spectral.inverse_centred_stft(spectrum, 64, 16, length=length)
        assert other.shape == (length,)
        np.testing.assert_array_equal(other[:100], shortest[:100])
        assert not np.any(other[160 + 32 :])


@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("reflect", "reflect")])
@pytest.mark.parametrize("time", [1, 3, 20])
def test_ends_are_padded_as_numpy_pads(padding, mode, time):
    waveform = np.random.default_rng(0).standard_normal([2, time])
    expected = np.pad(waveform, [[0, 0], [9, 9]], mode=mode)
    np.testing.assert_array_equal(spectral.pad_ends(waveform, 9, padding), expected)


def test_another_padding_is_refused():
    with pytest.raises(ValueError, match="'zeros' or 'reflect', not 'edge'"):
        spectral.pad_ends(np.zeros(5), 2, "edge")
