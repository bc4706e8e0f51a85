"""Vocoder measures: what equal signals, gains, filters, noise and other pitches must give."""

import importlib.util
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio.filter_bank import hertz_to_mel, mel_to_hertz
from tfwave.audio.world import MissingPackage
from tfwave.metrics import vocoder
from tfwave.metrics.vocoder import f0_error, log_spectral_distance, measure, mel_cepstral_distortion

RATE = 16000
BEST = {
    "mel_cepstral_distortion": 0.0,
    "log_spectral_distance": 0.0,
    "f0_hertz": 0.0,
    "f0_cents": 0.0,
    "voicing_error": 0.0,
    "pesq": 4.64,
    "stoi": 1.0,
}
seeds = st.integers(0, 2**32 - 1)


def needs(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def noise(seed, time=RATE, level=0.1):
    return level * np.random.default_rng(seed).standard_normal(time)


def harmonic(pitch, seconds=1.0, rate=RATE):
    time = np.arange(int(seconds * rate)) / rate
    return 0.1 * sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 16))


def speech(seconds=2.0, rate=RATE, pitch=120.0):
    """Syllables: harmonics of a moving pitch under two moving formants, with pauses."""
    time = np.arange(int(seconds * rate)) / rate
    track = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(track) / rate
    sound = np.zeros_like(time)
    for k in range(1, int(0.45 * rate / (1.1 * pitch))):
        first = 500 + 250 * np.sin(2 * np.pi * 1.3 * time)
        second = 1700 + 600 * np.sin(2 * np.pi * 0.9 * time + 1)
        level = np.exp(-(((k * track - first) / 250) ** 2))
        level += 0.4 * np.exp(-(((k * track - second) / 350) ** 2))
        sound += level * np.sin(k * phase)
    syllables = np.clip(3 * np.sin(2 * np.pi * 2 * time), 0, 1)
    return (0.2 * sound * syllables + 1e-4 * noise(0, len(time))).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 22050])
def test_equal_waveforms_have_the_best_values(rate):
    needs("pyworld", "pesq", "pystoi")
    clip = speech(rate=rate)
    values = measure(clip, clip, rate)
    assert values == pytest.approx(BEST, abs=0.01) and list(values) == list(BEST)
    assert all(isinstance(value, float) for value in values.values())


@settings(max_examples=10)
@given(seed=seeds, gain=st.floats(0.3, 3.0), rate=st.sampled_from([8000, 16000, 22050, 44100]))
def test_a_gain_moves_the_spectrum_by_its_decibels_and_the_envelope_not_at_all(seed, gain, rate):
    clip = noise(seed, rate // 2)
    expected = abs(20 * np.log10(gain))
    assert log_spectral_distance(clip, gain * clip, rate) == pytest.approx(expected, abs=1e-6)
    assert mel_cepstral_distortion(clip, gain * clip, rate) == pytest.approx(0.0, abs=1e-6)


def test_a_gain_of_two_is_six_decibels():
    clip = noise(0).astype(np.float32)
    assert log_spectral_distance(clip, 2 * clip, RATE) == pytest.approx(6.0206, abs=1e-3)
    assert log_spectral_distance(2 * clip, clip, RATE) == pytest.approx(6.0206, abs=1e-3)


@settings(max_examples=5)
@given(seed=seeds, echo=st.floats(-0.7, 0.7))
def test_a_filter_moves_both_by_its_response(seed, echo):
    # A response that is known at every frequency, smooth enough for the windows.
    clip = noise(seed, 4 * RATE)
    filtered = np.convolve(clip, [1.0, echo])[: len(clip)]
    hertz = np.linspace(0, RATE / 2, 257)

    def decibels(frequency):
        return 20 * np.log10(np.abs(1 + echo * np.exp(-2j * np.pi * frequency / RATE)))

    expected = np.sqrt(np.mean(decibels(hertz) ** 2))
    assert log_spectral_distance(clip, filtered, RATE) == pytest.approx(expected, rel=0.1, abs=0.1)
    # The mel cepstrum, c0 left out, is the response over the mel axis without its mean.
    centres = mel_to_hertz(np.linspace(0, hertz_to_mel(8000.0), 42)[1:-1])
    response = decibels(centres)
    expected = np.std(response)
    distortion = mel_cepstral_distortion(clip, filtered, RATE)
    assert distortion == pytest.approx(expected, rel=0.1, abs=0.15)


@settings(max_examples=5)
@given(seed=seeds)
def test_more_noise_is_worse(seed):
    clip = speech(1.0)
    for function in (mel_cepstral_distortion, log_spectral_distance):
        values = [function(clip, clip + level * noise(seed), RATE) for level in (0, 0.001, 0.01, 1)]
        assert values == sorted(values) and values[0] == 0.0 and values[1] > 0.1


def test_more_noise_is_worse_for_the_ear_models():
    needs("pesq", "pystoi")
    clip = speech(3.0)
    for function in (vocoder.pesq, vocoder.stoi):
        values = [
            function(clip, clip + level * noise(1, len(clip)), RATE) for level in (0, 0.03, 1)
        ]
        assert values[0] > values[1] > values[2]


def test_what_lies_below_16_bits_does_not_count():
    silence = np.zeros(RATE)
    rounded = np.round(noise(0) * 32768) / 32768
    assert mel_cepstral_distortion(silence, silence + 1e-6 * noise(1), RATE) == 0.0
    assert log_spectral_distance(silence, silence + 1e-6 * noise(1), RATE) == 0.0
    assert log_spectral_distance(noise(0), rounded, RATE) < 0.1


@pytest.mark.parametrize("pitch, other", [(200.0, 210.0), (150.0, 140.0), (110.0, 220.0)])
def test_f0_error_of_tones(pitch, other):
    needs("pyworld")
    error = f0_error(harmonic(pitch), harmonic(other), RATE)
    assert error.hertz == pytest.approx(abs(other - pitch), rel=0.03)
    assert error.cents == pytest.approx(abs(1200 * np.log2(other / pitch)), rel=0.03)
    assert error.voicing < 3.0


def test_voicing_error_is_the_share_of_frames():
    needs("pyworld")
    whole = harmonic(150.0, 2.0)
    half = whole * (np.arange(len(whole)) < RATE)
    error = f0_error(whole, half, RATE)
    assert error.voicing == pytest.approx(50.0, abs=3.0)
    assert error.hertz < 6.0  # the tracker smooths the end of the tone
    silent = f0_error(whole, 0 * whole, RATE)
    assert silent.voicing > 97.0 and np.isnan(silent.hertz) and np.isnan(silent.cents)


def test_a_shift_of_pitch_moves_f0_only_a_little_else():
    needs("pyworld")
    one, other = speech(), speech(pitch=126.0)
    error = f0_error(one, other, RATE)
    assert error.cents == pytest.approx(1200 * np.log2(1.05), rel=0.3)
    assert mel_cepstral_distortion(one, other, RATE) < mel_cepstral_distortion(
        one, noise(0, len(one)), RATE
    )


def test_what_the_ear_models_can_not_score_is_nan():
    needs("pesq", "pystoi")
    clip, silence = speech(), np.zeros(2 * RATE, np.float32)
    for one, other in ((silence, clip), (clip, silence), (silence, silence)):
        assert np.isnan(vocoder.pesq(one, other, RATE))
    assert np.isnan(vocoder.stoi(silence, clip, RATE))
    assert abs(vocoder.stoi(clip, silence, RATE)) < 0.1
    short = clip[1000:3000]
    assert np.isnan(vocoder.pesq(short, short, RATE)) and np.isnan(vocoder.stoi(short, short, RATE))


def test_long_clips_are_scored_in_pieces():
    # In one piece, pesq 0.0.4 would write beyond its table of utterances and end the process.
    needs("pesq")
    clip = speech(30.0)
    assert vocoder.pesq(clip, clip, RATE) == pytest.approx(4.64, abs=0.01)


def test_lengths_may_differ_by_a_hop():
    clip = noise(0)
    for function in (mel_cepstral_distortion, log_spectral_distance):
        assert function(clip, clip[:-256], RATE) == 0.0
        assert function(clip[:-275], clip, RATE, hop_length=275) == 0.0
        with pytest.raises(ValueError, match="16000 samples and the test 15743.*hop of 256"):
            function(clip, clip[:-257], RATE)


@pytest.mark.parametrize(
    "test, rate, message",
    [
        (np.zeros([RATE, 1]), RATE, r"test waveform .*\[time\], not float64 of shape \[16000, 1\]"),
        (np.zeros(RATE, np.int16), RATE, "test waveform .*int16"),
        (np.full(RATE, np.inf), RATE, "test waveform .*finite"),
        (np.zeros(100), RATE, "test waveform .*0.05 s"),
        (np.zeros(RATE), 4000, "sample_rate .*4000"),
    ],
)
def test_what_can_not_be_compared_is_refused(test, rate, message):
    with pytest.raises(ValueError, match=message):
        measure(np.zeros(RATE), test, rate)


def test_missing_packages_leave_the_rest(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    for module in [x for x in sys.modules if x.split(".")[0] in ("pyworld", "pesq", "pystoi")]:
        monkeypatch.delitem(sys.modules, module)
    clip = noise(0)
    for function, package in (
        (f0_error, "pyworld"),
        (vocoder.pesq, "pesq"),
        (vocoder.stoi, "pystoi"),
    ):
        with pytest.raises(MissingPackage, match=package):
            function(clip, clip, RATE)
    values = measure(clip, 2 * clip, RATE)
    assert values["log_spectral_distance"] == pytest.approx(6.0206, abs=1e-3)
    assert [name for name, value in values.items() if value is None] == list(BEST)[2:]
