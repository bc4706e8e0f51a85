"""The block form equals TensorFlow's strided convolutions, derivatives of both orders included."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.layers.convolution import Conv1D, Conv1DTranspose, conv1d, conv1d_transpose

shapes = st.fixed_dictionaries(
    {
        "width": st.integers(1, 30),
        "stride": st.sampled_from([1, 2, 3, 4]),
        # On both sides of the length at which matrix products take over.
        "blocks": st.sampled_from([1, 2, 16, 32, 33, 50]),
        "inputs": st.integers(1, 3),
        "outputs": st.integers(1, 3),
        "seed": st.integers(0, 2**16),
    }
)


def _draw(rng, *shape):
    return tf.constant(rng.normal(size=shape), tf.float32)


def _plain_transpose(x, kernel, stride):
    length = x.shape[1] * stride
    return tf.nn.conv1d_transpose(x, kernel, [x.shape[0], length, kernel.shape[1]], stride, "SAME")


@given(shapes)
@settings(max_examples=40)
def test_conv1d_equals_tensorflows(case):
    rng = np.random.default_rng(case["seed"])
    x = _draw(rng, 2, case["blocks"] * case["stride"], case["inputs"])
    kernel = _draw(rng, case["width"], case["inputs"], case["outputs"])
    expected = tf.nn.conv1d(x, kernel, case["stride"], "SAME")
    np.testing.assert_allclose(conv1d(x, kernel, case["stride"]), expected, atol=2e-5, rtol=2e-5)


@given(shapes)
@settings(max_examples=40)
def test_conv1d_transpose_equals_tensorflows(case):
    rng = np.random.default_rng(case["seed"])
    x = _draw(rng, 2, case["blocks"], case["inputs"])
    kernel = _draw(rng, case["width"], case["outputs"], case["inputs"])
    # TensorFlow refuses to divide the edges of a kernel that is shorter than its stride.
    if case["width"] < case["stride"]:
        return
    expected = _plain_transpose(x, kernel, case["stride"])
    actual = conv1d_transpose(x, kernel, case["stride"])
    np.testing.assert_allclose(actual, expected, atol=2e-5, rtol=2e-5)


def _first_and_second_order(function, x, kernel):
    """Gradients of the output, and of the norm of its gradient in x (a gradient penalty)."""
    with tf.GradientTape() as outer:
        outer.watch([x, kernel])
        with tf.GradientTape() as inner:
            inner.watch([x, kernel])
            y = tf.reduce_sum(tf.sin(function(x, kernel)))
        first = inner.gradient(y, [x, kernel])
        penalty = tf.reduce_sum(first[0] ** 2) + tf.reduce_sum(tf.sin(first[1]))
    return [*first, *outer.gradient(penalty, [x, kernel])]


@pytest.mark.parametrize("frames", [8, 40])
@pytest.mark.parametrize("width,stride", [(7, 4), (4, 1)])
@pytest.mark.parametrize(
    "ours,theirs,transposed",
    [
        (conv1d, lambda x, k, s: tf.nn.conv1d(x, k, s, "SAME"), False),
        (conv1d_transpose, _plain_transpose, True),
    ],
)
def test_derivatives_of_both_orders(ours, theirs, transposed, width, stride, frames):
    rng = np.random.default_rng(0)
    x = _draw(rng, 2, frames if transposed else stride * frames, 3)
    kernel = _draw(rng, width, *((2, 3) if transposed else (3, 2)))

    def derivatives(function):
        return _first_and_second_order(lambda a, b: function(a, b, stride), x, kernel)

    actual, expected = tf.function(derivatives)(ours), derivatives(theirs)
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, atol=2e-4 * np.abs(e).max())


def test_layers_build_known_shapes_and_refuse_a_length_that_the_stride_does_not_divide():
    layer = Conv1D(5, 25, 4, seed=1)
    layer.build((None, 64, 3))
    assert tuple(layer.kernel.shape) == (25, 3, 5) and tuple(layer.bias.shape) == (5,)
    assert layer(tf.zeros([2, 64, 3])).shape == (2, 16, 5)
    up = Conv1DTranspose(3, 25, 4, seed=1)
    assert up(tf.zeros([2, 16, 5])).shape == (2, 64, 3)
    with pytest.raises(ValueError, match="30 is not a multiple of the stride 4"):
        Conv1D(5, 25, 4).build((None, 30, 3))


def test_initial_kernels_are_glorot_uniform_and_follow_the_seed():
    def kernel(seed):
        layer = Conv1D(32, 25, 4, seed=seed)
        layer.build((None, 64, 16))
        return tf.convert_to_tensor(layer.kernel).numpy()

    limit = np.sqrt(6 / (25 * (16 + 32)))
    assert np.abs(kernel(1)).max() <= limit
    assert np.std(kernel(1)) == pytest.approx(limit / np.sqrt(3), rel=0.05)
    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert not np.array_equal(kernel(1), kernel(2))
