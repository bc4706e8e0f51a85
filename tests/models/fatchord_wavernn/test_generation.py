"""Generation from the public mel-conditioned WaveRNN: the loop, folds, seeds, bad requests."""

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfwave.audio.mel import MelConfig
from tfwave.layers.tracking import trained_variables
from tfwave.models import sampler
from tfwave.models.fatchord_wavernn import generation
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN, labels_of
from tfwave.models.wavenet import outputs as wavenet_outputs

MEL = MelConfig(sample_rate=8000, n_fft=64, hop_length=6, win_length=24, n_mels=5)
TINY = dict(
    mel=MEL,
    upsampling=(2, 3),
    units=8,
    dense_units=6,
    resnet_channels=4,
    resnet_blocks=1,
    aux_channels=8,
    mixtures=3,
    bits=4,
)
OUTPUTS = ("logistic_mixture", "categorical")
BLOCK = 40
FOLDS = {"batched": True, "target": 30, "overlap": 10}


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    """Several blocks in a short clip, whose borders must not be heard."""
    monkeypatch.setattr(sampler, "BLOCK", BLOCK)


@pytest.fixture(scope="module", params=OUTPUTS)
def model(request):
    made = FatchordWaveRNN(FatchordWaveRNNConfig(**TINY, output=request.param))
    rng = np.random.default_rng(3)
    for variable in trained_variables(made.network):
        variable.assign(rng.normal(0, 0.4, variable.shape))
    return made


def _features(clips=1, frames=22, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, [clips, frames, 5]).astype(np.float32)


# The loop.


def test_samples_are_drawn_from_what_teacher_forcing_says(model):
    config, network = model.config, model.network
    rows = generation.conditioning(network, tf.constant(_features(2, 21)))
    made = generation.run(network, rows, seed=4, xla=False)
    assert made.shape == (2, 21 * 6) and np.abs(made).max() <= 1.0
    inputs = tf.pad(made[:, :-1], [[0, 0], [1, 0]])  # from 0, not from the level of silence
    params = network.outputs_of(inputs, rows[..., :5], rows[..., 5:])
    blocks = [
        wavenet_outputs.draws(config, tf.constant(4), tf.constant(n), 2, BLOCK) for n in range(4)
    ]
    draws = [tf.concat(arrays, axis=0) for arrays in zip(*blocks, strict=True)]
    draw = generation.FatchordSteps(config).draw
    found = [draw(params[:, t], [each[t] for each in draws]) for t in range(made.shape[1])]
    np.testing.assert_allclose(np.stack(found, axis=1), made, atol=2e-4)
    given_draws = generation.run(network, rows, draws=tuple(draws), xla=False)
    np.testing.assert_array_equal(given_draws, made)


def test_compiled_and_uncompiled_loops_agree(model):
    one, two = (model.generate(_features(), greedy=True, xla=xla) for xla in (True, False))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_same_seed_same_audio_whatever_the_other_clips(model):
    features = _features(3)
    three = model.generate(features, seed=2, xla=False)
    assert three.shape == (3, 21 * 6, 1) and three.dtype == tf.float32
    assert np.abs(three).max() <= 1.0
    np.testing.assert_array_equal(three, model.generate(features, seed=2, xla=False))
    one = model.generate(features[:1], seed=2, xla=False)
    np.testing.assert_allclose(three[:1], one, atol=1e-5)
    other = model.generate(features[:1], seed=3, xla=False)
    assert (one.numpy() != other.numpy()).any()


def test_groups_of_rows_change_nothing(model):
    rows = generation.conditioning(model.network, tf.constant(_features(5)))
    one, three = (generation.run(model.network, rows, seed=1, xla=False, groups=n) for n in (1, 3))
    np.testing.assert_allclose(one, three, atol=1e-5)


def test_a_low_temperature_keeps_to_the_likely(model):
    rows = generation.conditioning(model.network, tf.constant(_features()))
    greedy = generation.run(model.network, rows, greedy=True, xla=False)
    cold = generation.run(model.network, rows, temperature=1e-5, xla=False)
    np.testing.assert_allclose(cold, greedy, atol=1e-2)


def test_levels_are_decoded_after_generation(model):
    config = model.config
    values = generation.scaled(config, tf.range(16))
    waveform = generation.decoded(config, values)
    if config.output == "logistic_mixture":
        np.testing.assert_array_equal(waveform, values)
    else:
        np.testing.assert_array_equal(labels_of(config, waveform), np.arange(16))


def test_the_end_fades_out():
    waveform = generation.faded(np.ones([2, 150]), 6)
    np.testing.assert_array_equal(waveform[:, :30], 1.0)
    np.testing.assert_allclose(waveform[:, 30:], np.tile(np.linspace(1, 0, 120), [2, 1]))


# Folds.


shapes = {"target": st.integers(1, 40), "overlap": st.integers(0, 12)}


@settings(max_examples=60)
@given(samples=st.integers(1, 200), **shapes)
def test_folds_cover_the_clip_and_join_to_its_length(samples, target, overlap):
    count = generation.fold_count(samples, target, overlap)
    clip = np.random.default_rng(samples).normal(size=(2, samples, 3)).astype(np.float32)
    folds = generation.folded(tf.constant(clip), target, overlap).numpy()
    assert folds.shape == (2, count, target + 2 * overlap, 3)
    joined = count * (target + overlap) + overlap
    assert samples <= joined
    assert count == 1 or joined - (target + overlap) < samples  # no fold that is not needed
    assert generation.unfolded(folds[..., 0], overlap).shape == (2, joined)
    for i in range(count):
        part = clip[:, i * (target + overlap) :][:, : target + 2 * overlap]
        np.testing.assert_array_equal(folds[:, i, : part.shape[1]], part)
        assert not folds[:, i, part.shape[1] :].any()


@settings(max_examples=60)
@given(count=st.integers(1, 5), **shapes)
def test_crossfades_keep_the_power(count, target, overlap):
    length = target + 2 * overlap
    # The joint signal of folds with independent noise has the power of the squared weights.
    power = sum(
        generation.unfolded(np.eye(count)[i][np.newaxis, :, np.newaxis] * np.ones(length), overlap)
        ** 2
        for i in range(count)
    )
    inner = power[0, overlap : power.shape[1] - overlap]
    np.testing.assert_allclose(inner, 1.0, atol=1e-12)
    assert power.max() <= 1.0 + 1e-12


@settings(max_examples=30)
@given(count=st.integers(1, 4), **shapes)
def test_between_overlaps_the_folds_stay_as_they_are(count, target, overlap):
    folds = np.random.default_rng(count).normal(size=(1, count, target + 2 * overlap))
    joined = generation.unfolded(folds, overlap)
    for i in range(count):
        first = i * (target + overlap) + overlap
        np.testing.assert_array_equal(
            joined[0, first : first + target], folds[0, i, overlap : overlap + target]
        )


def test_a_clip_in_folds_has_its_length_and_begins_silent(model):
    made = model.generate(_features(2, 25), seed=1, xla=False, **FOLDS)
    assert made.shape == (2, 24 * 6, 1) and np.abs(made).max() <= 1.0
    silence = generation.decoded(model.config, tf.zeros([]))
    np.testing.assert_allclose(made[:, :5], np.full([2, 5, 1], silence), atol=1e-6)
    np.testing.assert_array_equal(
        made, model.generate(_features(2, 25), seed=1, xla=False, **FOLDS)
    )


def test_folds_of_a_clip_do_not_hear_each_other(model):
    network, features = model.network, _features(1, 25)
    rows = generation.folded(generation.conditioning(network, tf.constant(features)), 30, 10)[0]
    made = generation.run(network, rows, greedy=True, xla=False)
    alone = generation.run(network, rows[2:3], greedy=True, xla=False)
    np.testing.assert_allclose(made[2:3], alone, atol=1e-4)
    joined = generation.unfolded(generation.decoded(model.config, made)[np.newaxis], 10)
    whole = model.generate(features, greedy=True, xla=False, **FOLDS)
    expected = np.clip(generation.faded(joined[:, : 24 * 6], 6), -1.0, 1.0)[..., np.newaxis]
    np.testing.assert_allclose(whole, expected, atol=1e-4)


# Bad requests.


@pytest.mark.parametrize(
    "features, how, words",
    [
        (np.zeros([1, 22, 4]), {}, r"features must have shape .*5\], not \(1, 22, 4\)"),
        (np.zeros([22, 5]), {}, "features must have shape"),
        (np.zeros([1, 20, 5]), {}, "at least 21 frames, not 20"),
        (np.zeros([1, 0, 5]), {}, "at least 21 frames, not 0"),
        (np.full([1, 22, 5], np.nan), {}, "features must be finite"),
        (np.zeros([1, 22, 5]), {"target": 0}, "target must be 1 or more samples, not 0"),
        (np.zeros([1, 22, 5]), {"overlap": -1}, "overlap must be 0 or more samples, not -1"),
        (np.zeros([1, 22, 5]), {"temperature": 0.0}, "temperature must be above 0, not 0"),
    ],
)
def test_wrong_requests_are_refused_in_words(model, features, how, words):
    with pytest.raises(ValueError, match=words):
        model.generate(features, xla=False, **how)
