"""Waveforms from mel features without a model: Richardson-Lucy magnitudes, Griffin-Lim phases.

The signal-processing baseline of the vocoder papers. A mel spectrogram has fewer bands than the
transform has bins, so the magnitudes are one of many choices that give the same features.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import mel_matrix
from tfwave.audio.phase import recover_phase
from tfwave.audio.spectral import hann_window
from tfwave.errors import UserError


def mel_to_waveform(features, config, iterations=32, momentum=0.99, seed=0):
    """Estimate a waveform that has the given mel features.

    Sound outside f_min..f_max is lost, and where the features stand at their floor the waveform
    has the level of the floor.

    Args:
      features: float32 or float64 tensor [..., frames, n_mels] in the scale of `config`.
      config: MelConfig that the features were made with; hop_length at most win_length.
      iterations: rounds of Griffin-Lim; 0 transforms the magnitudes with their first phases.
      momentum: 0.99 for fast Griffin-Lim, 0 for the plain one; see `recover_phase`.
      seed: an integer starts from random phases, uniform in -pi..pi, the same ones for the same
        seed and shape. None starts from zero phase, which piles a frame's energy up at its middle:
        after 32 rounds that makes no difference, without any it leaves silence between frames.

    Returns:
      Tensor [..., time] of the features' type; time is frames * hop_length for half_hop framing,
      whose features cover that much, and (frames - 1) * hop_length for centred framing. Its level
      is that of the features, so samples may leave [-1, 1].

    Raises:
      UserError: `iterations` or `momentum` is negative, the hop is longer than the window, or the
        features can not be of this configuration: see `mel_to_magnitude`.
    """
    if config.hop_length > config.win_length:
        raise UserError(
            f"hop_length must be at most win_length ({config.win_length}) to be inverted, "
            f"not {config.hop_length}"
        )
    magnitude = mel_to_magnitude(features, config)
    window = hann_window(config.win_length, magnitude.dtype, config.n_fft)
    frames = tf.shape(magnitude)[-2]
    weight = tf.repeat(tf.square(window)[tf.newaxis], frames, axis=0)
    weight = tf.signal.overlap_and_add(weight, config.hop_length)
    weight = tf.maximum(weight, tf.cast(1e-8, weight.dtype))

    def inverse(spectrum):
        pieces = tf.signal.irfft(spectrum, [config.n_fft]) * window
        return tf.signal.overlap_and_add(pieces, config.hop_length) / weight

    def project(spectrum):
        pieces = tf.signal.frame(inverse(spectrum), config.n_fft, config.hop_length)
        return tf.signal.rfft(pieces * window)

    phase = None
    if seed is not None:
        phase = tf.random.stateless_uniform(
            tf.shape(magnitude), [seed, 0], -np.pi, np.pi, magnitude.dtype
        )
    waveform = inverse(recover_phase(magnitude, project, iterations, momentum, phase))
    hops = frames - 1 if config.framing == "centred" else frames
    return waveform[..., config.pad : config.pad + hops * config.hop_length]


def mel_to_magnitude(features, config, rounds=30):
    """Estimate the magnitude spectrogram behind mel features.

    Undoes the scale and then finds magnitudes (powers with `config.power` 2), not negative, whose
    sums in the bands are those of the features: Richardson-Lucy updates, which minimise the
    Kullback-Leibler divergence, from an equal share of every band. Unlike least squares that
    weighs quiet bands like loud ones, which is what a logarithm of the features does.

    Args:
      features: float32 or float64 tensor [..., frames, n_mels] in the scale of `config`; values
        of the linear scale below its floor count as the floor.
      config: MelConfig.
      rounds: number of updates; 0 gives the shares.

    Returns:
      Tensor [..., frames, n_fft // 2 + 1] of the features' type, 0 in bins outside all bands.

    Raises:
      UserError: the features have another number of bands, less than two axes or no frame, or,
        where they are known, values that are not finite before or after undoing the scale.
    """
    features = tf.convert_to_tensor(features)
    _check(features, config)
    bands = _linear(features, config)
    if tf.executing_eagerly() and not np.isfinite(bands.numpy()).all():
        raise UserError(
            f"features must be finite, and so must be the magnitudes behind their {config.scale} "
            "scale"
        )
    matrix = tf.cast(mel_matrix(config), bands.dtype)
    share = tf.reduce_sum(matrix, axis=0)
    tiny = tf.cast(1e-20, bands.dtype)
    bins = tf.matmul(bands / (tf.reduce_sum(matrix, axis=1) + tiny), matrix)
    bins = tf.math.divide_no_nan(bins, share)

    def update(i, bins):
        ratio = bands / tf.maximum(tf.matmul(bins, matrix, transpose_b=True), tiny)
        bins = bins * tf.math.divide_no_nan(tf.matmul(ratio, matrix), share)
        return i + 1, tf.ensure_shape(bins, shape)

    shape = bins.shape
    _, bins = tf.while_loop(
        lambda i, _: i < rounds, update, (tf.constant(0), bins), parallel_iterations=1
    )
    return tf.sqrt(bins) if config.power == 2 else bins


def _check(features, config):
    shape = features.shape
    if not features.dtype.is_floating:
        raise UserError(f"features must be floating point numbers, not {features.dtype.name}")
    if shape.rank is not None and shape.rank < 2:
        raise UserError(f"features must have shape [..., frames, n_mels], not {list(shape)}")
    if shape[-1] not in (None, config.n_mels):
        raise UserError(f"features must have {config.n_mels} mel bands, not {shape[-1]}")
    if shape[-2] == 0:
        raise UserError("features must hold at least one frame")


def _linear(features, config):
    """Undo the scale: band sums of amplitudes or powers."""
    if config.scale == "linear":
        return tf.maximum(features, tf.cast(config.floor, features.dtype))
    if config.scale == "ln":
        return tf.exp(features)
    tens = {
        "log10": lambda: features,
        "db": lambda: features / 10.0,
        "unit_db": lambda: (features * 100.0 - 100.0) / 20.0,
    }[config.scale]()
    return tf.exp(tens * tf.cast(np.log(10.0), features.dtype))
