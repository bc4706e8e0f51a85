"""Phase recovery from magnitude spectrograms by Griffin-Lim, plain and fast."""

import numpy as np
import tensorflow as tf

from tfwave.audio.spectral import centred_stft, inverse_centred_stft, inverse_stft, stft


def griffin_lim(magnitude, frame_length, hop_length, iterations=16, window="authors", momentum=0.0):
    """Estimate a waveform whose STFT has the given magnitude (Griffin and Lim, 1984).

    Starts from zero phase, so the result is deterministic. Every iteration takes the waveform's
    STFT, keeps its phase as `E / max(1e-8, |E|)` and puts the given magnitude back.

    Args:
      magnitude: float tensor [..., frames, frame_length // 2 + 1], not negative.
      frame_length: window and transform length, in samples.
      hop_length: samples between two frames.
      iterations: number of rounds; 0 is the plain inverse transform of the magnitudes.
      window: synthesis window. 'authors' is the unnormalised Hann window of WaveGAN's
        train_specgan.py, which ripples between half and full amplitude at half overlap and so
        loses about a quarter of the level. 'dual' is the window that inverts the transform.
        See `tfwave.audio.spectral.inverse_stft`.
      momentum: 0 for the plain algorithm; 0.99 for fast Griffin-Lim, see `recover_phase`.

    Returns:
      float tensor [..., (frames - 1) * hop_length + frame_length].

    Raises:
      ValueError: if `iterations` or `momentum` is negative, `window` is unknown, or the last axis
        of `magnitude` does not belong to `frame_length`.
    """
    magnitude = tf.convert_to_tensor(magnitude)
    if magnitude.shape[-1] != frame_length // 2 + 1:
        raise ValueError(
            f"magnitude must have {frame_length // 2 + 1} bins for frame_length={frame_length}, "
            f"got {magnitude.shape[-1]}"
        )

    def project(spectrum):
        waveform = inverse_stft(spectrum, frame_length, hop_length, window)
        return stft(waveform, frame_length, hop_length)

    spectrum = recover_phase(magnitude, project, iterations, momentum)
    return inverse_stft(spectrum, frame_length, hop_length, window)


def centred_griffin_lim(
    magnitude: tf.Tensor | np.ndarray,
    n_fft: int,
    hop_length: int,
    *,
    win_length: int | None = None,
    length: int | None = None,
    padding: str = "zeros",
    iterations: int = 32,
    momentum: float = 0.99,
    phase: tf.Tensor | np.ndarray | None = None,
) -> tf.Tensor:
    """Estimate a waveform whose centred STFT has the given magnitude, as `librosa.griffinlim` does.

    Every iteration goes to the waveform of `inverse_centred_stft`, `length` samples long, and back
    to the spectrum that it has with its ends padded.

    Args:
      magnitude: float tensor [..., frames, n_fft // 2 + 1], not negative.
      n_fft: transform length in samples.
      hop_length: samples from frame to frame, at most n_fft.
      win_length: samples of the periodic Hann window, which lies in the middle of the transform;
        None for n_fft.
      length: samples of the waveform; None for the fewest that have so many frames.
      padding: 'zeros' or 'reflect' beyond both ends.
      iterations: number of rounds; 0 transforms the magnitudes with their first phases.
      momentum: 0.99 for fast Griffin-Lim, 0 for the plain one; see `recover_phase`.
      phase: first phases in radians, float tensor of the magnitude's shape; None for zero.

    Returns:
      float tensor [..., length] of the magnitude's type.

    Raises:
      ValueError: `iterations` or `momentum` is negative, `padding` is unknown, or `magnitude` does
        not have the bins of `n_fft` or the frames of `length`.
    """
    magnitude = tf.convert_to_tensor(magnitude)
    frames, bins = magnitude.shape[-2:]
    if bins != n_fft // 2 + 1:
        raise ValueError(f"magnitude must have {n_fft // 2 + 1} bins for n_fft={n_fft}, got {bins}")
    if length is None:
        length = n_fft + (frames - 1) * hop_length - 2 * (n_fft // 2)
    expected = (length + 2 * (n_fft // 2) - n_fft) // hop_length + 1
    if frames != expected:
        raise ValueError(f"magnitude must have {expected} frames for length={length}, got {frames}")

    def inverse(spectrum):
        return inverse_centred_stft(spectrum, n_fft, hop_length, win_length, length)

    def project(spectrum):
        return centred_stft(inverse(spectrum), n_fft, hop_length, win_length, padding)

    return inverse(recover_phase(magnitude, project, iterations, momentum, phase))


def recover_phase(magnitude, project, iterations, momentum=0.0, phase=None):
    """Find phases with which magnitudes come near to the spectrum of a waveform.

    Every round goes to the nearest spectrum that a waveform has, `project`, moves on in the
    direction of the last step by `momentum` times its length, and puts the given magnitude back:
    fast Griffin-Lim (Perraudin, Balazs and Sondergaard, 2013), which is the plain one at
    momentum 0.

    Args:
      magnitude: float tensor [..., frames, bins], not negative.
      project: function of a complex tensor of that shape that transforms it into a waveform and
        back, such as `stft(inverse_stft(spectrum))`.
      iterations: number of rounds; 0 gives the magnitudes their first phases.
      momentum: not negative; the paper's choice is 0.99.
      phase: first phases in radians, float tensor of the magnitude's shape; None for zero.

    Returns:
      complex tensor [..., frames, bins] with the given magnitude, except that bins in which the
      projection is below 1e-8 are lowered with it.

    Raises:
      ValueError: `iterations` or `momentum` is negative.
    """
    if iterations < 0:
        raise ValueError(f"iterations must not be negative, got {iterations}")
    if momentum < 0:
        raise ValueError(f"momentum must not be negative, got {momentum}")
    magnitude = tf.convert_to_tensor(magnitude)
    zeros = tf.zeros_like(magnitude)
    spectrum = tf.complex(magnitude, zeros)
    if phase is not None:
        spectrum *= tf.exp(tf.complex(zeros, tf.cast(phase, magnitude.dtype)))
    tiny = tf.cast(1e-8, magnitude.dtype)

    def round_of(i, spectrum, previous):
        estimate = project(spectrum)
        target = estimate
        if momentum:
            # The first previous estimate is zero, which changes the length of the target only.
            target = estimate + tf.cast(momentum, estimate.dtype) * (estimate - previous)
        scale = magnitude / tf.maximum(tiny, tf.abs(target))
        spectrum = target * tf.complex(scale, tf.zeros_like(scale))
        return (
            i + 1,
            tf.ensure_shape(spectrum, magnitude.shape),
            tf.ensure_shape(estimate, magnitude.shape),
        )

    # A loop in the graph: unrolled, the rounds take a minute to trace and to export.
    start = (tf.constant(0), spectrum, tf.complex(zeros, zeros))
    _, spectrum, _ = tf.while_loop(
        lambda i, *_: i < iterations, round_of, start, parallel_iterations=1
    )
    return spectrum
