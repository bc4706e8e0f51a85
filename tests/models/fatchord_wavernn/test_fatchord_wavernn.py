"""The public mel-conditioned WaveRNN: sizes, levels, layers, the update, wrong settings."""

import dataclasses
import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfwave.audio import mulaw
from tfwave.audio.mel import FATCHORD, MelConfig
from tfwave.layers.tracking import trained_variables
from tfwave.losses.optimizers import TorchAdam
from tfwave.models.fatchord_wavernn import generation
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN, labels_of
from tfwave.models.fatchord_wavernn.networks import FatchordNetwork, TorchBatchNorm

MEL = MelConfig(sample_rate=8000, n_fft=64, hop_length=6, win_length=24, n_mels=5)
TINY = dict(
    mel=MEL,
    upsampling=(2, 3),
    units=8,
    dense_units=6,
    resnet_channels=4,
    resnet_blocks=2,
    aux_channels=8,
    mixtures=3,
    bits=4,
)
OUTPUTS = ("logistic_mixture", "categorical")


def _batch(config, batch=3, frames=4, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(frames * config.hop_length + 1)
    waveform = 0.7 * np.sin(time / 3.0 + rng.uniform(0, 6, [batch, 1]))
    features = rng.uniform(0, 1, [batch, frames + 1 + 2 * config.frame_padding, 5])
    data = {"waveform": waveform, "features": features}
    return {name: tf.constant(array, tf.float32) for name, array in data.items()}


def _model(output="logistic_mixture", seed=0, **changes):
    model = FatchordWaveRNN(FatchordWaveRNNConfig(**{**TINY, "output": output, **changes}), seed)
    model.compile()
    return model


def _arrays(model):
    return [variable.numpy() for variable in trained_variables(model.network)]


# Sizes.


@pytest.mark.parametrize("output, count", [(OUTPUTS[0], 4_233_675), (OUTPUTS[1], 4_480_941)])
def test_published_sizes(output, count):
    network = FatchordNetwork(FatchordWaveRNNConfig(output=output))
    network.build()
    assert sum(math.prod(v.shape) for v in trained_variables(network)) == count


def test_defaults_are_those_of_the_public_settings():
    config = FatchordWaveRNNConfig()
    assert config.mel == FATCHORD
    assert (config.sample_rate, config.hop_length, config.segment_len) == (22050, 275, 1375)
    assert (config.output_channels, config.levels) == (30, 65536)
    raw = FatchordWaveRNNConfig(output="categorical")
    assert (raw.output_channels, raw.levels, raw.mu_law) == (512, 512, True)
    assert FatchordWaveRNNConfig(**dataclasses.asdict(config)) == config


def test_initial_values_are_within_pytorch_s_limits():
    network = _model(units=64, dense_units=32).network
    for layer, inputs in ((network.inputs_layer, 8), (network.fc1, 66), (network.rnn1.cell, 64)):
        for part in (layer.kernel, layer.bias):
            assert 0.5 < np.abs(part).max() * math.sqrt(inputs) <= 1.0
    np.testing.assert_allclose(network.stretch.upsamplings[1].kernel, 1 / 7, rtol=1e-6)


# Levels of the waveform.


@settings(max_examples=30)
@given(st.integers(2, 16), st.booleans(), st.integers(0, 2**32 - 1))
def test_levels_survive_decoding(bits, mu_law, seed):
    config = FatchordWaveRNNConfig(output="categorical", bits=bits, mu_law=mu_law)
    labels = np.random.default_rng(seed).integers(0, config.levels, 50).astype(np.int32)
    inputs = generation.scaled(config, labels)
    assert np.abs(inputs).max() <= 1.0
    # Uncompanded levels are truncated, so that rounding may cost one.
    slack = 0 if mu_law and bits <= 12 else 1
    again = labels_of(config, generation.decoded(config, inputs)).numpy()
    assert np.abs(again - labels).max() <= slack


def test_levels_of_the_three_kinds():
    waveform = tf.constant([-1.0, -0.25, 0.0, 0.3, 1.0, 1.5])
    mixture = labels_of(FatchordWaveRNNConfig(), waveform)
    np.testing.assert_array_equal(mixture, [0, 24575, 32767, 42597, 65535, 65535])
    linear = FatchordWaveRNNConfig(output="categorical", bits=4, mu_law=False)
    np.testing.assert_array_equal(labels_of(linear, waveform), [0, 5, 7, 9, 15, 15])
    companded = labels_of(FatchordWaveRNNConfig(output="categorical"), waveform)
    np.testing.assert_array_equal(companded, mulaw.encode(waveform, 512, "nearest"))


# Layers.


def test_batch_norm_moves_to_the_unbiased_variance():
    x = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, [2, 3, 4]), tf.float32)
    layer = TorchBatchNorm()
    layer.build(x.shape)
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y.mean((0, 1)), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.var((0, 1)), 1.0, atol=1e-4)
    flat = x.numpy().reshape(6, 4)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * flat.mean(0), rtol=1e-5)
    unbiased = 0.9 + 0.1 * flat.var(0, ddof=1)
    np.testing.assert_allclose(layer.moving_variance, unbiased, rtol=1e-5)
    before = layer.moving_mean.numpy()
    expected = (x - before) / np.sqrt(unbiased + 1e-5)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_conditioning_covers_the_frames_without_their_context():
    network = _model().network
    features = _batch(network.config)["features"]
    mels, aux = network.conditioning(features)
    assert mels.shape == (3, 5 * 6, 5) and aux.shape == (3, 5 * 6, 8)
    np.testing.assert_array_equal(aux[:, 6], aux[:, 11])
    changed = np.array(features)
    changed[:, 0] += 1.0  # reaches 2 frames on: the first frame after the padding
    other = network.conditioning(tf.constant(changed))[1].numpy()
    assert (other[:, :6] != aux[:, :6].numpy()).any()
    np.testing.assert_allclose(other[:, 6:], aux[:, 6:], rtol=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_prediction_knows_no_later_sample(output):
    model = _model(output)
    data = _batch(model.config)
    waveform = data["waveform"].numpy()
    waveform[:, 10] *= -1.0
    before, after = (np.array(model({**data, "waveform": w})) for w in (data["waveform"], waveform))
    np.testing.assert_array_equal(before[:, :10], after[:, :10])
    assert (before[:, 10] != after[:, 10]).any()


# The update.


@pytest.mark.parametrize("output", OUTPUTS)
def test_training_learns_and_checkpoints_bring_it_back(output, tmp_path):
    model = _model(output, learning_rate=1e-2)
    data = _batch(model.config)
    step = tf.function(model.train_step, autograph=False)
    losses = [float(step(data)["loss"]) for _ in range(40)]
    assert losses[-1] < losses[0] - 0.3 and np.isfinite(losses).all()
    assert int(model.step) == 40
    path = tf.train.Checkpoint(model=model).save(str(tmp_path / "checkpoint"))
    other = _model(output, seed=5)
    assert (np.array(model(data)) != np.array(other(data))).any()
    tf.train.Checkpoint(model=other).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(model(data), other(data))
    scores = model.test_step(data)
    assert float(scores["samples"]) == 3 * 24
    assert float(other.test_step(data)["nats_per_sample"]) == float(scores["nats_per_sample"])


def test_gradients_are_clipped_together():
    model = _model(clip_norm=1e-3)
    before, data = _arrays(model), _batch(model.config)
    loss, gradients = model.loss_and_gradients(data)
    norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in gradients))
    assert norm > 1e-2
    again = _model(clip_norm=1e-3)
    metrics = again.train_step(data)
    assert float(metrics["loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(metrics["grad_norm"]) == pytest.approx(norm, rel=1e-4)
    twin = _model()
    clipped = [g * (1e-3 / norm) for g in gradients]
    twin.optimizer.apply_gradients(zip(clipped, trained_variables(twin.network), strict=True))
    for found, expected, start in zip(_arrays(again), _arrays(twin), before, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert (found != start).any()


def test_optimizer_is_pytorch_s_adam_at_the_configured_rate():
    optimizer = _model().optimizer
    assert isinstance(optimizer, TorchAdam) and optimizer.epsilon == 1e-8
    assert float(optimizer.learning_rate) == pytest.approx(1e-4)


def test_samples_beyond_the_length_do_not_count():
    model = _model()
    data = _batch(model.config)
    short = {**data, "length": tf.constant([11, 25, 25])}
    scores = model.test_step(short)
    assert float(scores["samples"]) == 10 + 2 * 24
    waveform = data["waveform"].numpy()
    waveform[0, 11:] = 0.0
    other = model.test_step({**short, "waveform": tf.constant(waveform)})
    assert float(scores["nats_per_sample"]) == pytest.approx(float(other["nats_per_sample"]))


# Wrong settings.


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("output", "raw", "one of logistic_mixture, categorical"),
        ("bits", 1, "2 to 16"),
        ("units", 0, "1 or more"),
        ("mixtures", 0, "1 or more"),
        ("segment_frames", 0, "1 or more"),
        ("frame_padding", -1, "0 or more"),
        ("upsampling", (2, 4), "factors of mel.hop_length, 6"),
        ("aux_channels", 6, "a multiple of 4"),
        ("learning_rate", 0.0, "above 0"),
        ("clip_norm", -1.0, "above 0"),
    ],
)
def test_impossible_settings_are_named(field, value, words):
    with pytest.raises(ValueError, match=rf"FatchordWaveRNNConfig\.{field} is .*{words}"):
        FatchordWaveRNNConfig(**{**TINY, field: value})
