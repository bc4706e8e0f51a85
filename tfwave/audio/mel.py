"""Mel spectrograms of the public vocoder recipes, in TensorFlow operations only.

The recipes disagree in framing, spectrum, floor and logarithm, so that a model of one recipe
cannot use the features of another; `MelConfig` holds every choice and `differences` describes where
two of them disagree. Mel matrices have librosa's Slaney scale and area normalisation, which
`tf.signal.linear_to_mel_weight_matrix` (HTK, unnormalised) does not give; `log_mel`
is the front end of WaveGAN's evaluation scripts, which have the latter.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfwave.audio.filter_bank import filter_bank
from tfwave.audio.spectral import hann_window, pad_ends, stft
from tfwave.errors import UserError

_FRAMINGS = ("centred", "half_hop")
_SCALES = ("linear", "ln", "log10", "db", "unit_db")


@dataclasses.dataclass(frozen=True)
class MelConfig:
    """Recipe of a mel spectrogram.

    Attributes:
      sample_rate: Hz.
      n_fft: transform length in samples.
      hop_length: samples from frame to frame.
      win_length: samples of the periodic Hann window, which lies in the middle of n_fft.
      n_mels: bands.
      f_min: lower edge of the first band, Hz.
      f_max: upper edge of the last band, Hz; 0 for half the sample rate.
      framing: 'centred' puts frame i's middle at sample i * hop_length; 'half_hop' (melgan) puts
        it at (i + 1/2) * hop_length.
      padding: 'reflect' or 'zeros' beyond both ends.
      power: 1 for amplitudes, 2 for powers, before the mel sum.
      power_floor: least power of a bin; 0 for none.
      floor: least value of a band before the logarithm.
      scale: 'linear'; 'ln'; 'log10'; 'db', 10 log10 and at most top_db below the maximum of the
        clip; 'unit_db', (20 log10 + 100) / 100 clipped to [0, 1].
      top_db: range of 'db'.

    Raises:
      UserError: a value out of range, naming the field.
    """

    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    win_length: int = 1024
    n_mels: int = 80
    f_min: float = 0.0
    f_max: float = 0.0
    framing: str = "centred"
    padding: str = "reflect"
    power: int = 1
    power_floor: float = 0.0
    floor: float = 1e-5
    scale: str = "ln"
    top_db: float = 80.0

    def __post_init__(self):
        for field in ("sample_rate", "n_fft", "hop_length", "n_mels"):
            if getattr(self, field) < 1:
                raise UserError(f"{field} must be at least 1, not {getattr(self, field)}")
        if not 1 <= self.win_length <= self.n_fft:
            raise UserError(
                f"win_length must lie between 1 and n_fft ({self.n_fft}), not {self.win_length}"
            )
        if not 0 <= self.f_min < self.highest <= self.sample_rate / 2:
            raise UserError(
                "mel bands need 0 <= f_min < f_max <= sample_rate / 2, not f_min "
                f"{self.f_min:g}, f_max {self.highest:g} and sample_rate {self.sample_rate}"
            )
        for field, choices in (
            ("framing", _FRAMINGS),
            ("padding", ("reflect", "zeros")),
            ("power", (1, 2)),
            ("scale", _SCALES),
        ):
            if getattr(self, field) not in choices:
                names = ", ".join(map(str, choices))
                raise UserError(f"{field} must be one of {names}, not {getattr(self, field)!r}")
        if self.framing == "half_hop" and self.hop_length > self.n_fft:
            raise UserError(
                f"hop_length must be at most n_fft ({self.n_fft}) with half_hop framing, "
                f"not {self.hop_length}"
            )
        if self.scale != "linear" and self.floor <= 0:
            raise UserError(f"floor must be above 0 for a logarithm, not {self.floor}")

    @property
    def highest(self):
        """Return the upper edge of the last band in Hz."""
        return self.f_max or self.sample_rate / 2

    @property
    def pad(self):
        """Return how many samples are added before and behind the waveform."""
        if self.framing == "centred":
            return self.n_fft // 2
        return (self.n_fft - self.hop_length) // 2


# NVIDIA/tacotron2 and waveglow; descriptinc/melgan-neurips; kan-bayashi/ParallelWaveGAN, features
# and the mel-spectrogram loss; fatchord/WaveRNN; librosa's default call up to 0.8 ('reflect') and
# since 0.9 ('zeros'), as power and in decibels.
TACOTRON2 = MelConfig(f_max=8000.0)
MELGAN = MelConfig(framing="half_hop", scale="log10")
KAN_BAYASHI = MelConfig(f_min=80.0, f_max=7600.0, floor=1e-10, scale="log10")
KAN_BAYASHI_LOSS = dataclasses.replace(KAN_BAYASHI, power_floor=1e-10)
FATCHORD = MelConfig(n_fft=2048, hop_length=275, win_length=1100, f_min=40.0, scale="unit_db")
LIBROSA_POWER_REFLECT = MelConfig(power=2, floor=0.0, scale="linear")
LIBROSA_DB_REFLECT = MelConfig(power=2, floor=1e-10, scale="db")
LIBROSA_POWER_ZEROS = dataclasses.replace(LIBROSA_POWER_REFLECT, padding="zeros")
LIBROSA_DB_ZEROS = dataclasses.replace(LIBROSA_DB_REFLECT, padding="zeros")
RECIPES = {
    "tacotron2": TACOTRON2,
    "melgan": MELGAN,
    "kan_bayashi": KAN_BAYASHI,
    "kan_bayashi_loss": KAN_BAYASHI_LOSS,
    "fatchord": FATCHORD,
    "librosa_power_reflect": LIBROSA_POWER_REFLECT,
    "librosa_db_reflect": LIBROSA_DB_REFLECT,
    "librosa_power_zeros": LIBROSA_POWER_ZEROS,
    "librosa_db_zeros": LIBROSA_DB_ZEROS,
}


def differences(one, other):
    """Describe how two configurations differ.

    Args:
      one: MelConfig.
      other: MelConfig.

    Returns:
      '' where they give the same features, else such as
      'hop_length is 256 against 275, scale is ln against log10'.
    """
    words = []
    for field in dataclasses.fields(MelConfig):
        values = [_meaning(config, field.name) for config in (one, other)]
        if values[0] != values[1]:
            words.append(f"{field.name} is {values[0]} against {values[1]}")
    return ", ".join(words)


def _meaning(config, name):
    """Return what a field stands for, so that two spellings of one thing do not differ."""
    value = config.highest if name == "f_max" else getattr(config, name)
    if name == "top_db" and config.scale != "db":
        return "unused"
    return f"{value:g}" if isinstance(value, float) else value


def check_features(features, config, least=1):
    """Check what a model is to be conditioned on.

    Args:
      features: array-like [batch, frames, n_mels].
      config: MelConfig that the model was trained with.
      least: frames that it needs.

    Returns:
      float32 tensor [batch, frames, n_mels].

    Raises:
      UserError: another shape, too few frames, or values that are not finite (outside of graphs).
    """
    features = tf.convert_to_tensor(features, tf.float32)
    shape = features.shape
    if shape.rank != 3 or shape[2] not in (None, config.n_mels):
        raise UserError(
            f"features must have shape [batch, frames, {config.n_mels}], not {tuple(shape)}"
        )
    if shape[1] is not None and shape[1] < least:
        raise UserError(f"features must have at least {least} frames, not {shape[1]}")
    if tf.executing_eagerly() and not bool(tf.reduce_all(tf.math.is_finite(features))):
        raise UserError("features must be finite, but hold NaN or infinity")
    return features


def frame_count(samples, config):
    """Return the number of frames of a waveform of `samples` samples; int or integer tensor."""
    return (samples + 2 * config.pad - config.n_fft) // config.hop_length + 1


def mel_matrix(config: MelConfig) -> np.ndarray:
    """Return the filter bank of a configuration, float32 array [n_mels, n_fft // 2 + 1]."""
    return filter_bank(
        config.sample_rate, config.n_fft, config.n_mels, config.f_min, config.highest
    )


def mel_spectrogram(waveform, config):
    """Compute mel features.

    Args:
      waveform: float32 or float64 tensor [..., time] in [-1, 1], time at least 1.
      config: MelConfig.

    Returns:
      Tensor [..., frame_count(time), n_mels] of the waveform's type.

    Raises:
      UserError: the waveform holds no samples, where that is known when the graph is made.
    """
    waveform = tf.convert_to_tensor(waveform)
    if waveform.shape[-1] == 0:
        raise UserError("waveform must hold at least one sample to have a mel spectrogram")
    frames = tf.signal.frame(
        pad_ends(waveform, config.pad, config.padding), config.n_fft, config.hop_length
    )
    window = hann_window(config.win_length, waveform.dtype, config.n_fft)
    spectrum = tf.signal.rfft(frames * window)
    if config.power == 2 or config.power_floor:
        bins = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        bins = tf.maximum(bins, tf.cast(config.power_floor, bins.dtype))
        bins = tf.sqrt(bins) if config.power == 1 else bins
    else:
        bins = tf.abs(spectrum)
    return _scaled(tf.matmul(bins, tf.cast(mel_matrix(config).T, bins.dtype)), config)


def log_mel(
    waveform: tf.Tensor,
    sample_rate: int,
    frame_length: int,
    hop_length: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    floor: float = 1e-6,
) -> tf.Tensor:
    """Compute natural-log mel magnitudes, `log(mel + floor)`, padded at the end.

    The front end of the evaluation scripts of WaveGAN (arXiv:1802.04208): HTK mels, triangles of
    height 1 that are straight in mel, and frames that start at the multiples of `hop_length`.

    Args:
      waveform: float32 or float64 tensor [..., time].
      sample_rate: in Hz.
      frame_length: window and transform length, in samples.
      hop_length: samples between two frames.
      n_mels: number of mel bands.
      f_min: lower edge of the first band, in Hz.
      f_max: upper edge of the last band, in Hz.
      floor: added before the logarithm; keeps silence finite.

    Returns:
      Tensor [..., ceil(time / hop_length), n_mels] of the waveform's type.
    """
    magnitude = tf.abs(stft(waveform, frame_length, hop_length, pad_end=True))
    bank = filter_bank(
        sample_rate, frame_length, n_mels, f_min, f_max, "htk", norm="none", straight_in="mel"
    )
    mel = tf.tensordot(magnitude, tf.cast(bank.T, magnitude.dtype), 1)
    return tf.math.log(mel + tf.cast(floor, mel.dtype))


def silence(config):
    """Return the features of digital silence, float32 array [n_mels]."""
    return mel_spectrogram(np.zeros([1, config.n_fft], np.float32), config)[0, 0].numpy()


def _scaled(mel, config):
    if config.scale == "linear":
        return tf.maximum(mel, tf.cast(config.floor, mel.dtype)) if config.floor else mel
    log = tf.math.log(tf.maximum(mel, tf.cast(config.floor, mel.dtype)))
    if config.scale == "ln":
        return log
    tens = log / tf.cast(np.log(10.0), log.dtype)
    if config.scale == "log10":
        return tens
    if config.scale == "unit_db":
        return tf.clip_by_value((20.0 * tens + 100.0) / 100.0, 0.0, 1.0)
    decibels = 10.0 * tens
    loudest = tf.reduce_max(decibels, axis=[-2, -1], keepdims=True)
    return tf.maximum(decibels, loudest - config.top_db)
