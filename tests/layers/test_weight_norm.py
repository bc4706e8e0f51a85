"""Convolutions by their taps against TensorFlow's, with and without weight normalisation."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.layers.tracking import trained_variables
from tfwave.layers.weight_norm import WeightNormConv1D

cases = st.fixed_dictionaries(
    {
        "kernel_size": st.integers(1, 4),
        "dilation": st.integers(1, 5),
        "padding": st.sampled_from(["valid", "causal", "same"]),
        "weight_norm": st.booleans(),
        "use_bias": st.booleans(),
        "seed": st.integers(0, 2**16),
    }
)


def _layer(case, channels=3, filters=4):
    rng = np.random.default_rng(case["seed"])
    layer = WeightNormConv1D(filters, **{k: v for k, v in case.items() if k != "seed"})
    layer.build((None, None, channels))
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return layer, tf.constant(rng.normal(size=(2, 24, channels)), tf.float32)


def _plain(layer, x, case):
    """The same by tf.nn.conv1d, whose kernel is written out here."""
    kernel = np.asarray(layer.kernel)
    if case["weight_norm"]:
        norm = np.sqrt((kernel.reshape(-1, kernel.shape[-1]) ** 2).sum(axis=0))
        kernel = np.asarray(layer.gain) * kernel / norm
    span = (case["kernel_size"] - 1) * case["dilation"]
    front = {"valid": 0, "causal": span, "same": span // 2}[case["padding"]]
    back = 0 if case["padding"] == "valid" else span - front
    x = tf.pad(x, [[0, 0], [front, back], [0, 0]])
    y = tf.nn.conv1d(x, kernel, 1, "VALID", dilations=case["dilation"])
    return y + layer.bias if case["use_bias"] else y


@settings(max_examples=60)
@given(cases)
def test_equals_a_plain_convolution(case):
    layer, x = _layer(case)
    np.testing.assert_allclose(layer(x), _plain(layer, x, case), atol=1e-5, rtol=1e-5)
    changed = {**case, "padding": "causal"}
    found = layer(x, padding="causal")
    np.testing.assert_allclose(found, _plain(layer, x, changed), atol=1e-5, rtol=1e-5)


@settings(max_examples=30)
@given(case=cases, time=st.integers(0, 23))
def test_causal_padding_sees_no_future(case, time):
    layer, x = _layer({**case, "padding": "causal"})
    changed = np.array(x)
    changed[:, time] += 1.0
    before, after = np.asarray(layer(x)), np.asarray(layer(tf.constant(changed)))
    np.testing.assert_array_equal(before[:, :time], after[:, :time])
    assert (before[:, time] != after[:, time]).any()


@settings(max_examples=30)
@given(cases)
def test_lengths(case):
    layer, x = _layer(case)
    span = (case["kernel_size"] - 1) * case["dilation"]
    assert layer(x).shape == (2, 24 - span if case["padding"] == "valid" else 24, 4)


def test_the_norm_starts_without_effect_and_takes_the_length_of_the_kernel():
    layer = WeightNormConv1D(5, 3, weight_norm=True)
    layer.build((None, None, 2))
    kernel = np.asarray(layer.kernel)
    np.testing.assert_allclose(layer.effective_kernel(), kernel, atol=1e-6)
    layer.kernel.assign(7.0 * kernel)
    np.testing.assert_allclose(layer.effective_kernel(), kernel, atol=1e-6)
    layer.gain.assign(2.0 * np.asarray(layer.gain))
    np.testing.assert_allclose(layer.effective_kernel(), 2.0 * kernel, atol=1e-6)
    assert [tuple(v.shape) for v in layer.trainable_variables] == [(3, 2, 5), (5,), (5,)]


def test_an_unknown_padding_is_named():
    with pytest.raises(ValueError, match="padding is 'full'; it must be one of causal, same, v"):
        WeightNormConv1D(2, 3, padding="full")
    with pytest.raises(ValueError, match="padding is 'full'"):
        WeightNormConv1D(2, 3)(tf.zeros([1, 4, 1]), padding="full")


@pytest.mark.parametrize("weight_norm", [False, True])
def test_all_weights_get_a_gradient(weight_norm):
    case = {
        "kernel_size": 2,
        "dilation": 2,
        "padding": "valid",
        "weight_norm": weight_norm,
        "use_bias": True,
        "seed": 0,
    }
    layer, x = _layer(case)
    variables = trained_variables(layer)
    assert len(variables) == 2 + weight_norm
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, variables))
