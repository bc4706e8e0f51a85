"""WaveGlow's denoiser: what the model says of silence is subtracted from what it says.

Not in the paper (arXiv:1811.00002). Code: NVIDIA/waveglow, denoiser.py.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio.spectral import hann_window, stft
from tfwave.errors import UserError

_BIAS_FRAMES = 88
_OVERLAP = 4  # frames above a sample


def bias_spectrum(model):
    """The magnitudes of what a model makes of features of zero without noise.

    Args:
      model: `WaveGlow`.

    Returns:
      float32 [mel.n_fft // 2 + 1], of the first frame.
    """
    config = model.config
    features = tf.zeros([1, _BIAS_FRAMES, config.mel.n_mels])
    waveform = model.invert(tf.zeros(model.noise_shape(features)), features)
    return tf.abs(centred_stft(waveform[:, :, 0], config.mel.n_fft))[0, 0]


def denoise(waveform, bias, strength=0.1):
    """Subtract magnitudes from a waveform's, which keeps its phases.

    Args:
      waveform: float32 [batch, time, 1], longer than half a frame.
      bias: float32 [bins], from `bias_spectrum`.
      strength: factor of the bias, 0 or more.

    Returns:
      float32 [batch, time', 1], in whole quarters of a frame.

    Raises:
      UserError: strength negative or not finite, or a waveform that is too short.
    """
    if not 0 <= strength < np.inf:
        raise UserError(f"strength must be a number from 0, not {strength}")
    n_fft = 2 * (bias.shape[0] - 1)
    spectrum = centred_stft(waveform[:, :, 0], n_fft)
    magnitude = tf.maximum(tf.abs(spectrum) - strength * bias, 0.0)
    phase = tf.math.angle(spectrum)
    spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
    return inverse_centred_stft(spectrum, n_fft)[:, :, tf.newaxis]


def centred_stft(waveform, n_fft):
    """Spectrum of a mirrored waveform, frame i around sample i * n_fft / 4, periodic Hann window.

    Args:
      waveform: float32 [batch, time], time more than n_fft / 2.
      n_fft: length of window and transform in samples.

    Returns:
      complex64 [batch, 1 + time // (n_fft / 4), n_fft // 2 + 1].

    Raises:
      UserError: a waveform that is too short.
    """
    pad = n_fft // 2
    if waveform.shape[1] is not None and waveform.shape[1] <= pad:
        raise UserError(f"waveform must have more than {pad} samples, not {waveform.shape[1]}")
    return stft(tf.pad(waveform, [[0, 0], [pad, pad]], "REFLECT"), n_fft, n_fft // _OVERLAP)


def inverse_centred_stft(spectrum, n_fft):
    """Inverse of `centred_stft` up to the last whole hop.

    Args:
      spectrum: complex64 [batch, frames, n_fft // 2 + 1].
      n_fft: length of window and transform in samples.

    Returns:
      float32 [batch, (frames - 1) * n_fft / 4].
    """
    pad, hop, window = n_fft // 2, n_fft // _OVERLAP, hann_window(n_fft)
    waveform = tf.signal.overlap_and_add(tf.signal.irfft(spectrum, [n_fft]) * window, hop)
    windows = tf.repeat(tf.square(window)[tf.newaxis], tf.shape(spectrum)[1], axis=0)
    return (waveform / tf.signal.overlap_and_add(windows, hop))[:, pad:-pad]
