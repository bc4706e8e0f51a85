"""Small corpora on disk."""

import numpy as np
import pytest

from tfwave.audio.files import write_wav


@pytest.fixture
def write_tones(tmp_path):
    """A function that writes wav files of given lengths and returns their folder."""

    def write(lengths, folder="corpus", rate=16000, channels=1):
        target = tmp_path / folder
        for number, (name, length) in enumerate(lengths.items()):
            phase = 2 * np.pi * (200 + 37 * number) * np.arange(length) / rate
            waveform = 0.5 * np.repeat(np.sin(phase)[:, None], channels, axis=1)
            write_wav(target / name, waveform.astype(np.float32), rate)
        return target

    return write
