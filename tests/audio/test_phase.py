"""Griffin-Lim, plain and fast: properties, and the authors' own output."""

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio.phase import centred_griffin_lim, griffin_lim, recover_phase
from tfwave.audio.spectral import inverse_stft, stft

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = [ROOT / "tests/goldens/specgan", ROOT.parent / "shared/goldens/specgan"]


def voiced(seed, time=4096):
    """A harmonic sound with moving pitch, in some noise."""
    random = np.random.default_rng(seed)
    pitch = 100 + 100 * random.random() + 30 * np.cumsum(random.standard_normal(time)) / time
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    sound = sum(np.sin(k * phase) / k for k in range(1, 12))
    return sound + 0.01 * random.standard_normal(time)


def inconsistency(magnitude, waveform, size):
    """Distance between the wanted magnitude and that of a waveform, relative, without edges."""
    reached = np.abs(stft(waveform, *size))
    inside = slice(4, -4)
    return np.linalg.norm((reached - magnitude)[inside]) / np.linalg.norm(magnitude[inside])


def project(spectrum):
    return stft(inverse_stft(spectrum, 64, 16), 64, 16)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([(256, 64), (256, 128)]))
def test_more_iterations_come_nearer_to_the_magnitude(seed, size):
    magnitude = np.abs(stft(voiced(seed), *size))
    errors = [
        inconsistency(magnitude, griffin_lim(magnitude, *size, n, window="dual"), size)
        for n in (0, 4, 32)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.5 * errors[0]


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), iterations=st.sampled_from([16, 32]))
def test_fast_griffin_lim_comes_nearer_than_plain(seed, iterations):
    size = (256, 64)
    magnitude = np.abs(stft(voiced(seed), *size))
    plain, fast = (
        inconsistency(
            magnitude, griffin_lim(magnitude, *size, iterations, "dual", momentum=momentum), size
        )
        for momentum in (0.0, 0.99)
    )
    assert fast < plain


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_rounds_equal_the_paper_s_in_numpy(momentum):
    magnitude = np.abs(stft(voiced(3, 2048), 64, 16)).astype(np.float64)

    # Perraudin et al., algorithm 2: t is extrapolated, c lies in the set of consistent spectra.
    first = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitude.shape)
    last = project(magnitude * np.exp(1j * first)).numpy()
    target = last
    for _ in range(4):
        consistent = project(magnitude * np.exp(1j * np.angle(target))).numpy()
        target = consistent + momentum * (consistent - last)
        last = consistent
    got = recover_phase(magnitude, project, 5, momentum, phase=first)
    np.testing.assert_allclose(got, magnitude * np.exp(1j * np.angle(target)), atol=1e-6)


def test_first_phases_are_kept_without_rounds():
    magnitude = np.abs(np.random.default_rng(0).standard_normal([2, 10, 33]))
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, magnitude.shape)
    np.testing.assert_allclose(
        recover_phase(magnitude, project, 0, phase=phase), magnitude * np.exp(1j * phase)
    )


@pytest.mark.parametrize("window", ["authors", "dual"])
def test_no_iteration_is_the_inverse_of_the_magnitudes(window):
    magnitude = np.abs(np.random.default_rng(0).standard_normal([2, 10, 33]))
    np.testing.assert_array_equal(
        griffin_lim(magnitude, 64, 32, 0, window),
        inverse_stft(magnitude.astype(np.complex128), 64, 32, window),
    )


def test_silence_stays_silent():
    silence = np.zeros([1, 5, 33])
    np.testing.assert_array_equal(griffin_lim(silence, 64, 32, 3, "dual"), np.zeros([1, 192]))


def test_the_result_does_not_depend_on_the_rest_of_the_batch():
    magnitude = np.abs(np.random.default_rng(1).standard_normal([3, 12, 33])).astype(np.float32)
    together = griffin_lim(magnitude, 64, 32, 4)
    alone = griffin_lim(magnitude[1:2], 64, 32, 4)
    assert together.shape == (3, 11 * 32 + 64)
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_bad_arguments_are_named():
    magnitude = np.ones([1, 4, 33], np.float32)
    with pytest.raises(ValueError, match="iterations.*-1"):
        griffin_lim(magnitude, 64, 32, -1)
    with pytest.raises(ValueError, match="momentum.*-0.1"):
        griffin_lim(magnitude, 64, 32, momentum=-0.1)
    with pytest.raises(ValueError, match="33 bins.*got 32"):
        griffin_lim(magnitude[..., :32], 64, 32)
    with pytest.raises(ValueError, match="'hann'"):
        griffin_lim(magnitude, 64, 32, window="hann")


@pytest.mark.parametrize("case", ["inverse_features", "inverse_random"])
def test_the_authors_inversion_is_reproduced(case):
    path = next((f / f"{case}.npz" for f in GOLDENS if (f / f"{case}.npz").exists()), None)
    if path is None:
        pytest.skip(f"golden specgan/{case}.npz is not here")
    golden = np.load(path)
    normalised = np.pad(golden["in/X_norm"][..., 0], [(0, 0), (0, 0), (0, 1)])
    mean, std = golden["in/moments_mean"], golden["in/moments_std"]
    magnitude = np.exp(normalised * 3 * std + mean)
    for iterations, tolerance in [(0, 5e-6), (1, 1e-4), (3, 2e-4), (16, 1e-3)]:
        waveform = griffin_lim(magnitude, 256, 128, iterations, window="authors")
        np.testing.assert_allclose(
            waveform[:, :16384], golden[f"out/x_ngl{iterations}"][..., 0], atol=tolerance
        )


def librosa_griffin_lim(magnitude, phase, size, length, mode, iterations, momentum):
    """Write the loop of `librosa.griffinlim` out in NumPy, float64."""
    n_fft, hop, win_length = size
    before = (n_fft - win_length) // 2
    window = np.zeros(n_fft)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length)
    window[before : before + win_length] = hann
    starts = hop * np.arange(len(magnitude))

    def inverse(spectrum):
        total = np.zeros([2, starts[-1] + 2 * n_fft + length])
        for start, piece in zip(starts, np.fft.irfft(spectrum, n_fft), strict=True):
            total[0, start : start + n_fft] += piece * window
            total[1, start : start + n_fft] += window**2
        waveform, weight = total[:, n_fft // 2 : n_fft // 2 + length]
        return np.where(weight > 1e-38, waveform / np.maximum(weight, 1e-38), waveform)

    angles, previous = np.exp(1j * phase), 0.0
    for _ in range(iterations):
        padded = np.pad(inverse(magnitude * angles), n_fft // 2, mode=mode)
        rebuilt = np.fft.rfft([padded[start : start + n_fft] * window for start in starts])
        angles = rebuilt - momentum / (1 + momentum) * previous
        angles /= np.abs(angles) + 1e-38
        previous = rebuilt
    return inverse(magnitude * angles)


@pytest.mark.parametrize("size", [(64, 16, 64), (64, 20, 50), (45, 11, 37)])
@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("reflect", "reflect")])
def test_centred_griffin_lim_equals_librosa_s_in_numpy(size, padding, mode):
    n_fft, hop, win_length = size
    length = 700
    frames = (length + 2 * (n_fft // 2) - n_fft) // hop + 1
    random = np.random.default_rng(n_fft)
    magnitude = random.uniform(0.1, 1.0, [frames, n_fft // 2 + 1])
    phase = random.uniform(-np.pi, np.pi, magnitude.shape)
    arguments = {"win_length": win_length, "length": length, "padding": padding, "phase": phase}
    got = centred_griffin_lim(magnitude, n_fft, hop, **arguments, iterations=5, momentum=0.9)
    expected = librosa_griffin_lim(magnitude, phase, size, length, mode, 5, 0.9)
    assert got.shape == (length,)
    np.testing.assert_allclose(got, expected, atol=1e-8)


def test_centred_griffin_lim_of_a_batch_has_the_fewest_samples():
    magnitude = np.abs(np.random.default_rng(0).standard_normal([2, 10, 33])).astype(np.float32)
    together = centred_griffin_lim(magnitude, 64, 16, iterations=3)
    assert together.shape == (2, 9 * 16) and together.dtype == np.float32
    alone = centred_griffin_lim(magnitude[1], 64, 16, iterations=3)
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 62}, "32 bins for n_fft=62, got 33"),
        ({"length": 160}, "11 frames for length=160, got 10"),
        ({"padding": "edge"}, "'zeros' or 'reflect', not 'edge'"),
        ({"iterations": -1}, "iterations"),
        ({"momentum": -0.1}, "momentum"),
    ],
)
def test_centred_griffin_lim_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        centred_griffin_lim(np.ones([10, 33]), **{"n_fft": 64, "hop_length": 16, **arguments})
