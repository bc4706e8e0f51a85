"""Distances between a vocoder's output and the recording of its features.

They need no listeners. Copy-synthesis is aligned to the sample, so frames are compared
one to one, without dynamic time warping. All functions take a reference and a test waveform,
float [time], full scale at 1, of one sample rate. Their lengths may differ by up to `hop_length`
samples, which is what rounding to whole frames does; both are cut to the shorter.

F0, PESQ and STOI come from the packages pyworld, pesq and pystoi (`pip install
"tfwave[vocoder]"`), which are imported when they are needed.
"""

import typing
import warnings

import numpy as np

from tfwave.audio.files import resample
from tfwave.audio.mel import MelConfig, mel_spectrogram
from tfwave.audio.spectral import stft
from tfwave.audio.world import (
    MissingPackage,
    checked_waveform,
    fundamental_frequency,
    optional_package,
)

_CEPSTRA = 13
_BANDS = 40
_HIGHEST = 8000.0  # Hz
_SPEECH_RATE = 16000  # Hz, of wideband PESQ and of STOI
# pesq's tables hold 50 utterances, each at least 0.2 s long and 0.2 s from the next, and it writes
# beyond them.
_PESQ_SECONDS = 16


class F0Error(typing.NamedTuple):
    """Errors of the fundamental frequency.

    Attributes:
      hertz: root mean square over the frames that are voiced in both, Hz; NaN without any.
      cents: the same in hundredths of a semitone.
      voicing: frames that are voiced in one only, % of all.
    """

    hertz: float
    cents: float
    voicing: float


def mel_cepstral_distortion(reference, test, sample_rate, hop_length=256):
    """Measure the distance of the spectral envelopes (Kubichek, 1993).

    10 / ln 10 * sqrt(2 * sum of squared differences) over c1..c13, averaged over the frames, where
    c_m is the mean over 40 Slaney mel bands below 8 kHz of ln(power) * cos(pi m (band + 1/2) / 40).
    Were all coefficients taken, that would be the RMS over the mel axis of the difference of the
    two envelopes in dB, without its mean. c0, the level, is left out: a gain does not count.
    Frames have a Hann window of 25 to 50 ms (a power of two), a quarter of it apart. Powers below
    that of the rounding noise of 16-bit samples are raised to it.

    The number depends on these choices: compare it with numbers of this function only.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz.
      hop_length: samples by which the lengths may differ.

    Returns:
      dB; 0 for equal waveforms.

    Raises:
      ValueError: the waveforms are no pair, see `paired`.
    """
    pair = paired(reference, test, sample_rate, hop_length)
    size = _frame_length(sample_rate)
    config = MelConfig(
        sample_rate=sample_rate,
        n_fft=size,
        hop_length=size // 4,
        win_length=size,
        n_mels=_BANDS,
        f_max=min(_HIGHEST, sample_rate / 2),
        power=2,
        # The bands have unit area over Hz, so white noise gives each its power times bins per Hz.
        floor=_rounding_noise(size) * size / sample_rate,
    )
    log_power = mel_spectrogram(pair, config).numpy()
    angles = np.pi * np.outer(np.arange(_BANDS) + 0.5, np.arange(1, _CEPSTRA + 1)) / _BANDS
    cepstra = log_power @ np.cos(angles) / _BANDS
    squared = np.square(cepstra[0] - cepstra[1]).sum(axis=-1)
    return float(10.0 / np.log(10.0) * np.sqrt(2.0 * squared).mean())


def log_spectral_distance(reference, test, sample_rate, hop_length=256):
    """Measure the distance of the magnitude spectra on a decibel scale.

    Root mean square over the bins of the difference of 20 log10 of the STFT magnitudes, averaged
    over whole frames. Windows and floor as in `mel_cepstral_distortion`. A gain of 2 is 6.02 dB.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz.
      hop_length: samples by which the lengths may differ.

    Returns:
      dB; 0 for equal waveforms.

    Raises:
      ValueError: the waveforms are no pair, see `paired`.
    """
    pair = paired(reference, test, sample_rate, hop_length)
    size = _frame_length(sample_rate)
    power = np.square(np.abs(stft(pair, size, size // 4).numpy()))
    decibels = 10.0 * np.log10(np.maximum(power, _rounding_noise(size)))
    return float(np.sqrt(np.square(decibels[0] - decibels[1]).mean(axis=-1)).mean())


def f0_error(reference, test, sample_rate, hop_length=256):
    """Compare the fundamental frequencies, tracked by WORLD's Harvest every 5 ms.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz, at least 8000.
      hop_length: samples by which the lengths may differ.

    Returns:
      F0Error.

    Raises:
      MissingPackage: pyworld is not installed.
      ValueError: the waveforms are no pair, see `paired`.
    """
    one, other = (
        fundamental_frequency(waveform, sample_rate)
        for waveform in paired(reference, test, sample_rate, hop_length)
    )
    voiced = (one > 0) & (other > 0)
    voicing = 100.0 * float(np.mean((one > 0) != (other > 0)))
    if not voiced.any():
        return F0Error(float("nan"), float("nan"), voicing)
    one, other = one[voiced], other[voiced]
    cents = 1200.0 * np.log2(other / one)
    return F0Error(_root_mean_square(other - one), _root_mean_square(cents), voicing)


def pesq(reference, test, sample_rate, hop_length=256):
    """Predict a mean opinion score by wideband PESQ (ITU-T P.862.2) at 16 kHz.

    Clips above 16 s are scored in pieces of equal length, and the scores averaged.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz; other rates than 16 kHz are resampled.
      hop_length: samples by which the lengths may differ.

    Returns:
      1.04 (bad) to 4.64 (equal); NaN where no piece can be scored, because it is shorter than
      a quarter of a second, one of the two is silent, or PESQ finds no speech in it.

    Raises:
      MissingPackage: the package pesq is not installed.
      ValueError: the waveforms are no pair, see `paired`.
    """
    pair = paired(reference, test, sample_rate, hop_length)
    package = optional_package("pesq")
    pair = [resample(waveform, sample_rate, _SPEECH_RATE) for waveform in pair]
    count = max(1, -(-len(pair[0]) // (_PESQ_SECONDS * _SPEECH_RATE)))
    scores = []
    for one, other in zip(*(np.array_split(waveform, count) for waveform in pair), strict=True):
        if one.any() and other.any():
            try:
                scores.append(package.pesq(_SPEECH_RATE, one, other, "wb"))
            except (package.NoUtterancesError, package.BufferTooShortError):
                continue
    scores = [score for score in scores if np.isfinite(score)]
    return float(np.mean(scores)) if scores else float("nan")


def stoi(reference, test, sample_rate, hop_length=256):
    """Predict intelligibility by STOI (Taal et al., 2011), computed from 16 kHz.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz; other rates than 16 kHz are resampled.
      hop_length: samples by which the lengths may differ.

    Returns:
      At most 1 (equal), around 0 for unrelated signals; NaN where the reference holds less than
      0.4 s within 40 dB of its loudest frame, or is silent.

    Raises:
      MissingPackage: the package pystoi is not installed.
      ValueError: the waveforms are no pair, see `paired`.
    """
    pair = paired(reference, test, sample_rate, hop_length)
    package = optional_package("pystoi")
    one, other = (resample(waveform, sample_rate, _SPEECH_RATE) for waveform in pair)
    if not one.any():
        return float("nan")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(
                package.stoi(one.astype(np.float64), other.astype(np.float64), _SPEECH_RATE)
            )
        except RuntimeWarning:
            return float("nan")


def measure(reference, test, sample_rate, hop_length=256):
    """Compute every measure.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz, at least 8000.
      hop_length: samples by which the lengths may differ.

    Returns:
      Dict of floats: mel_cepstral_distortion and log_spectral_distance (dB), f0_hertz, f0_cents,
      voicing_error (%), pesq and stoi. None stands where a package is missing, NaN where the
      measure has no value.

    Raises:
      ValueError: the waveforms are no pair, see `paired`.
    """
    arguments = (reference, test, sample_rate, hop_length)
    values: dict[str, float | None] = {
        "mel_cepstral_distortion": mel_cepstral_distortion(*arguments),
        "log_spectral_distance": log_spectral_distance(*arguments),
    }
    f0 = _unless_missing(f0_error, arguments) or (None, None, None)
    values.update(zip(("f0_hertz", "f0_cents", "voicing_error"), f0, strict=True))
    values["pesq"] = _unless_missing(pesq, arguments)
    values["stoi"] = _unless_missing(stoi, arguments)
    return values


def paired(reference, test, sample_rate, hop_length=256):
    """Check two waveforms and cut them to the length of the shorter.

    Args:
      reference, test: float arrays [time].
      sample_rate: Hz, at least 8000.
      hop_length: samples by which the lengths may differ.

    Returns:
      float64 array [2, time].

    Raises:
      ValueError: a waveform is not [time], not of floating point numbers, not finite or shorter
        than 0.05 s, the lengths differ by more than `hop_length`, or the sample rate is too low.
    """
    pair = [
        checked_waveform(reference, sample_rate, "the reference waveform"),
        checked_waveform(test, sample_rate, "the test waveform"),
    ]
    lengths = [len(waveform) for waveform in pair]
    if abs(lengths[0] - lengths[1]) > hop_length:
        raise ValueError(
            f"the reference has {lengths[0]} samples and the test {lengths[1]}, which is more than "
            f"a hop of {hop_length} apart"
        )
    return np.stack([waveform[: min(lengths)] for waveform in pair])


def _unless_missing(measure_of, arguments):
    try:
        return measure_of(*arguments)
    except MissingPackage:
        return None


def _frame_length(sample_rate):
    return 2 ** int(np.ceil(np.log2(sample_rate / 40.0)))


def _rounding_noise(size):
    """Return the power of a bin, under a Hann window, of the rounding noise of 16-bit samples."""
    return 2.0**-30 / 12.0 * 0.375 * size


def _root_mean_square(values):
    return float(np.sqrt(np.mean(np.square(values))))
