"""WaveGlow: sizes, both directions, exact likelihood, training, sampling, mistakes."""

import dataclasses
import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfwave.audio.mel import TACOTRON2
from tfwave.layers.normalized_conv import NormalizedConv1D
from tfwave.layers.tracking import find_layers, trained_variables
from tfwave.losses.optimizers import TorchAdam
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.coupling import CouplingNetwork, InvertibleMix
from tfwave.models.waveglow.networks import WaveGlowNetwork
from tfwave.models.waveglow.waveglow import WaveGlow, flow_loss

MEL = dataclasses.replace(TACOTRON2, n_fft=64, win_length=64, hop_length=16, n_mels=5)
SMALL = WaveGlowConfig(
    mel=MEL,
    flows=3,
    early_every=2,
    channels=8,
    layers=2,
    upsampling_kernel=64,
    segment_len=256,
    learning_rate=1e-3,
)
TINY = dataclasses.replace(SMALL, group=4, flows=2, early_every=1, channels=4)


def _clips(samples=256, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / MEL.sample_rate
    tones = np.sin(2 * np.pi * rng.uniform(200, 4000, [batch, 1]) * time)
    return tf.constant(0.5 * tones + 0.01 * rng.normal(size=tones.shape), tf.float32)


def _stirred(model, seed=0):
    """A model whose couplings and matrices are far from their start."""
    rng = np.random.default_rng(seed)
    network = model if isinstance(model, WaveGlowNetwork) else model.network
    for mix, coupling in zip(network.mixes, network.couplings, strict=True):
        coupling.end_kernel.assign(0.3 * rng.normal(size=coupling.end_kernel.shape))
        coupling.end_bias.assign(0.1 * rng.normal(size=coupling.end_bias.shape))
        kernel = np.asarray(mix.kernel)
        mix.kernel.assign(1.2 * kernel + 0.05 * rng.normal(size=kernel.shape))
    return model


def _size(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.fixture(scope="module")
def stirred():
    """A model that tests use as it is."""
    return _stirred(WaveGlow(SMALL))


# Sizes.


@pytest.mark.parametrize(
    ("channels", "whole", "plain"), [(256, 87_879_272, 87_731_816), (512, 268_294_760, 267_999_848)]
)
def test_published_sizes(channels, whole, plain):
    config = WaveGlowConfig(channels=channels)
    assert config.widths == [8] * 4 + [6] * 4 + [4] * 4
    # One flow of each width stands for the four that there are.
    network = WaveGlowNetwork(dataclasses.replace(config, flows=3, early_every=1))
    network.build()
    once = _size(network.upsampling.trainable_variables)
    assert once == 6_553_680
    count = 4 * (_size(network.trainable_variables) - once) + once
    gains = 4 * _size(layer.gain for layer in find_layers(network, NormalizedConv1D))
    assert (count, count - gains) == (whole, plain)


def test_defaults_are_the_code_s():
    config = WaveGlowConfig()
    assert (config.mel, config.sigma) == (TACOTRON2, 1.0)
    assert (config.segment_len, config.learning_rate) == (16000, 1e-4)
    assert (config.sample_rate, config.hop_length) == (22050, 256)
    model = WaveGlow(SMALL)
    model.compile()
    assert isinstance(model.optimizer, TorchAdam)


def test_matrices_start_as_rotations_and_couplings_change_nothing():
    network = WaveGlow(SMALL).network
    for mix in network.mixes:
        kernel = np.asarray(mix.kernel, np.float64)
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(len(kernel)), atol=1e-6)
        assert np.linalg.det(kernel) == pytest.approx(1.0, abs=1e-5)
    assert len({np.asarray(mix.kernel)[0, 0] for mix in network.mixes}) == SMALL.flows
    z, log_scales, log_dets = network(_clips(), tf.ones([2, 17, 5]))
    assert all(not np.any(log_scale) for log_scale in log_scales)
    np.testing.assert_allclose(log_dets, 0.0, atol=1e-5)
    # Rotations keep the energy.
    energy = np.sum(np.square(_clips()))
    assert float(tf.reduce_sum(tf.square(z))) == pytest.approx(energy, rel=1e-5)


# The network of a coupling.


def _plainly(network, x, conditioning):
    """The coupling's network layer by layer, in float64."""

    def convolve(x, layer):
        kernel = np.asarray(layer.effective_kernel(), np.float64)
        span = (kernel.shape[0] - 1) * layer.dilation
        padded = np.pad(x, [(0, 0), (span // 2, span // 2), (0, 0)])
        time = x.shape[1]
        taps = [
            padded[:, i * layer.dilation : i * layer.dilation + time] for i in range(len(kernel))
        ]
        return sum(tap @ k for tap, k in zip(taps, kernel, strict=True)) + np.asarray(layer.bias)

    n = network.channels
    hidden, skips = convolve(x, network.start), 0.0
    from_mel = convolve(conditioning, network.conditioner)
    for i, (inner, outer) in enumerate(zip(network.inner, network.outer, strict=True)):
        gates = convolve(hidden, inner) + from_mel[..., 2 * n * i : 2 * n * (i + 1)]
        out = convolve(np.tanh(gates[..., :n]) / (1 + np.exp(-gates[..., n:])), outer)
        skips = skips + out[..., -n:]
        if out.shape[-1] > n:
            hidden = hidden + out[..., :n]
    out = skips @ np.asarray(network.end_kernel, np.float64) + np.asarray(network.end_bias)
    return out[..., : network.half], out[..., network.half :]


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("time", [1, 7, 45])
def test_regrouped_arithmetic_is_that_of_the_layers(kernel_size, time):
    network = CouplingNetwork(3, 10, 6, 4, kernel_size, "weight", seed=5, name="wn")
    network.build()
    rng = np.random.default_rng(time)
    for variable in network.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) * 0.5)
    x, conditioning = rng.normal(size=[2, time, 3]), rng.normal(size=[2, time, 10])
    found = network(tf.constant(x, tf.float32), tf.constant(conditioning, tf.float32))
    for actual, expected in zip(found, _plainly(network, x, conditioning), strict=True):
        np.testing.assert_allclose(actual, expected, atol=2e-5)


# Both directions.


@settings(max_examples=6)
@given(
    flows=st.integers(1, 3),
    early_every=st.integers(1, 3),
    groups=st.integers(8, 40),
    rest=st.integers(0, 7),
    kernel_size=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_the_inverse_brings_waveforms_back(flows, early_every, groups, rest, kernel_size, seed):
    config = dataclasses.replace(
        SMALL, flows=flows, early_every=early_every, kernel_size=kernel_size
    )
    model = _stirred(WaveGlow(config, seed), seed)
    waveform = _clips(8 * groups + rest, seed=seed)
    features = model.mel_spectrogram(waveform)
    z, _, _ = model.network(waveform, features)
    assert z.shape == (2, groups, 8)
    back = model.network.inverse(z, features)
    np.testing.assert_allclose(back, waveform[:, : 8 * groups], atol=1e-4)


def test_invert_gives_the_waveform_of_its_noise(stirred):
    model = stirred
    waveform = _clips(250)  # 15 frames of 16 samples and 10 more
    features = model.mel_spectrogram(waveform)[:, :15]
    z = model.network(waveform[:, :240], features)[0]
    back = model.invert(z, features)[:, :, 0]
    np.testing.assert_allclose(back, waveform[:, :240], atol=1e-4)
    np.testing.assert_allclose(model(waveform).shape, [2, 31, 8])


def test_early_outputs_stand_first_and_are_not_touched_again():
    model = WaveGlow(SMALL)
    waveform = _clips()
    for mix in model.network.mixes:
        mix.kernel.assign(np.eye(mix.channels))
    np.testing.assert_array_equal(model(waveform), tf.reshape(waveform, [2, 32, 8]))
    before = _stirred(model)(waveform).numpy()
    model.network.mixes[2].kernel.assign(2.0 * np.eye(6))
    after = model(waveform).numpy()
    np.testing.assert_array_equal(before[..., :2], after[..., :2])
    assert (before[..., 2:] != after[..., 2:]).any(axis=(0, 1)).all()


def test_inverse_follows_changed_weights():
    model = _stirred(WaveGlow(TINY))
    waveform = _clips(240)
    features = model.mel_spectrogram(waveform)[:, :15]
    model.invert(model(waveform), features)
    _stirred(model, seed=8)
    z = model.network(waveform, features)[0]
    np.testing.assert_allclose(model.invert(z, features)[:, :, 0], waveform, atol=1e-4)


# Likelihood.


def test_log_determinant_is_that_of_the_jacobian():
    model = _stirred(WaveGlow(TINY))
    rng = np.random.default_rng(1)
    x, features = rng.normal(size=[1, 24]) * 0.3, rng.normal(size=[1, 2, 5]).astype(np.float32)

    def noise(rows):
        rows = tf.constant(rows, tf.float32)
        return model.network(rows, tf.repeat(features, rows.shape[0], 0))

    _, log_scales, log_dets = noise(x)
    found = sum(map(tf.reduce_sum, log_scales)) + 6 * sum(log_dets)
    step = 1e-2
    ahead, behind = (noise(x + sign * step * np.eye(24))[0].numpy() for sign in (1, -1))
    jacobian = (ahead - behind).reshape(24, 24) / (2 * step)
    assert abs(float(found)) > 1.0
    assert float(found) == pytest.approx(np.linalg.slogdet(jacobian)[1], abs=5e-3)


@pytest.mark.parametrize("sigma", [1.0, math.sqrt(0.5)])
def test_nats_are_those_of_the_density(sigma):
    model = _stirred(WaveGlow(dataclasses.replace(TINY, sigma=sigma)))
    waveform = _clips(67)
    measured = model.test_step({"waveform": waveform})
    z, log_scales, log_dets = model.network(waveform, model.mel_spectrogram(waveform))
    z = z.numpy().astype(np.float64)
    normal = -0.5 * (z / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi))
    total = normal.sum() + sum(float(tf.reduce_sum(s)) for s in log_scales)
    total += 2 * 16 * sum(map(float, log_dets))
    assert float(measured["samples"]) == 128
    assert float(measured["nats_per_sample"]) == pytest.approx(-total / 128, abs=1e-4)
    bits = -total / 128 / math.log(2) + 15
    assert float(measured["bits_per_sample"]) == pytest.approx(bits, abs=1e-3)
    loss = flow_loss(z.astype(np.float32), log_scales, log_dets, sigma)
    assert float(measured["loss"]) == pytest.approx(float(loss), abs=1e-5)


def test_a_negative_determinant_is_as_likely():
    mix = InvertibleMix(3, name="mix")
    mix.build()
    mix.kernel.assign([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    with tf.GradientTape() as tape:
        log_det = mix.log_det()
    assert float(log_det) == pytest.approx(math.log(3.0))
    gradient = tape.gradient(log_det, trained_variables(mix))[0]
    np.testing.assert_allclose(gradient, np.linalg.inv(mix.kernel).T, atol=1e-6)


# Training.


def test_two_steps_change_every_weight():
    model = WaveGlow(SMALL, seed=1)
    model.compile()
    before = [v.numpy() for v in trained_variables(model)]
    for _ in range(2):  # the first only those behind the zeros that a coupling ends in
        metrics = model.train_step({"waveform": _clips()})
    assert all(np.isfinite(float(value)) for value in metrics.values())
    assert set(metrics) == {"loss", "bits_per_sample", "grad_norm"}
    after = [v.numpy() for v in trained_variables(model)]
    assert len(after) == len(trained_variables(model.network))
    for a, b in zip(before, after, strict=True):
        assert (a != b).any()
    assert int(model.step) == 2


def test_training_lowers_the_loss():
    model = WaveGlow(dataclasses.replace(TINY, learning_rate=3e-3))
    model.compile()
    step = tf.function(model.train_step)
    losses = [float(step({"waveform": _clips()})["loss"]) for _ in range(30)]
    assert losses[-1] < losses[0] - 0.2
    assert float(model.test_step({"waveform": _clips()})["loss"]) < losses[-2] + 0.1


def test_folding_changes_nothing_but_the_norms():
    model = _stirred(WaveGlow(TINY, seed=3))
    plain = model.fold_weight_norm()
    features = model.mel_spectrogram(_clips(seed=5))
    np.testing.assert_allclose(plain.generate(features), model.generate(features), atol=2e-5)
    gains = _size(layer.gain for layer in find_layers(model.network, NormalizedConv1D))
    assert plain.count_params() == model.count_params() - gains


# Sampling.


def test_every_frame_makes_a_hop_in_whole_groups():
    model = _stirred(WaveGlow(dataclasses.replace(TINY, group=10)))
    for frames in (1, 2, 33):
        waveform = model.generate(np.random.default_rng(0).normal(size=(3, frames, 5)))
        assert waveform.shape == (3, frames * 16 // 10 * 10, 1)
        assert np.abs(waveform).max() <= 1


def test_noise_comes_from_seed_and_sigma(stirred):
    model = stirred
    features = tf.random.stateless_normal([2, 6, 5], [0, 1])
    first = model.generate(features, sigma=0.3, seed=7)
    np.testing.assert_array_equal(first, model.generate(features, sigma=0.3, seed=7))
    assert (first.numpy() != model.generate(features, sigma=0.3, seed=8).numpy()).any()
    assert (first[0].numpy() != first[1].numpy()).any()
    noise = tf.random.stateless_normal(model.noise_shape(features), [7, 0])
    np.testing.assert_array_equal(first, model.generate(features, sigma=0.3, noise=noise))
    quiet = model.generate(features, sigma=0.0, noise=noise)
    np.testing.assert_array_equal(quiet, model.generate(features, sigma=0.0, seed=3))


# Mistakes.


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.zeros([1, 8, 6]), r"shape \[batch, frames, 5\], not \(1, 8, 6\)"),
        (np.zeros([8, 5]), r"shape \[batch, frames, 5\]"),
        (np.zeros([1, 0, 5]), "at least 1 frame"),
        (np.full([1, 8, 5], np.nan), "NaN"),
    ],
)
def test_wrong_features_are_refused(features, sentence):
    with pytest.raises(ValueError, match=sentence):
        WaveGlow(TINY).generate(features)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"sigma": -1.0}, "sigma must be a number from 0, not -1.0"),
        ({"sigma": math.nan}, "sigma must be a number from 0, not nan"),
        ({"noise": np.zeros([1, 9, 4])}, r"noise must have shape \[1, 8, 4\], not \[1, 9, 4\]"),
        ({"precision": "float16"}, "'float16'; it must be one of float32, mixed_bfloat16"),
    ],
)
def test_wrong_arguments_are_refused(how, sentence):
    with pytest.raises(ValueError, match=sentence):
        WaveGlow(TINY).generate(np.zeros([1, 2, 5]), **how)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"flows": 0}, "flows"),
        ({"group": 7}, "group"),
        ({"early_size": 1}, "early_size"),
        ({"early_size": 4, "early_every": 1}, "early_size"),
        ({"kernel_size": 2}, "kernel_size"),
        ({"channels": 0}, "channels"),
        ({"normalization": "spectral"}, "normalization"),
        ({"upsampling_kernel": 40}, "upsampling_kernel"),
        ({"segment_len": 4}, "segment_len"),
        ({"sigma": 0.0}, "sigma"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"upsampling_kernel": 0}, "upsampling_kernel"),
        ({"layers": 0}, "layers"),
    ],
)
def test_illegal_configurations_name_the_field(changes, field):
    with pytest.raises(ValueError, match=f"WaveGlowConfig.{field} is"):
        dataclasses.replace(SMALL, **changes)
