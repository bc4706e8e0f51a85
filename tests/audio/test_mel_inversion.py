"""Mel inversion: lengths and features for every recipe, what is fitted, seeds, mistakes."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio import mel
from tfwave.audio.mel_inversion import mel_to_magnitude, mel_to_waveform

SMALL = mel.MelConfig(
    sample_rate=8000, n_fft=256, hop_length=64, win_length=256, n_mels=40, scale="log10"
)
recipes = pytest.mark.parametrize("recipe", mel.RECIPES.values(), ids=mel.RECIPES)


def voiced(time, sample_rate, seed=0):
    """A harmonic sound with moving pitch, in some noise."""
    random = np.random.default_rng(seed)
    pitch = 120 + 40 * np.sin(2 * np.pi * 1.5 * np.arange(time) / sample_rate)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    sound = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.1 * sound + 0.003 * random.standard_normal(time)).astype(np.float32)


@recipes
def test_every_recipe_comes_back_with_its_length_and_features(recipe):
    waveform = voiced(16 * recipe.hop_length, recipe.sample_rate)[np.newaxis]
    features = mel.mel_spectrogram(waveform, recipe)
    again = mel_to_waveform(features, recipe, iterations=30)
    assert again.dtype == tf.float32 and again.shape == waveform.shape
    reached = mel.mel_spectrogram(again, recipe)
    assert reached.shape == features.shape
    if recipe.scale == "linear":
        error = np.linalg.norm(reached - features) / np.linalg.norm(features)
        assert error < 0.3
    else:
        decibels = {"ln": 20 / np.log(10), "log10": 20, "unit_db": 100, "db": 1}[recipe.scale]
        assert decibels * np.abs(reached - features).mean() < 3.0
        # The level is kept.
        assert abs(decibels * float(tf.reduce_mean(reached - features))) < 1.5


@settings(max_examples=25)
@given(
    frames=st.integers(1, 12),
    framing=st.sampled_from(["centred", "half_hop"]),
    hop=st.sampled_from([16, 27, 64]),
    win=st.sampled_from([64, 50]),
    n_fft=st.sampled_from([64, 65]),
)
def test_lengths(frames, framing, hop, win, n_fft):
    hop = min(hop, win)
    config = dataclasses.replace(
        SMALL, n_fft=n_fft, win_length=win, hop_length=hop, n_mels=8, framing=framing
    )
    features = np.full([2, frames, 8], -1.0, np.float32)
    waveform = mel_to_waveform(features, config, 1)
    expected = frames * hop if framing == "half_hop" else (frames - 1) * hop
    assert waveform.shape == (2, expected)
    assert np.isfinite(waveform).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), power=st.sampled_from([1, 2]))
def test_magnitudes_give_the_features_and_are_not_negative(seed, power):
    config = dataclasses.replace(SMALL, power=power, floor=1e-10, n_mels=20)
    bins = np.random.default_rng(seed).gamma(1.0, size=[3, 129])
    features = np.log10(bins @ mel.mel_matrix(config).T.astype(np.float64))
    magnitude = mel_to_magnitude(features, config, rounds=200).numpy()
    assert magnitude.shape == (3, 129) and magnitude.min() >= 0
    reached = np.log10(magnitude**power @ mel.mel_matrix(config).T)
    np.testing.assert_allclose(reached, features, atol=2e-3)


def test_more_updates_fit_better():
    features = mel.mel_spectrogram(voiced(4096, 8000)[np.newaxis], SMALL)
    bands = 10.0 ** features.numpy()
    errors = []
    for rounds in (0, 3, 30):
        reached = mel_to_magnitude(features, SMALL, rounds).numpy() @ mel.mel_matrix(SMALL).T
        errors.append(np.abs(np.log(reached / bands)).mean())
    assert errors[0] > 2 * errors[1] and errors[1] > 2 * errors[2]


def test_bins_outside_all_bands_are_empty():
    config = dataclasses.replace(SMALL, f_min=500.0, f_max=2000.0, n_mels=10)
    magnitude = mel_to_magnitude(np.zeros([1, 2, 10], np.float32), config)[0].numpy()
    inside = mel.mel_matrix(config).sum(axis=0) > 0
    assert (magnitude[:, inside] > 0).all() and not magnitude[:, ~inside].any()


def test_fast_griffin_lim_comes_nearer_to_the_features():
    features = mel.mel_spectrogram(voiced(8192, 8000)[np.newaxis], SMALL)
    errors = [
        np.abs(mel.mel_spectrogram(mel_to_waveform(features, SMALL, *how), SMALL) - features).mean()
        for how in ((0, 0.0), (32, 0.0), (32, 0.99))
    ]
    assert errors[0] > errors[1] > errors[2]


def test_seeds_choose_the_first_phases():
    features = mel.mel_spectrogram(voiced(2048, 8000)[np.newaxis], SMALL)
    zero, again, one, same, two = (
        mel_to_waveform(features, SMALL, 0, seed=seed).numpy() for seed in (None, None, 1, 1, 2)
    )
    np.testing.assert_array_equal(zero, again)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - two).max() > 1e-3 and np.abs(one - zero).max() > 1e-3


def test_silence_stays_near_the_floor():
    features = np.tile(mel.silence(mel.MELGAN), [1, 8, 1])
    waveform = mel_to_waveform(features, mel.MELGAN, 4, seed=0).numpy()
    assert 0 < np.abs(waveform).max() < 0.01


def test_it_runs_in_a_graph_of_unknown_length():
    graph = tf.function(
        lambda features: mel_to_waveform(features, SMALL, 3, seed=5),
        input_signature=[tf.TensorSpec([None, None, 40], tf.float32)],
    )
    for frames in (4, 9):
        features = np.random.default_rng(0).uniform(-3, 0, [2, frames, 40]).astype(np.float32)
        np.testing.assert_allclose(
            graph(features), mel_to_waveform(features, SMALL, 3, seed=5), atol=1e-3
        )


@pytest.mark.parametrize(
    "features, message",
    [
        (np.zeros([1, 5, 39], np.float32), "40 mel bands, not 39"),
        (np.zeros([1, 0, 40], np.float32), "at least one frame"),
        (np.zeros([40], np.float32), r"\[\.\.\., frames, n_mels\], not \[40\]"),
        (np.full([1, 5, 40], np.nan, np.float32), "finite"),
        (np.full([1, 5, 40], 50.0, np.float32), "finite"),
        (np.zeros([1, 5, 40], np.int32), "floating point numbers, not int32"),
    ],
)
def test_features_of_another_kind_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        mel_to_waveform(features, SMALL)


def test_bad_arguments_are_named():
    features = np.zeros([1, 5, 40], np.float32)
    with pytest.raises(ValueError, match="iterations.*-1"):
        mel_to_waveform(features, SMALL, -1)
    with pytest.raises(ValueError, match="momentum.*-0.5"):
        mel_to_waveform(features, SMALL, 1, -0.5)
    sparse = dataclasses.replace(SMALL, hop_length=200, win_length=100)
    with pytest.raises(ValueError, match=r"hop_length .* \(100\).* not 200"):
        mel_to_waveform(features, sparse)
