"""Subscale WaveRNN: what a sample may depend on, batched as one-by-one generation, bad input."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.layers.tracking import trained_variables
from tfwave.losses.likelihood import sample_softmax
from tfwave.models import sampler
from tfwave.models.wavernn import generation, subscale_generation
from tfwave.models.wavernn.cell import halves_of, waveform_of
from tfwave.models.wavernn.config import SubscaleWaveRNNConfig
from tfwave.models.wavernn.subscale import SubscaleWaveRNN

MEL = MelConfig(sample_rate=8000, n_fft=64, hop_length=8, win_length=40, n_mels=5)
TENSORS, STEPS, FUTURE, REACH = 4, 20, 8, 6
TINY = dict(
    units=16,
    bins=16,
    mel=MEL,
    sequence=80,
    tensors=TENSORS,
    future=FUTURE,
    dilations=(1, 2),
    conv_channels=6,
    residual_channels=8,
)
FEATURES = dict(TINY, conditioning="features", conditioning_channels=6)


def _generate(model, samples=None, clips=None, **kwargs):
    return model.generate(samples=samples, count=clips, **kwargs)


@pytest.fixture(scope="module")
def model():
    return _model(TINY)


def _model(sizes, spread=0.4):
    """A model whose draws depend on everything that they may."""
    made = SubscaleWaveRNN(SubscaleWaveRNNConfig(**sizes))
    rng = np.random.default_rng(3)
    for variable in trained_variables(made.network):
        variable.assign(rng.normal(0, spread, variable.shape))
    return made


def _halves(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 16, [1, 1 + TENSORS * STEPS]) for _ in range(2)]


def _logits(model, halves):
    return [np.array(x)[0] for x in model.network(*(tf.constant(half) for half in halves))]


def _allowed(s, i):
    """Indices in time of the samples that the paper's scheme lets sample i of sub-tensor s see."""
    own = {TENSORS * j + s for j in range(i)}
    return own | {TENSORS * k + z for z in range(s) for k in range(min(i + FUTURE, STEPS))}


# What a sample may depend on.


@pytest.mark.parametrize("s", [0, 2, TENSORS - 1])
@pytest.mark.parametrize("i", [0, 9, STEPS - 1])
def test_what_is_not_allowed_changes_nothing(model, s, i):
    halves, sample = _halves(), TENSORS * i + s
    rng = np.random.default_rng(sample)
    changed = [rng.integers(0, 16, half.shape) for half in halves]
    for time in _allowed(s, i):
        for now, before in zip(changed, halves, strict=True):
            now[0, 1 + time] = before[0, 1 + time]
    changed[0][0, 1 + sample] = halves[0][0, 1 + sample]  # known to its own fine half
    before, after = _logits(model, halves), _logits(model, changed)
    np.testing.assert_array_equal(before[0][sample], after[0][sample])
    np.testing.assert_array_equal(before[1][sample], after[1][sample])
    changed[0][0, 1 + sample] = 15 - changed[0][0, 1 + sample]
    after = _logits(model, changed)
    np.testing.assert_array_equal(before[0][sample], after[0][sample])
    assert (before[1][sample] != after[1][sample]).any()


def test_every_sample_that_is_changed_changes_only_what_may_see_it(model):
    halves, seen = _halves(1), {}
    changed = [np.repeat(half, TENSORS * STEPS, axis=0) for half in halves]
    every = np.arange(TENSORS * STEPS)  # row t has sample t changed
    changed[0][every, 1 + every] = 15 - changed[0][every, 1 + every]
    after = model.network(*map(tf.constant, changed))[0].numpy()
    before = model.network(*(tf.repeat(half, TENSORS * STEPS, axis=0) for half in halves))[0]
    for time, sample in np.argwhere((before.numpy() != after).any(axis=-1)):
        seen.setdefault(int(sample), set()).add(int(time))
    for sample, times in seen.items():
        assert times <= _allowed(sample % TENSORS, sample // TENSORS)
    # Sub-tensor 2 at step 3 sees both earlier sub-tensors REACH steps ahead and no further.
    times = seen[TENSORS * 3 + 2]
    for z in (0, 1):
        assert {TENSORS * k + z for k in range(3 + REACH + 1)} == {
            time for time in times if time % TENSORS == z
        }
    assert {TENSORS * k + 2 for k in range(3)} == {t for t in times if t % TENSORS == 2}
    assert not seen.get(0)


def test_sub_tensors_are_interleaved():
    signal = tf.reshape(tf.range(2 * 12 * 3), [2, 12, 3])
    parts = subscale_generation.folded(signal, 4)
    assert parts.shape == (2, 4, 3, 3)
    np.testing.assert_array_equal(parts[:, 1], signal[:, 1::4])
    np.testing.assert_array_equal(subscale_generation.unfolded(parts), signal)


def test_convolutions_in_parts_give_what_they_give_at_once(model):
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 20, 16)), tf.float32)
    whole = model.network.ahead(x)
    assert whole.shape == (3, 20 - REACH, 48)
    caches, parts = model.network.ahead.empty(3), []
    for first in range(0, 20, 5):
        rows, caches = model.network.ahead.further(x[:, first : first + 5], caches)
        parts.append(rows)
    np.testing.assert_allclose(tf.concat(parts, 1)[:, REACH:], whole, atol=1e-5)


# Generation.


def _one_by_one(model, steps, clips, seed, features=None):
    """All of sub-tensor 0, then all of sub-tensor 1, and so on: float32 [clips, samples, 1]."""
    config, network = model.config, model.network
    weights = generation.fold(network.cell)
    model = generation.WaveRNNSteps(config.bins, hop=1)
    draws = model.noise(seed, 0, clips)
    done = tf.zeros([clips, config.tensors, steps, 2], tf.int32)
    for s in range(config.tensors):
        told = network.known(done[..., 0], done[..., 1])[:, s]
        terms = tf.transpose(generation.by_halves(network.ahead(told)), [1, 0, 2])
        samples = config.tensors * tf.range(steps) + s
        if features is not None:
            padding = ((0, 0), (config.frame_padding, config.frame_padding), (0, 0))
            local = network.conditioner(np.pad(features, padding, "edge"))
            local = tf.transpose(generation.by_halves(local), [1, 0, 2])
            terms += tf.gather(local, samples // config.hop_length)
        state = generation.silence(config.units, config.bins, clips)
        drawn = tf.gather(draws, samples)
        made, _ = sampler.advance(model, weights, state, (terms, 0), drawn, 1.0)
        made = tf.transpose(made, [1, 0, 2])[:, tf.newaxis]
        done = tf.concat([done[:, :s], made, done[:, s + 1 :]], axis=1)
    made = subscale_generation.unfolded(done)
    return waveform_of(made[..., 0], made[..., 1], config.bins)[..., tf.newaxis]


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(
    "changes, samples", [({}, 75), ({"tensors": 2, "future": 9}, 75), ({"tensors": 1}, 20), ({}, 3)]
)
def test_generation_is_that_of_one_sub_tensor_after_the_other(changes, samples, xla):
    model = _model({**TINY, **changes})
    one = _one_by_one(model, -(-samples // model.config.tensors), 2, 4)[:, :samples]
    assert len(np.unique(one)) > samples // 4
    np.testing.assert_array_equal(one, _generate(model, samples, clips=2, seed=4, xla=xla))


def test_conditioned_generation_is_that_of_one_sub_tensor_after_the_other():
    model = _model(FEATURES)
    features = np.random.default_rng(2).normal(size=(2, 10, 5)).astype(np.float32)
    one, side_by_side = _one_by_one(model, 20, 2, 0, features), _generate(model, features=features)
    assert one.shape == (2, 80, 1)
    np.testing.assert_array_equal(one, side_by_side)
    other = _generate(model, features=features + 1.0)
    assert (np.array(other) != np.array(one)).any()


def test_frames_that_do_not_divide_into_sub_tensors():
    model = _model({**FEATURES, "mel": dataclasses.replace(MEL, hop_length=10)})
    features = np.random.default_rng(2).normal(size=(1, 3, 5)).astype(np.float32)
    made = _generate(model, features=features, xla=False)
    assert made.shape == (1, 30, 1)


def test_samples_are_drawn_from_what_teacher_forcing_says(model):
    made = np.array(_generate(model, 80, clips=2, seed=6, xla=False))[..., 0]
    halves = halves_of(np.pad(made, [[0, 0], [1, 0]]).astype(np.float32), 16)
    logits = model.network(*halves)
    uniform = generation.WaveRNNSteps(16, hop=1).noise(6, 0, 2)
    for half, values in enumerate(halves):
        found = [sample_softmax(logits[half][:, t], uniform[t, :, half]) for t in range(80)]
        np.testing.assert_array_equal(np.stack(found, axis=1), values[:, 1:])


# The model.


def test_defaults_are_the_paper_s():
    config = SubscaleWaveRNNConfig()
    assert (config.units, config.tensors, config.future) == (1024, 16, 128)
    assert len(config.dilations) == 10 and len(set(config.dilations)) == 5
    assert (config.conv_channels, config.residual_channels) == (384, 768)
    assert config.reach == 124 and config.chunk == 4
    assert SubscaleWaveRNNConfig(**dataclasses.asdict(config)) == config


def test_training_learns_and_checkpoints_bring_it_back(tmp_path):
    model = SubscaleWaveRNN(SubscaleWaveRNNConfig(**FEATURES, learning_rate=0.01))
    model.compile()
    wave = 0.8 * np.sin(np.arange(81) / 3.0 + np.arange(2)[:, np.newaxis])
    features = np.random.default_rng(0).normal(size=(2, 11 + 4, 5))
    data = {"waveform": wave, "features": features}
    data = {name: tf.constant(array, tf.float32) for name, array in data.items()}
    step = tf.function(model.train_step, autograph=False)
    losses = [float(step(data)["loss"]) for _ in range(30)]
    assert losses[-1] < 0.9 * losses[0]
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "checkpoint"))
    other = SubscaleWaveRNN(model.config, seed=5)
    other.compile()
    tf.train.Checkpoint(model=other).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(model(data)[0], other(data)[0])


# Bad input.


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("tensors", 0, "1 or more"),
        ("future", 6, "above 6, the steps that the convolutions look ahead"),
        ("dilations", (), "one or more"),
        ("conv_channels", 0, "1 or more"),
        ("sequence", 81, "a multiple of the 4 sub-tensors"),
        ("units", 5, "even"),
    ],
)
def test_impossible_settings_are_named(field, value, words):
    with pytest.raises(ValueError, match=rf"SubscaleWaveRNNConfig\.{field} is .*{words}"):
        SubscaleWaveRNNConfig(**{**TINY, field: value})


def test_samples_that_do_not_fill_the_sub_tensors_are_refused(model):
    with pytest.raises(ValueError, match="79 samples do not divide into 4 sub-tensors"):
        model.predictions({"waveform": tf.zeros([1, 80])})


@pytest.mark.parametrize("how", [{}, {"samples": 0}, {"samples": 8, "temperature": -1.0}])
def test_wrong_requests_are_refused(model, how):
    with pytest.raises(ValueError, match="samples|temperature"):
        _generate(model, **how)
