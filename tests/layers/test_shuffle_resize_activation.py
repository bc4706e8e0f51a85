"""Phase shuffle, TF1's resizing, leaky ReLU and dropout over time, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfwave.layers.activation import leaky_relu
from tfwave.layers.dropout import dropout_over_time
from tfwave.layers.phase_shuffle import phase_shuffle
from tfwave.layers.upsampling import upsample1d, upsample2d


def _shuffled(x, shift):
    time = x.shape[1]
    source = np.arange(time) - shift
    source = np.abs(source)  # reflect at the start without repeating the edge
    source = np.where(source >= time, 2 * (time - 1) - source, source)
    return x[:, source]


@given(radius=st.integers(1, 5), data=st.data(), rank=st.sampled_from([3, 4]))
def test_phase_shuffle_moves_each_group_by_its_own_shift(radius, data, rank):
    groups = data.draw(st.integers(1, 3))
    shifts = data.draw(st.lists(st.integers(-radius, radius), min_size=groups, max_size=groups))
    x = np.random.default_rng(0).normal(size=(2 * groups, 9, 2, 3)[:rank]).astype(np.float32)
    moved = phase_shuffle(tf.constant(x), tf.constant(shifts), radius).numpy()
    for g, shift in enumerate(shifts):
        part = slice(2 * g, 2 * g + 2)
        np.testing.assert_array_equal(moved[part], _shuffled(x[part], shift))


def test_phase_shuffle_passes_gradients_through_mirrored_frames():
    x = tf.zeros([1, 6, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(phase_shuffle(x, tf.constant([2]), 2))
    # Frames 1 and 2 appear twice; frames 4 and 5 fell off the end.
    np.testing.assert_array_equal(tape.gradient(y, x)[0, :, 0], [1, 2, 2, 1, 0, 0])


def _keys(t, a=-0.75):
    t = np.abs(t)
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0.0))


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("method", ["nearest", "linear", "cubic"])
def test_upsample1d_reads_at_i_over_factor_clamped_at_the_edge(method, factor):
    x = np.random.default_rng(1).normal(size=(2, 7, 3)).astype(np.float32)
    position = np.arange(7 * factor) / factor
    base = np.floor(position).astype(int)
    taps = {"nearest": [0], "linear": [0, 1], "cubic": [-1, 0, 1, 2]}[method]
    kernel = {"nearest": np.ones_like, "linear": lambda t: 1 - np.abs(t), "cubic": _keys}[method]
    expected = sum(
        kernel(position - base - k)[None, :, None] * x[:, np.clip(base + k, 0, 6)] for k in taps
    )
    np.testing.assert_allclose(upsample1d(tf.constant(x), factor, method), expected, atol=5e-3)


def test_upsample2d_is_upsample1d_on_both_axes():
    x = np.random.default_rng(2).normal(size=(1, 4, 4, 2)).astype(np.float32)
    for method in ("nearest", "linear", "cubic"):
        rows = tf.concat(
            [upsample1d(tf.constant(x[:, i]), 2, method)[:, tf.newaxis] for i in range(4)], axis=1
        )
        columns = [upsample1d(rows[:, :, j], 2, method)[:, :, tf.newaxis] for j in range(8)]
        expected = tf.concat(columns, axis=2)
        np.testing.assert_allclose(upsample2d(tf.constant(x), 2, method), expected, atol=1e-4)


def test_upsampling_refuses_an_unknown_method():
    with pytest.raises(ValueError, match="'bilinear' is none of"):
        upsample2d(tf.zeros([1, 2, 2, 1]), 2, "bilinear")


def test_leaky_relu_has_no_second_derivative_in_its_argument():
    x = tf.constant([-2.0, -0.5, 0.0, 0.5, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = leaky_relu(x)
        first = inner.gradient(y, x)
    np.testing.assert_allclose(y, np.maximum(0.2 * x.numpy(), x.numpy()))
    np.testing.assert_allclose(first, [0.2, 0.2, 0.2, 1.0, 1.0])
    assert outer.gradient(first, x) is None


def test_dropout_drops_whole_channels_over_time():
    x = tf.ones([64, 10, 8])
    y = dropout_over_time(x, 0.5, tf.constant([1, 2]), 0).numpy()
    assert (y == y[:, :1]).all() and set(np.unique(y)) == {0.0, 2.0}
    assert 0.4 < (y[:, 0] > 0).mean() < 0.6
    np.testing.assert_array_equal(y, dropout_over_time(x, 0.5, tf.constant([1, 2]), 0))
    assert not np.array_equal(y, dropout_over_time(x, 0.5, tf.constant([1, 2]), 1))
