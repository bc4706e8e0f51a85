"""WORLD: pitch, envelope and length after resynthesis, determinism, what is refused or missing."""

import importlib.util
import pickle
import sys

import numpy as np
import pytest

from tfwave.audio import world


def harmonic(pitch, sample_rate=16000, seconds=1.0):
    """A sound whose 1/k harmonics reach up to half the sample rate."""
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    count = int(0.45 * sample_rate / pitch)
    return 0.1 * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, count))


def needs_pyworld():
    # importorskip would run its __init__, which fails without pkg_resources.
    if importlib.util.find_spec("pyworld") is None:
        pytest.skip("pyworld is not installed")


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 48000])
def test_pitch_level_and_length_survive(sample_rate):
    needs_pyworld()
    waveform = harmonic(150.0, sample_rate, 0.8)[:-37].astype(np.float32)
    again = world.resynthesize(waveform, sample_rate)
    assert again.dtype == np.float32 and again.shape == waveform.shape
    pitch = world.fundamental_frequency(again, sample_rate)[20:-20]
    np.testing.assert_allclose(pitch, 150.0, rtol=5e-3)
    middle = slice(len(waveform) // 4, -len(waveform) // 4)
    ratio = np.std(again[middle]) / np.std(waveform[middle])
    assert abs(20 * np.log10(ratio)) < 1.5
    np.testing.assert_array_equal(world.resynthesize(waveform, sample_rate), again)


@pytest.mark.parametrize("pitch", [90.0, 200.0, 440.0])
def test_pitch_of_tones(pitch):
    needs_pyworld()
    track = world.fundamental_frequency(harmonic(pitch), 16000, frame_period=10.0)
    assert len(track) == 101
    np.testing.assert_allclose(track[10:-10], pitch, rtol=2e-3)


def test_silence_has_no_pitch_and_stays_silent():
    needs_pyworld()
    assert not world.fundamental_frequency(np.zeros(8000), 16000).any()
    assert np.abs(world.resynthesize(np.zeros(8000, np.float32), 16000)).max() < 1e-4


@pytest.mark.parametrize("seconds", [0.05, 0.0631, 0.1])
@pytest.mark.parametrize("sample_rate", [8000, 22050])
def test_short_sounds(seconds, sample_rate):
    needs_pyworld()
    waveform = np.random.default_rng(0).uniform(-0.1, 0.1, int(np.ceil(seconds * sample_rate)))
    again = world.resynthesize(waveform, sample_rate)
    assert again.shape == waveform.shape and np.isfinite(again).all()


@pytest.mark.parametrize(
    "waveform, sample_rate, message",
    [
        (np.zeros([2, 8000]), 16000, r"\[time\], not float64 of shape \[2, 8000\]"),
        (np.zeros(8000, np.int16), 16000, "floating point numbers .* int16"),
        (np.zeros(799), 16000, "at least 0.05 s"),
        (np.zeros(0), 16000, "at least 0.05 s"),
        (np.full(8000, np.nan), 16000, "finite"),
        (np.zeros(8000), 4000, "8000 Hz, not 4000"),
    ],
)
def test_what_can_not_be_analysed_is_refused(waveform, sample_rate, message):
    for function in (world.resynthesize, world.fundamental_frequency):
        with pytest.raises(ValueError, match=message):
            function(waveform, sample_rate)


@pytest.mark.parametrize("name", ["pyworld", "pesq", "pystoi"])
def test_a_missing_package_is_said(name, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    for module in [x for x in sys.modules if x.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    message = rf'{name} is not .*"tfwave\[vocoder\]"'
    with pytest.raises(world.MissingPackage, match=message) as caught:
        world.optional_package(name)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.package == name and str(again) == str(caught.value)
    assert isinstance(again, ValueError)


def test_resynthesis_without_pyworld_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "pyworld.pyworld", raising=False)
    with pytest.raises(world.MissingPackage):
        world.resynthesize(np.zeros(8000), 16000)


def test_a_package_that_is_broken_inside_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "pystoi.py").write_text("import something_else_that_is_not_there")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pystoi", raising=False)
    with pytest.raises(ModuleNotFoundError, match="something_else"):
        world.optional_package("pystoi")


@pytest.mark.parametrize("method", ["dio", "harvest"])
def test_both_trackers_and_stonemask_find_the_pitch_of_a_tone(method):
    needs_pyworld()
    for refine in (False, True):
        f0 = world.fundamental_frequency(harmonic(150.0), 16000, method=method, refine=refine)
        np.testing.assert_allclose(f0[20:-20], 150.0, rtol=5e-3)


def test_coded_parameters_come_back():
    needs_pyworld()
    tone = harmonic(150.0, 24000, 0.3)
    f0 = world.fundamental_frequency(tone, 24000)
    envelope = world.spectral_envelope(tone, f0, 24000, fft_size=1024)
    coded = world.code_envelope(envelope, 24000, 40)
    assert coded.shape == (len(f0), 40)
    decoded = world.decode_envelope(coded, 24000, 1024)
    below_the_edge_of_the_band = slice(10, 100)
    errors = np.log(decoded / envelope)[20:-20, below_the_edge_of_the_band]
    assert np.abs(errors).mean() < 0.2
    noise = world.aperiodicity(tone, f0, 24000, fft_size=1024)
    bands = world.code_aperiodicity(noise, 24000)
    assert bands.shape == (len(f0), 3)
    assert world.decode_aperiodicity(bands, 24000, 1024).shape == noise.shape


def test_rates_and_methods_that_world_lacks_are_refused():
    zeros = np.zeros(8000)
    with pytest.raises(ValueError, match="'harvest' or 'dio', not 'crepe'"):
        world.fundamental_frequency(zeros, 16000, method="crepe")
    with pytest.raises(ValueError, match="16000 Hz, not 8000"):
        world.aperiodicity(zeros, np.zeros(201), 8000)
    with pytest.raises(ValueError, match="12000 Hz, not 8000"):
        world.code_aperiodicity(np.ones([3, 513]), 8000)
