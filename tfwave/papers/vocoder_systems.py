"""Vocoders as tables compare them: how each is made, fed, chosen by, and run on a recording.

A vocoder is heard by copy-synthesis: the features of a recording go in, a waveform comes out.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from tfwave.audio import world
from tfwave.audio.mel_inversion import mel_to_waveform
from tfwave.data.utterances import WindowConfig
from tfwave.models.melgan import MelGAN, MelGANConfig
from tfwave.models.waveglow import WaveGlow, WaveGlowConfig
from tfwave.training.loop import Score


@dataclasses.dataclass(frozen=True)
class TrainedVocoder:
    """A model that is trained.

    Attributes:
      make: function of (config, seed) that returns the model, not compiled.
      config: class of its configuration.
      window: function of (config, preset) that returns the `WindowConfig` of its training slices.
      with_features: whether those slices bring mel spectrograms; other models compute their own.
      score: the number by which its best weights are kept, a key of what `test_step` returns.
      vocode: function of (model, waveform float32 [time], seed) that returns float32 [time'].
    """

    make: object
    config: object
    window: object
    with_features: bool
    score: Score
    vocode: object


def _segments(config, preset):
    """Windows without context, as long as a training segment."""
    del preset
    return WindowConfig(slice_len=config.segment_len, context=0)


def _by_features(model, waveform, seed):
    """Copy-synthesis of a model that computes the features of a waveform itself."""
    features = model.features(tf.constant(waveform[np.newaxis], tf.float32))
    return model.generate(features, seed=seed)[0, :, 0].numpy()


TRAINED = {
    "melgan": TrainedVocoder(
        MelGAN, MelGANConfig, _segments, False,
        Score("held_out_mel_error", lower_is_better=True), _by_features,
    ),
    "waveglow": TrainedVocoder(
        WaveGlow, WaveGlowConfig, _segments, False,
        Score("held_out_bits_per_sample", lower_is_better=True), _by_features,
    ),
}  # fmt: skip


def signal_processing(row, waveform, mel, seed):
    """Run a vocoder that is not trained.

    Args:
      row: `Row` whose changes are the arguments of the method; its slug starts with "original",
        "griffin_lim" or "world".
      waveform: float32 [time], a recording.
      mel: MelConfig of the features that Griffin-Lim is given.
      seed: of its initial phases.

    Returns:
      float32 [time'].

    Raises:
      MissingPackage: WORLD's package is not installed.
      ValueError: another slug.
    """
    if row.slug.startswith("original"):
        return waveform
    if row.slug.startswith("world"):
        return world.resynthesize(waveform, mel.sample_rate)
    if row.slug.startswith("griffin_lim"):
        from tfwave.audio.mel import mel_spectrogram

        features = mel_spectrogram(waveform[np.newaxis], mel)
        return mel_to_waveform(features, mel, seed=seed, **dict(row.changes))[0].numpy()
    raise ValueError(f"{row.slug}: no vocoder of signal processing has this name")
