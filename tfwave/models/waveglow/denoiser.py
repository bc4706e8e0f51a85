"""WaveGlow's denoiser, which subtracts the magnitudes that the model generates for silence.

Not in the paper (arXiv:1811.00002). Code: NVIDIA/waveglow, denoiser.py.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio.spectral import centred_stft, inverse_centred_stft
from tfwave.errors import UserError

_BIAS_FRAMES = 88
_OVERLAP = 4  # frames that overlap at a sample


def bias_spectrum(model):
    """Compute the magnitudes that a model generates for features of zero without noise.

    Args:
      model: `WaveGlow`.

    Returns:
      float32 [mel.n_fft // 2 + 1], magnitudes of the first frame.
    """
    config = model.config
    features = tf.zeros([1, _BIAS_FRAMES, config.mel.n_mels])
    waveform = model.invert(tf.zeros(model.noise_shape(features)), features)
    n_fft = config.mel.n_fft
    spectrum = centred_stft(waveform[:, :, 0], n_fft, n_fft // _OVERLAP, padding="reflect")
    return tf.abs(spectrum)[0, 0]


def denoise(waveform, bias, strength=0.1):
    """Subtract magnitudes from those of a waveform and keep its phases.

    Args:
      waveform: float32 [batch, time, 1], longer than half a frame.
      bias: float32 [bins], from `bias_spectrum`.
      strength: factor of the bias, 0 or more; a scalar tensor is not checked.

    Returns:
      float32 [batch, time', 1], in whole quarters of a frame.

    Raises:
      UserError: strength negative or not finite, or a waveform that is too short.
    """
    if not tf.is_tensor(strength) and not 0 <= strength < np.inf:
        raise UserError(f"strength must be a number from 0, not {strength}")
    n_fft = 2 * (bias.shape[0] - 1)
    pad, hop_length = n_fft // 2, n_fft // _OVERLAP
    if waveform.shape[1] is not None and waveform.shape[1] <= pad:
        raise UserError(f"waveform must have more than {pad} samples, not {waveform.shape[1]}")
    spectrum = centred_stft(waveform[:, :, 0], n_fft, hop_length, padding="reflect")
    magnitude = tf.maximum(tf.abs(spectrum) - strength * bias, 0.0)
    phase = tf.math.angle(spectrum)
    spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
    return inverse_centred_stft(spectrum, n_fft, hop_length)[:, :, tf.newaxis]
