"""Signal-processing vocoders, with which the trained ones are compared."""

import numpy as np

from tfwave.audio import world
from tfwave.audio.mel import MelConfig, mel_spectrogram
from tfwave.audio.mel_inversion import mel_to_waveform
from tfwave.repro.rows import Row


def resynthesize(row: Row, waveform: np.ndarray, mel: MelConfig, seed: int) -> np.ndarray:
    """Resynthesise a recording by the method of a row that is not trained.

    Args:
      row: `Row` whose changes are the arguments of the method; its key starts with "original",
        "griffin_lim" or "world".
      waveform: float32 [time], a recording.
      mel: MelConfig of Griffin-Lim's input.
      seed: seed of its initial phases.

    Returns:
      float32 [time'].

    Raises:
      MissingPackage: WORLD's package is not installed.
      ValueError: the row has another key.
    """
    if row.key.startswith("original"):
        return waveform
    if row.key.startswith("world"):
        return world.resynthesize(waveform, mel.sample_rate)
    if row.key.startswith("griffin_lim"):
        features = mel_spectrogram(waveform[np.newaxis], mel)
        return mel_to_waveform(features, mel, seed=seed, **dict(row.changes))[0].numpy()
    raise ValueError(f"{row.key}: no vocoder of signal processing has this name")
