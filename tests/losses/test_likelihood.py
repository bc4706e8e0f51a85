"""Likelihoods are probabilities, their gradients finite, and draws follow them."""

import itertools
import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.losses import likelihood

seeds = st.integers(0, 2**32 - 1)


def mixture(rng, *shape, components=3, low=-2.5, high=0.0):
    """Logits, means in the range, log scales between `low` and `high`."""
    parts = (
        rng.normal(size=(*shape, components)),
        rng.uniform(-0.8, 0.8, (*shape, components)),
        rng.uniform(low, high, (*shape, components)),
    )
    return tf.constant(np.concatenate(parts, axis=-1), tf.float32)


@settings(max_examples=40)
@given(seed=seeds, levels=st.sampled_from([2, 16, 64]))
def test_a_logistic_mixture_sums_to_one_over_all_levels(seed, levels):
    params = mixture(np.random.default_rng(seed), components=4)
    waveform = np.linspace(-1, 1, levels, dtype=np.float32)
    params = tf.repeat(params[tf.newaxis], levels, axis=0)
    probabilities = np.exp(-likelihood.logistic_mixture_nll(params, waveform, levels))
    # Steps of less than 1e-5 are taken as flat.
    assert probabilities.sum() == pytest.approx(1.0, abs=2e-4)


@settings(max_examples=40)
@given(seed=seeds, components=st.integers(1, 5))
def test_gaussian_mixture_equals_scipy(seed, components):
    rng = np.random.default_rng(seed)
    params = mixture(rng, 7, components=components)
    waveform = rng.uniform(-1, 1, 7).astype(np.float32)
    logits, means, log_scales = np.split(params.numpy(), 3, axis=-1)
    weights = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    density = scipy.stats.norm.pdf(waveform[:, np.newaxis], means, np.exp(log_scales))
    expected = -np.log((weights * density).sum(axis=-1))
    found = likelihood.gaussian_mixture_nll(params, waveform)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    if components == 1:
        single = likelihood.gaussian_mixture_nll(params[:, 1:], waveform)
        np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)


def test_categorical_is_the_log_softmax():
    logits = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    codes = np.array([[0, 7, 3], [1, 1, 2]], np.int32)
    expected = -scipy.special.log_softmax(logits, axis=-1)
    expected = np.take_along_axis(expected, codes[..., np.newaxis], -1)[..., 0]
    np.testing.assert_allclose(likelihood.categorical_nll(logits, codes), expected, atol=1e-5)


@pytest.mark.parametrize("levels", [16, 256, 65536])
@pytest.mark.parametrize("limit", [-16.0, -7.0])
def test_extreme_parameters_give_finite_losses_and_gradients(levels, limit):
    grid = itertools.product(
        (-80.0, 0.0, 80.0),
        (-30.0, -1.0, 0.0, 1.0, 30.0),
        (-100.0, limit, 0.0, 10.0),
        (-1.0, -0.9985, -0.3, 0.0, 0.7, 0.9995, 1.0),
    )
    logit, mean, log_scale, waveform = np.array(list(grid), np.float32).T
    other = [np.full_like(mean, value) for value in (0.0, 0.1, -3.0)]
    params = tf.stack([logit, other[0], mean, other[1], log_scale, other[2]], axis=-1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(params)
        losses = (
            likelihood.logistic_mixture_nll(params, waveform, levels, limit),
            likelihood.gaussian_mixture_nll(params, waveform, limit),
        )
    for loss in losses:
        assert np.isfinite(loss).all() and np.isfinite(tape.gradient(loss, params)).all()


def test_log_scales_are_limited_from_below():
    params = tf.constant([[0.0, 0.2, -50.0]])
    limited = tf.constant([[0.0, 0.2, -7.0]])
    for nll in (likelihood.logistic_mixture_nll, likelihood.gaussian_mixture_nll):
        waveform = tf.constant([0.201])
        np.testing.assert_array_equal(nll(params, waveform), nll(limited, waveform))


@settings(max_examples=40)
@given(seed=seeds, levels=st.sampled_from([5, 16, 32, 48, 256]), batch=st.integers(1, 4))
def test_cumulative_sum_in_two_stages_equals_numpy(seed, levels, batch):
    x = np.random.default_rng(seed).uniform(0, 1, (batch, levels))
    found = likelihood._cumulative_sum(tf.constant(x))
    np.testing.assert_allclose(found, np.cumsum(x, axis=-1), rtol=1e-12)


@settings(max_examples=40)
@given(seed=seeds, levels=st.sampled_from([5, 32]))
def test_given_numbers_pick_the_code(seed, levels):
    rng = np.random.default_rng(seed)
    probabilities = rng.uniform(0, 1, (6, levels)) * rng.integers(0, 2, (6, levels))
    probabilities[:, rng.integers(levels)] = 0.5
    uniform = rng.uniform(0, 1, 6)
    cumulative = np.cumsum(probabilities, axis=-1)
    expected = (cumulative / cumulative[:, -1:] <= uniform[:, np.newaxis]).sum(axis=-1)
    found = likelihood.sample_categorical(tf.constant(probabilities), tf.constant(uniform))
    np.testing.assert_array_equal(found, expected)
    assert (np.take_along_axis(probabilities, found.numpy()[:, np.newaxis], -1) > 0).all()


def test_codes_come_as_often_as_they_should():
    count = 20000
    wanted = np.array([0.0, 0.5, 0.125, 0.25, 0.125] + [0.0] * 11)
    uniform = (np.arange(count, dtype=np.float32) + 0.5) / count
    probabilities = tf.constant(np.tile(3.0 * wanted, (count, 1)), tf.float32)
    codes = likelihood.sample_categorical(probabilities, tf.constant(uniform))
    np.testing.assert_allclose(np.bincount(codes, minlength=16) / count, wanted, atol=1e-4)
    # The largest number below 1 must not fall off the end.
    last = likelihood.sample_categorical(probabilities[:1] * 0 + 1, np.float32([1 - 2**-24]))
    assert int(last[0]) == 15


def uniforms(rng, *shape):
    return tf.constant(rng.uniform(*likelihood.UNIFORM_RANGE, shape), tf.float32)


def test_draws_from_mixtures_follow_them():
    rng, count = np.random.default_rng(0), 40000
    row = [math.log(0.3), math.log(0.7), -0.5, 0.25, math.log(0.02), math.log(0.03)]
    params = tf.constant([row] * count)
    component = uniforms(rng, count, 2)
    logistic = likelihood.sample_logistic_mixture(params, component, uniforms(rng, count))
    normal = tf.constant(rng.normal(size=count), tf.float32)
    gaussian = likelihood.sample_gaussian_mixture(params, component, normal)
    edges = np.linspace(-1, 1, 81)
    for drawn, kind in ((logistic, scipy.stats.logistic), (gaussian, scipy.stats.norm)):
        shares = 0.3 * kind.cdf(edges, -0.5, 0.02) + 0.7 * kind.cdf(edges, 0.25, 0.03)
        found = np.searchsorted(np.sort(drawn), edges) / count
        assert np.abs(found - shares)[:-1].max() < 0.012


def test_given_numbers_pick_component_and_sample():
    params = tf.constant([[0.0, 0.0, -0.5, 0.5, math.log(0.1), math.log(0.2)]])
    second = tf.constant([[0.2, 0.8]])
    drawn = likelihood.sample_logistic_mixture(params, second, tf.constant([0.6]))
    assert float(drawn[0]) == pytest.approx(0.5 + 0.2 * math.log(0.6 / 0.4), abs=1e-6)
    drawn = likelihood.sample_gaussian_mixture(params, 1.0 - second, tf.constant([1.5]))
    assert float(drawn[0]) == pytest.approx(-0.5 + 0.1 * 1.5, abs=1e-6)
    for single in ([[0.3, math.log(0.1)]], [[9.0, 0.3, math.log(0.1)]]):
        drawn = likelihood.sample_gaussian_mixture(tf.constant(single), None, tf.constant([-2.0]))
        assert float(drawn[0]) == pytest.approx(0.1, abs=1e-6)


def test_draws_stay_in_the_range_and_may_limit_scales():
    wide = tf.constant([[0.0, 0.0, 5.0], [0.0, 0.9, -30.0]])
    half, edge = tf.constant([[0.5], [0.5]]), tf.constant([1e-5, 1 - 1e-5])
    drawn = likelihood.sample_logistic_mixture(wide, half, edge)
    np.testing.assert_allclose(drawn, [-1.0, 0.9], atol=1e-6)
    limited = likelihood.sample_logistic_mixture(wide, half, edge, log_scale_min=-7.0)
    assert float(limited[1]) > 0.905
    np.testing.assert_array_equal(
        likelihood.sample_gaussian_mixture(wide[:1], None, tf.constant([2.0])), [1.0]
    )
