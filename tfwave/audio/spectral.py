"""Short-time Fourier transforms.

Pure functions on tensors. Frames use a periodic Hann window that is as long as the transform; there
is no centring, so frame `i` starts at sample `i * hop_length`.
"""

import numpy as np
import tensorflow as tf


def hann_window(length, dtype=tf.float32, n_fft=None):
    """Return the periodic Hann window, `0.5 - 0.5 cos(2 pi n / length)`.

    Args:
      length: number of samples, at least 1. Odd lengths are periodic too, which
        `tf.signal.hann_window` does not do.
      dtype: a floating type.
      n_fft: samples of a longer transform in whose middle the window stands, zeros around it.

    Returns:
      Tensor [n_fft or length], values 0..1.
    """
    phase = 2.0 * np.pi * np.arange(length) / length
    around = (n_fft or length) - length
    padded = np.pad(0.5 - 0.5 * np.cos(phase), (around // 2, around - around // 2))
    return tf.constant(padded, dtype)


def _window_fn(length):
    # tf.signal hands its window functions a symbolic length inside tf.function.
    return lambda _, dtype: hann_window(length, dtype)


def _check_frames(frame_length, hop_length):
    if frame_length < 1:
        raise ValueError(f"frame_length must be at least 1, got {frame_length}")
    if not 1 <= hop_length <= frame_length:
        raise ValueError(
            f"hop_length must lie between 1 and frame_length ({frame_length}), got {hop_length}"
        )


def stft(waveform, frame_length, hop_length, pad_end=False):
    """Compute the short-time Fourier transform with a periodic Hann window.

    Args:
      waveform: float32 or float64 tensor [..., time].
      frame_length: window and transform length, in samples.
      hop_length: samples between the starts of two frames, at most `frame_length`.
      pad_end: append zeros so that a frame starts at every multiple of `hop_length` inside the
        waveform: `ceil(time / hop_length)` frames. Without it only whole frames are used.

    Returns:
      complex64 (or complex128) tensor [..., frames, frame_length // 2 + 1].

    Raises:
      ValueError: if `frame_length` or `hop_length` is out of range.
    """
    _check_frames(frame_length, hop_length)
    return tf.signal.stft(
        waveform,
        frame_length,
        hop_length,
        fft_length=frame_length,
        window_fn=_window_fn(frame_length),
        pad_end=pad_end,
    )


def inverse_stft(spectrum, frame_length, hop_length, window="dual"):
    """Turn complex frames back into a waveform by windowed overlap-add.

    Args:
      spectrum: complex tensor [..., frames, frame_length // 2 + 1].
      frame_length: window and transform length, in samples.
      hop_length: samples between the starts of two frames.
      window: 'dual' divides the Hann window by the sum of the squared windows that overlap, which
        inverts `stft` except in the first and last `frame_length - hop_length` samples, where
        fewer windows overlap and the signal fades. 'authors' is the plain Hann window without
        any normalisation, as in the authors' train_specgan.py: with half-overlapping frames it
        scales the signal by a ripple between 0.5 and 1.

    Returns:
      float tensor [..., (frames - 1) * hop_length + frame_length].

    Raises:
      ValueError: if `window` is unknown, or a length is out of range.
    """
    _check_frames(frame_length, hop_length)
    window_fn = _window_fn(frame_length)
    if window == "dual":
        window_fn = tf.signal.inverse_stft_window_fn(hop_length, forward_window_fn=window_fn)
    elif window != "authors":
        raise ValueError(f"window must be 'authors' or 'dual', got {window!r}")
    return tf.signal.inverse_stft(
        spectrum, frame_length, hop_length, fft_length=frame_length, window_fn=window_fn
    )
