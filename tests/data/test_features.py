"""Features on disk: those of whole clips, with silence around, refused when they misfit."""

import dataclasses

import numpy as np
import pytest

from tfwave.audio import mel
from tfwave.data import features as module
from tfwave.data.corpus import Split
from tfwave.data.features import check_features, mel_features, store_features
from tfwave.data.store import store_of

CONFIG = mel.MelConfig(sample_rate=16000, n_fft=64, hop_length=16, win_length=64, n_mels=8)


@pytest.fixture
def audio(tmp_path):
    """Five recordings of noise."""
    lengths = [400, 1, 160, 1000, 77]

    def make():
        for number, length in enumerate(lengths):
            waveform = np.random.default_rng(number).uniform(-0.5, 0.5, length)
            yield waveform.astype(np.float32)[:, None]

    names = [f"{number}.wav" for number in range(5)]
    return Split(store_of(make, names, tmp_path, "audio", 16000, "x", progress=False))


@pytest.mark.parametrize("framing", ["centred", "half_hop"])
@pytest.mark.parametrize("scale", ["ln", "db"])
def test_blocks_equal_the_whole(audio, tmp_path, monkeypatch, framing, scale):
    monkeypatch.setattr(module, "_BLOCK_FRAMES", 7)
    config = dataclasses.replace(CONFIG, framing=framing, scale=scale)
    features = mel_features(audio, config, tmp_path, progress=False)
    for number in range(5):
        waveform = audio.store.waveform(number)[:, 0]
        whole = mel.mel_spectrogram(waveform[None], config)[0].numpy()
        assert features.lengths[number] == len(whole)
        got = features.frames(number, -2, len(whole) + 3)
        np.testing.assert_allclose(got[2:-3], whole, atol=1e-4)
        np.testing.assert_array_equal(got[:2], np.stack([mel.silence(config)] * 2))
        np.testing.assert_array_equal(got[-3:], np.stack([mel.silence(config)] * 3))
        np.testing.assert_array_equal(features.frames(number, 0, 2), got[2:4])


def test_they_are_computed_once_for_each_configuration(audio, tmp_path, monkeypatch):
    first = mel_features(audio, CONFIG, tmp_path, progress=False)
    other = mel_features(audio, dataclasses.replace(CONFIG, floor=1e-3), tmp_path, progress=False)
    assert Split(first.store).fingerprint != Split(other.store).fingerprint
    monkeypatch.setattr(module, "_mel_of", None)
    again = mel_features(audio, CONFIG, tmp_path, progress=False)
    assert Split(again.store).fingerprint == Split(first.store).fingerprint
    part = mel_features(audio.subset(range(5)), CONFIG, tmp_path, progress=False)
    assert Split(part.store).fingerprint == Split(first.store).fingerprint


def test_far_outside_is_silence(audio, tmp_path):
    features = mel_features(audio, CONFIG, tmp_path, progress=False)
    for start, stop in ((-9, -4), (500, 503)):
        frames = features.frames(0, start, stop)
        np.testing.assert_array_equal(frames, np.stack([features.silence] * (stop - start)))


def test_features_that_do_not_fit_are_named(audio, tmp_path):
    def make(extra, channels=3):
        counts = [length // 16 + 1 for length in audio.store.lengths]
        counts[3] += extra
        return lambda: (np.ones([count, channels], np.float32) for count in counts)

    def store(key, *how):
        return store_features(make(*how), audio, 16, np.zeros(3), tmp_path, key, progress=False)

    assert store("fits", 0).frames(2, 0, 2).tolist() == [[1.0] * 3] * 2
    with pytest.raises(ValueError, match="3.wav: 66 frames .* do not match 1000 samples of audio"):
        store("long", 3)
    with pytest.raises(ValueError, match=r"0.wav: features of shape \(26, 4\)"):
        store("wide", 0, 4)
    with pytest.raises(ValueError, match="features of 5 files for 2"):
        check_features(store("fits", 0), audio.store.subset([0, 1]))
    with pytest.raises(ValueError, match="22050 Hz, but the audio has 16000 Hz"):
        mel_features(audio, mel.TACOTRON2, tmp_path)
