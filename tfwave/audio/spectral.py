"""Short-time Fourier transforms.

Pure functions on tensors. The frames of `stft` use a periodic Hann window that is as long as the
transform, and frame `i` starts at sample `i * hop_length`; in `centred_stft` that sample is the
middle of the frame, as in librosa.
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


def pad_ends(waveform: tf.Tensor, pad: int, padding: str) -> tf.Tensor:
    """Extend a waveform at both ends.

    Args:
      waveform: tensor [..., time], time at least 1.
      pad: samples on each side; may exceed the waveform.
      padding: 'zeros', or 'reflect' at the first and the last sample, which are not repeated.

    Returns:
      Tensor [..., time + 2 * pad].

    Raises:
      ValueError: `padding` is unknown.
    """
    if padding == "zeros":
        return tf.pad(waveform, [[0, 0]] * (len(waveform.shape) - 1) + [[pad] * 2])
    if padding != "reflect":
        raise ValueError(f"padding must be 'zeros' or 'reflect', not {padding!r}")
    # tf.pad reflects only once, which is not enough for clips shorter than the padding.
    time = tf.shape(waveform)[-1]
    period = tf.maximum(2 * (time - 1), 1)
    ends = [tf.range(-pad, 0), tf.range(time, time + pad)]
    phases = [tf.math.floormod(end, period) for end in ends]
    left, right = (
        tf.gather(waveform, tf.minimum(phase, period - phase), axis=-1) for phase in phases
    )
    return tf.concat([left, waveform, right], axis=-1)


def centred_stft(
    waveform: tf.Tensor | np.ndarray,
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
    padding: str = "zeros",
) -> tf.Tensor:
    """Compute the STFT whose frame `i` has its middle at sample `i * hop_length`, as librosa does.

    Args:
      waveform: float32 or float64 tensor [..., time], time at least 1.
      n_fft: transform length in samples.
      hop_length: samples from frame to frame.
      win_length: samples of the periodic Hann window, which lies in the middle of the transform;
        None for n_fft.
      padding: 'zeros' or 'reflect' beyond both ends.

    Returns:
      complex64 (or complex128) tensor [..., frames, n_fft // 2 + 1], where frames is
      (time + 2 * (n_fft // 2) - n_fft) // hop_length + 1.

    Raises:
      ValueError: `padding` is unknown.
    """
    waveform = tf.convert_to_tensor(waveform)
    frames = tf.signal.frame(pad_ends(waveform, n_fft // 2, padding), n_fft, hop_length)
    return tf.signal.rfft(frames * hann_window(win_length or n_fft, waveform.dtype, n_fft))


def inverse_centred_stft(
    spectrum: tf.Tensor | np.ndarray,
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
    length: int | None = None,
) -> tf.Tensor:
    """Turn the frames of `centred_stft` back into a waveform.

    The windowed frames are added up and divided by the sum of the squared windows, except where
    that sum is zero: the waveform whose STFT is nearest in the sense of least squares (Griffin and
    Lim, 1984, equation 6).

    Args:
      spectrum: complex tensor [..., frames, n_fft // 2 + 1].
      n_fft: transform length in samples.
      hop_length: samples from frame to frame, at most n_fft.
      win_length: samples of the periodic Hann window, as in `centred_stft`.
      length: samples to return, zeros where no frame reaches; None for the shortest waveform with
        so many frames, n_fft + (frames - 1) * hop_length - 2 * (n_fft // 2).

    Returns:
      float tensor [..., length].
    """
    frames = tf.convert_to_tensor(spectrum)
    window = hann_window(win_length or n_fft, frames.dtype.real_dtype, n_fft)
    pieces = tf.signal.irfft(frames, [n_fft]) * window
    waveform = tf.signal.overlap_and_add(pieces, hop_length)
    squares = tf.repeat(tf.square(window)[tf.newaxis], tf.shape(frames)[-2], axis=0)
    weight = tf.signal.overlap_and_add(squares, hop_length)
    pad = n_fft // 2
    waveform = tf.math.divide_no_nan(waveform, weight)
    if length is None:
        return waveform[..., pad : -pad or None]
    waveform = waveform[..., pad : pad + length]
    missing = length - tf.shape(waveform)[-1]
    return tf.pad(waveform, [[0, 0]] * (len(waveform.shape) - 1) + [[0, missing]])
