"""Distances of short-time spectra at several resolutions.

Paper: Parallel WaveGAN, Yamamoto et al., arXiv:1910.11480, section 2.2 and table 1. Code:
kan-bayashi/ParallelWaveGAN, losses/stft_loss.py, which is followed where the paper is silent:
centred frames with mirrored ends, powers of at least 1e-7, one Frobenius norm over the whole batch.
"""

import typing

import tensorflow as tf

from tfwave.audio.spectral import hann_window

RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # transform, hop, window
LEAST_POWER = 1e-7


class StftLoss(typing.NamedTuple):
    """The two parts of the loss, float32 scalars, means over the resolutions.

    Attributes:
      spectral_convergence: norm of the difference of the magnitudes by that of the target.
      log_magnitude: mean difference of the natural logarithms of the magnitudes.
    """

    spectral_convergence: tf.Tensor
    log_magnitude: tf.Tensor


def multi_resolution_stft_loss(predicted, target, resolutions=RESOLUTIONS, least_power=LEAST_POWER):
    """Compare waveforms by their magnitude spectra.

    Args:
      predicted, target: float32 [batch, time] in [-1, 1]; time is more than half of the longest
        transform, which the mirrored ends need.
      resolutions: (transform, hop, window) in samples of each resolution; windows are even.
      least_power: powers of bins below it count as it, so that a small model spends nothing on
        inaudible bins.

    Returns:
      StftLoss.
    """
    convergence, distance = [], []
    for n_fft, hop_length, win_length in resolutions:
        ours = stft_magnitude(predicted, n_fft, hop_length, win_length, least_power)
        theirs = stft_magnitude(target, n_fft, hop_length, win_length, least_power)
        convergence.append(tf.norm(theirs - ours) / tf.norm(theirs))
        distance.append(tf.reduce_mean(tf.abs(tf.math.log(theirs) - tf.math.log(ours))))
    return StftLoss(tf.reduce_mean(convergence), tf.reduce_mean(distance))


def stft_magnitude(waveform, n_fft, hop_length, win_length, least_power=LEAST_POWER):
    """Compute the magnitudes of centred frames.

    Args:
      waveform: float32 [batch, time], more than n_fft / 2 samples.
      n_fft: samples of the transform.
      hop_length: samples between frames.
      win_length: samples of the periodic Hann window in the middle of the transform.
      least_power: lower powers are raised to it.

    Returns:
      float32 [batch, time // hop_length + 1, n_fft // 2 + 1], at least sqrt(least_power).
    """
    padded = tf.pad(waveform, [[0, 0], [n_fft // 2, n_fft // 2]], mode="REFLECT")
    frames = tf.signal.frame(padded, n_fft, hop_length)
    spectrum = tf.signal.rfft(frames * hann_window(win_length, n_fft=n_fft))
    power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    return tf.sqrt(tf.maximum(power, least_power))
