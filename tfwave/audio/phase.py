"""Phase recovery from magnitude spectrograms: Griffin-Lim."""

import tensorflow as tf

from tfwave.audio.spectral import inverse_stft, stft


def griffin_lim(magnitude, frame_length, hop_length, iterations=16, window="authors"):
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

    Returns:
      float tensor [..., (frames - 1) * hop_length + frame_length].

    Raises:
      ValueError: if `iterations` is negative, `window` is unknown, or the last axis of
        `magnitude` does not belong to `frame_length`.
    """
    if iterations < 0:
        raise ValueError(f"iterations must not be negative, got {iterations}")
    magnitude = tf.convert_to_tensor(magnitude)
    if magnitude.shape[-1] != frame_length // 2 + 1:
        raise ValueError(
            f"magnitude must have {frame_length // 2 + 1} bins for frame_length={frame_length}, "
            f"got {magnitude.shape[-1]}"
        )
    tiny = tf.cast(1e-8, magnitude.dtype)
    spectrum = tf.complex(magnitude, tf.zeros_like(magnitude))

    def round_of(i, spectrum):
        waveform = inverse_stft(spectrum, frame_length, hop_length, window)
        estimate = stft(waveform, frame_length, hop_length)
        scale = magnitude / tf.maximum(tiny, tf.abs(estimate))
        spectrum = estimate * tf.complex(scale, tf.zeros_like(scale))
        return i + 1, tf.ensure_shape(spectrum, magnitude.shape)

    # A loop in the graph: unrolled, the rounds take a minute to trace and to export.
    _, spectrum = tf.while_loop(
        lambda i, _: i < iterations, round_of, (tf.constant(0), spectrum), parallel_iterations=1
    )
    return inverse_stft(spectrum, frame_length, hop_length, window)
