"""Mel spectrograms in files: what was written comes back, another front end is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfwave.audio import mel
from tfwave.audio.mel_files import read_mel, write_mel


def _features(frames=7, bands=80, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, bands)).astype(np.float32)


@given(st.sampled_from(sorted(mel.RECIPES)), st.integers(0, 40))
def test_what_was_written_comes_back(tmp_path_factory, recipe, frames):
    path = tmp_path_factory.mktemp("mel") / "speech.npz"
    config = mel.RECIPES[recipe]
    write_mel(path, _features(frames), config)
    np.testing.assert_array_equal(read_mel(path, config), _features(frames))


def test_two_spellings_of_a_front_end_are_one(tmp_path):
    path = tmp_path / "speech.npz"
    write_mel(path, _features(), dataclasses.replace(mel.MELGAN, f_max=11025.0))
    assert read_mel(path, mel.MELGAN).shape == (7, 80)


def test_another_front_end_is_refused_in_words(tmp_path):
    path = tmp_path / "speech.npz"
    write_mel(path, _features(), mel.TACOTRON2)
    with pytest.raises(ValueError) as refused:
        read_mel(path, mel.MELGAN)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path} was computed by another front end than the model's: ")
    assert "scale is ln against log10" in sentence and "f_max is 8000 against 11025" in sentence


def test_bare_arrays_are_taken_at_their_word(tmp_path):
    path = tmp_path / "speech.npy"
    np.save(path, _features().astype(np.float64))
    assert read_mel(path, mel.TACOTRON2).dtype == np.float32


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no mel spectrogram"),
        (b"PK\x03\x04 cut", "holds no mel spectrogram"),
        (b"nonsense", "holds no mel spectrogram"),
        ({"mel": _features()}, "holds no mel spectrogram .*config"),
        ({"mel": _features(), "config": "[]"}, "holds no mel spectrogram"),
        ({"mel": _features(), "config": '{"hop": 1}'}, "holds no mel spectrogram .*hop"),
        ({"mel": _features(bands=79), "config": "{}"}, r"holds \(7, 79\); the model takes"),
        ({"mel": np.full([3, 80], np.nan), "config": "{}"}, "holds NaN or infinity"),
        ({"mel": np.array([None]), "config": "{}"}, "holds no mel spectrogram"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "speech.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(ValueError, match=sentence) as refused:
        read_mel(path, mel.MelConfig())
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
