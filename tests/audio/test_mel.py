"""Mel front ends: against NumPy in float64, at the ends of clips, saved, and told apart."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio import mel
from tfwave.audio.filter_bank import hertz_to_mel

SMALL = mel.MelConfig(sample_rate=16000, n_fft=64, hop_length=16, win_length=64, n_mels=8)
recipes = pytest.mark.parametrize("recipe", mel.RECIPES.values(), ids=mel.RECIPES)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape)


def numpy_mel(waveform, config):
    mode = "reflect" if config.padding == "reflect" else "constant"
    padded = np.pad(waveform, config.pad, mode=mode)
    left = (config.n_fft - config.win_length) // 2
    n = np.arange(config.n_fft) - left
    window = np.where(
        (n >= 0) & (n < config.win_length), np.sin(np.pi * n / config.win_length) ** 2, 0.0
    )
    starts = range(0, len(padded) - config.n_fft + 1, config.hop_length)
    frames = np.array([padded[i : i + config.n_fft] for i in starts])
    bins = np.abs(np.fft.rfft(frames * window)) ** 2
    bins = np.maximum(bins, config.power_floor) ** (config.power / 2)
    bands = np.maximum(bins @ mel.mel_matrix(config).T.astype(np.float64), config.floor)
    if config.scale == "linear":
        return bands
    if config.scale == "ln":
        return np.log(bands)
    if config.scale == "log10":
        return np.log10(bands)
    if config.scale == "unit_db":
        return np.clip(0.2 * np.log10(bands) + 1.0, 0.0, 1.0)
    decibels = 10 * np.log10(bands)
    return np.maximum(decibels, decibels.max() - config.top_db)


@recipes
def test_every_recipe_equals_numpy(recipe):
    waveform = noise(2, 6000)
    waveform[:, 2500:] = 0.0
    expected = np.stack([numpy_mel(row, recipe) for row in waveform])
    got = mel.mel_spectrogram(waveform, recipe)
    assert got.dtype == tf.float64
    np.testing.assert_allclose(got, expected, atol=1e-8)
    single = mel.mel_spectrogram(waveform.astype(np.float32), recipe)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, expected, atol=2e-4)


@settings(max_examples=30)
@given(
    time=st.integers(1, 300),
    padding=st.sampled_from(["reflect", "zeros"]),
    framing=st.sampled_from(["centred", "half_hop"]),
    hop=st.sampled_from([8, 16, 27, 64]),
)
def test_frames_are_counted_and_short_clips_are_reflected(time, padding, framing, hop):
    config = dataclasses.replace(SMALL, padding=padding, framing=framing, hop_length=hop)
    waveform = noise(1, time, seed=time)
    got = mel.mel_spectrogram(waveform, config)
    assert got.shape == (1, mel.frame_count(time, config), 8)
    if got.shape[1]:
        np.testing.assert_allclose(got[0], numpy_mel(waveform[0], config), atol=1e-8)


def test_melgan_is_tacotron2_half_a_hop_later_in_another_logarithm():
    waveform = noise(1, 8192)
    other = dataclasses.replace(mel.TACOTRON2, f_max=0.0)
    later = mel.mel_spectrogram(waveform[:, 128:], other)[:, 3:-4] / np.log(10.0)
    np.testing.assert_allclose(
        mel.mel_spectrogram(waveform, mel.MELGAN)[:, 3:28], later[:, :25], atol=1e-10
    )


def test_a_tone_lands_in_its_band():
    time = np.arange(16384) / 16000
    tone = np.sin(2 * np.pi * 1000 * time)[np.newaxis]
    log_mel = mel.log_mel(tone, 16000, 1024, 128, 128, 40.0, 7800.0).numpy()
    mels = np.linspace(hertz_to_mel(40, "htk"), hertz_to_mel(7800, "htk"), 130)[1:-1]
    expected = np.argmin(np.abs(mels - hertz_to_mel(1000, "htk")))
    assert log_mel.shape == (1, 128, 128)
    assert np.all(log_mel[0, :100].argmax(axis=1) == expected)


def test_silence_gives_the_floor():
    silence = np.zeros([2, 1000], np.float32)
    log_mel = mel.log_mel(silence, 16000, 256, 128, 10, 0.0, 8000.0, floor=1e-3)
    np.testing.assert_allclose(log_mel, np.log(1e-3), rtol=1e-6)


@recipes
def test_gradients_are_finite_on_silence(recipe):
    waveform = tf.Variable(np.concatenate([noise(1, 3000), np.zeros([1, 6000])], axis=1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(mel.mel_spectrogram(waveform, recipe))
    gradient = tape.gradient(loss, waveform).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient[:, :3000]).max() > 0


def test_silence_has_the_published_values():
    for recipe, value in (
        (mel.TACOTRON2, -11.5129),
        (mel.MELGAN, -5.0),
        (mel.KAN_BAYASHI, -10.0),
        (mel.FATCHORD, 0.0),
    ):
        np.testing.assert_allclose(mel.silence(recipe), np.full(80, value), atol=1e-4)


def test_it_can_be_exported(tmp_path):
    module = tf.Module()
    module.features = tf.function(
        lambda waveform: mel.mel_spectrogram(waveform, SMALL),
        input_signature=[tf.TensorSpec([None, None], tf.float32)],
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for time in (5, 700):
        waveform = noise(2, time).astype(np.float32)
        np.testing.assert_allclose(
            loaded.features(waveform), mel.mel_spectrogram(waveform, SMALL), atol=1e-6
        )


def test_differences_are_said_in_words():
    assert mel.differences(mel.TACOTRON2, mel.TACOTRON2) == ""
    assert mel.differences(mel.TACOTRON2, mel.MELGAN) == (
        "f_max is 8000 against 11025, framing is centred against half_hop, "
        "scale is ln against log10"
    )
    assert "hop_length is 256 against 275" in mel.differences(mel.TACOTRON2, mel.FATCHORD)
    # Two spellings of one thing.
    assert mel.differences(mel.MELGAN, dataclasses.replace(mel.MELGAN, f_max=11025.0)) == ""
    assert mel.differences(mel.MELGAN, dataclasses.replace(mel.MELGAN, top_db=60.0)) == ""
    for one in mel.RECIPES.values():
        for other in mel.RECIPES.values():
            assert (one is other) == (not mel.differences(one, other))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n_fft": 0}, "n_fft"),
        ({"hop_length": 0}, "hop_length"),
        ({"win_length": 65}, "win_length"),
        ({"f_max": 8001.0}, "f_max 8001"),
        ({"f_min": 8000.0}, "f_min"),
        ({"framing": "left"}, "left"),
        ({"padding": "edge"}, "padding"),
        ({"power": 3}, "power"),
        ({"scale": "log"}, "scale"),
        ({"floor": 0.0}, "floor"),
        ({"hop_length": 65, "framing": "half_hop"}, "hop_length"),
    ],
)
def test_illegal_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change)


def test_a_waveform_without_samples_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        mel.mel_spectrogram(np.zeros([1, 0], np.float32), SMALL)
