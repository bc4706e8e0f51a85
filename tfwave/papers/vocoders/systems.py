"""Vocoders as tables compare them: how each is made, fed, chosen by, and run on a recording.

A vocoder is heard by copy-synthesis: the features of a recording go in, a waveform comes out.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.audio import world
from tfwave.audio.mel_inversion import mel_to_waveform
from tfwave.data.utterances import WindowConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.waveglow.waveglow import WaveGlow
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.training.loop import Score


@dataclasses.dataclass(frozen=True)
class TrainedVocoder:
    """A model that is trained.

    Attributes:
      make: function of (config, seed) that returns the model, not compiled.
      window: function of (config, preset) that returns the `WindowConfig` of its training slices.
      with_features: whether those slices bring mel spectrograms; other models compute their own.
      score: the number by which its best weights are kept: held_out_ and a key of what
        `test_step` returns.
      generate: function of (model, mel spectrogram [1, frames, n_mels], front end, seed) that
        returns a waveform [1, time, 1].
    """

    make: object
    window: object
    with_features: bool
    score: Score
    generate: object


def _segments(config, preset):
    """Windows without context, as long as a training segment."""
    del preset
    return WindowConfig(slice_len=config.segment_len, context=0)


def _predicted(config, preset):
    """Windows of samples that are predicted from those before them."""
    return WindowConfig(preset.slice_len, config.context_len, config.frame_padding)


def _wavenet(model, features, mel, seed):
    """WaveNet is given silence around the features."""
    silence = np.tile(mels.silence(mel), [1, model.config.frame_padding, 1]).astype(np.float32)
    samples = features.shape[1] * mel.hop_length
    around = tf.concat([silence, features, silence], axis=1)
    return model.generate(samples=samples, features=around, seed=seed)


_BITS = Score("held_out_bits_per_sample", lower_is_better=True)
_NATS = Score("held_out_nats_per_sample", lower_is_better=True)
TRAINED = {
    "melgan": TrainedVocoder(
        MelGAN,
        _segments,
        False,
        Score("held_out_mel_error", lower_is_better=True),
        lambda model, features, mel, seed: model.generate(features),
    ),
    "waveglow": TrainedVocoder(
        WaveGlow,
        _segments,
        False,
        _BITS,
        lambda model, features, mel, seed: model.generate(features, seed=seed),
    ),
    "wavenet": TrainedVocoder(WaveNet, _predicted, True, _BITS, _wavenet),
    "wavernn": TrainedVocoder(
        WaveRNN,
        _predicted,
        True,
        _NATS,
        lambda model, features, mel, seed: model.generate(features=features, seed=seed),
    ),
    "fatchord": TrainedVocoder(
        FatchordWaveRNN,
        _predicted,
        True,
        _NATS,
        lambda model, features, mel, seed: model.generate(features, seed=seed),
    ),
}


def vocode(system, model, features, mel, seed):
    """Run a trained vocoder.

    Args:
      system: `TrainedVocoder`.
      model: of it.
      features: float32 [1, frames, n_mels], a mel spectrogram.
      mel: MelConfig of it.
      seed: of the model's draws.

    Returns:
      float32 [time].
    """
    return np.asarray(system.generate(model, features, mel, seed))[0, :, 0]


def signal_processing(row, waveform, mel, seed):
    """Run a vocoder that is not trained.

    Args:
      row: `Row` whose changes are the arguments of the method; its key starts with "original",
        "griffin_lim" or "world".
      waveform: float32 [time], a recording.
      mel: MelConfig of the features that Griffin-Lim is given.
      seed: of its initial phases.

    Returns:
      float32 [time'].

    Raises:
      MissingPackage: WORLD's package is not installed.
      ValueError: another key.
    """
    if row.key.startswith("original"):
        return waveform
    if row.key.startswith("world"):
        return world.resynthesize(waveform, mel.sample_rate)
    if row.key.startswith("griffin_lim"):
        features = mels.mel_spectrogram(waveform[np.newaxis], mel)
        return mel_to_waveform(features, mel, seed=seed, **dict(row.changes))[0].numpy()
    raise ValueError(f"{row.key}: no vocoder of signal processing has this name")
