"""Differences between the stacks, and the side packages of the pinned stack."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave import compat

pinned = pytest.mark.skipif(compat.STACK != "pinned", reason="the side packages have ended")


@pytest.mark.parametrize("lead,tail", [(0, 0), (10, 0), (0, 7), (10, 7)])
def test_trim_silence_finds_the_sound(lead, tail, monkeypatch):
    sound = np.full((50, 2), 0.5, np.float32)
    sound[20:30] = 0.0  # a pause inside is sound
    waveform = np.pad(sound, [(lead, tail), (0, 0)])
    assert compat.trim_silence(waveform, 0.01) == (lead, lead + 50)
    monkeypatch.setattr(compat, "_tensorflow_io", lambda: None)
    assert compat.trim_silence(waveform, 0.01) == (lead, lead + 50)


@pytest.mark.parametrize("frames", [0, 5])
def test_trim_silence_of_silence_is_empty(frames):
    assert compat.trim_silence(np.zeros((frames, 1), np.float32), 0.01) == (0, 0)


def test_default_precision_is_one_of_the_models(monkeypatch):
    assert compat.default_precision() in ("float32", "mixed_bfloat16")


@pinned
@pytest.mark.filterwarnings("ignore::UserWarning")  # that addons have ended
def test_tensorflow_io_and_addons_work_in_one_process():
    import tensorflow_addons
    import tensorflow_io

    trimmed = tensorflow_io.audio.trim(tf.constant([0.0, 0.5, 0.0]), axis=0, epsilon=0.1)
    assert trimmed.numpy().tolist() == [1, 2]
    layer = tensorflow_addons.layers.WeightNormalization(tf.keras.layers.Dense(2))
    assert layer(tf.ones([1, 3])).shape == (1, 2)
