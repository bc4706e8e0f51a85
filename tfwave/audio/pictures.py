"""Pictures of sound for TensorBoard."""

import tensorflow as tf

from tfwave.audio.spectral import stft

_RANGE_DB = 80.0


def spectrogram_image(waveform: tf.Tensor, frame_length: int = 512) -> tf.Tensor:
    """Draw log-magnitude spectrograms, low frequencies below, time to the right.

    Args:
      waveform: float32 [batch, time] in [-1, 1].
      frame_length: window in samples; the hop is a quarter of it.

    Returns:
      uint8 [batch, frame_length // 2 + 1, frames, 1]; white is the loudest point of the clip, black
      80 dB or more below it.
    """
    magnitude = tf.abs(stft(waveform, frame_length, frame_length // 4, pad_end=True))
    peak = tf.maximum(tf.reduce_max(magnitude, axis=[1, 2], keepdims=True), 1e-6)
    decibels = 20.0 / tf.math.log(10.0) * tf.math.log(magnitude / peak + 1e-10)
    grey = tf.clip_by_value(decibels / _RANGE_DB + 1.0, 0.0, 1.0) * 255.0
    return tf.cast(tf.reverse(tf.transpose(grey, [0, 2, 1]), [1]), tf.uint8)[..., tf.newaxis]


def summarize_clips(clips, sample_rate, step, most=3):
    """Write clips to the default summary writer: `audio/NAME`, and spectrograms, `images/NAME`.

    Args:
      clips: {name: float32 [batch, time, channels]}; what lies beyond [-1, 1] is cut off.
      sample_rate: Hz.
      step: int, the step to file them under.
      most: clips of a batch that are written.
    """
    for name, waveform in clips.items():
        waveform = tf.clip_by_value(waveform, -1.0, 1.0)
        tf.summary.audio(f"audio/{name}", waveform, sample_rate, step, most)
        picture = spectrogram_image(waveform[:, :, 0])
        tf.summary.image(f"images/{name}", picture, step, max_outputs=most)
