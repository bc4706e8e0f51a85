"""Convolutions with normalised kernels against TensorFlow's, and their initial values."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.layers.normalized_conv import NormalizedConv1D, NormalizedConv1DTranspose, pad_time


def _signal(seed, frames, channels):
    return tf.constant(np.random.default_rng(seed).normal(size=(2, frames, channels)), tf.float32)


@settings(max_examples=40)
@given(
    size=st.integers(1, 7),
    stride=st.integers(1, 4),
    groups=st.sampled_from([1, 2, 4]),
    padding=st.integers(0, 5),
    reflect=st.booleans(),
    normalization=st.sampled_from(["none", "weight", "spectral"]),
    seed=st.integers(0, 100),
)
def test_equals_a_padded_convolution_of_each_group(
    size, stride, groups, padding, reflect, normalization, seed
):
    layer = NormalizedConv1D(
        8,
        size,
        stride,
        groups=groups,
        padding=padding,
        reflect=reflect,
        normalization=normalization,
        seed=seed,
    )
    x = _signal(seed, 17, 4)
    padded = np.pad(x, [(0, 0), (padding, padding), (0, 0)], "reflect" if reflect else "constant")
    found = layer(x).numpy()
    kernel, parts = layer.effective_kernel().numpy(), []
    for group in range(groups):
        of_group = kernel[..., group * 8 // groups : (group + 1) * 8 // groups]
        inputs = padded[..., group * 4 // groups : (group + 1) * 4 // groups]
        parts.append(tf.nn.conv1d(inputs, of_group, stride, "VALID"))
    expected = np.concatenate(parts, axis=-1) + np.asarray(layer.bias)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("dilation", [1, 3, 9])
def test_dilated_taps_lie_apart(dilation):
    layer = NormalizedConv1D(3, 3, dilation=dilation, padding=dilation, reflect=True)
    x = _signal(0, 30, 2)
    padded = pad_time(x, dilation, True)
    found = layer(x)
    expected = sum(
        padded[:, i * dilation : i * dilation + 30] @ layer.effective_kernel()[i] for i in range(3)
    )
    np.testing.assert_allclose(found, expected + np.asarray(layer.bias), atol=1e-5)


@pytest.mark.parametrize("stride", [2, 4, 6, 8])
def test_upsampling_is_a_cropped_transposed_convolution(stride):
    layer = NormalizedConv1DTranspose(5, stride)
    x = _signal(stride, 9, 7)
    found = layer(x)
    expected = tf.nn.conv1d_transpose(
        x, layer.effective_kernel(), [2, 9 * stride, 5], stride, "SAME"
    )
    np.testing.assert_allclose(found, expected + np.asarray(layer.bias), atol=1e-5)


def test_weight_norm_of_an_upsampling_is_over_inputs():
    layer = NormalizedConv1DTranspose(5, 2)
    layer.build((None, None, 7))
    assert layer.gain.shape == (7,)
    norms = np.sqrt((np.asarray(layer.kernel) ** 2).sum(axis=(0, 1)))
    np.testing.assert_allclose(np.asarray(layer.gain), norms, rtol=1e-6)
    np.testing.assert_allclose(layer.effective_kernel(), np.asarray(layer.kernel), atol=1e-7)
    layer.gain.assign(2 * norms)
    np.testing.assert_allclose(layer.effective_kernel(), 2 * np.asarray(layer.kernel), atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: NormalizedConv1D(6, 5, normalization="spectral"),
        lambda: NormalizedConv1DTranspose(6, 4, normalization="spectral"),
    ],
)
def test_power_iterations_bring_the_largest_singular_value_to_one(make):
    layer = make()
    layer.build((None, None, 9))
    for _ in range(200):
        layer.power_iteration()
    kernel = layer.effective_kernel().numpy()
    axis = 1 if isinstance(layer, NormalizedConv1DTranspose) else 2
    matrix = np.moveaxis(kernel, axis, 0).reshape(6, -1)
    assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1.0, abs=1e-3)


def test_initial_values_are_pytorchs():
    layer = NormalizedConv1D(64, 5, groups=2)
    layer.build((None, None, 8))
    bound = 1 / np.sqrt(5 * 4)
    for variable in (layer.kernel, layer.bias):
        values = np.asarray(variable)
        assert np.abs(values).max() <= bound and values.std() == pytest.approx(
            bound / np.sqrt(3), rel=0.15
        )
    transposed = NormalizedConv1DTranspose(64, 4)
    transposed.build((None, None, 8))
    assert np.abs(np.asarray(transposed.kernel)).max() == pytest.approx(
        1 / np.sqrt(64 * 8), rel=0.01
    )


def test_illegal_layers_are_refused():
    with pytest.raises(ValueError, match="groups is 3"):
        NormalizedConv1D(6, groups=3, name="x").build((None, None, 4))
    with pytest.raises(ValueError, match="stride must be an even number"):
        NormalizedConv1DTranspose(6, 3)
    with pytest.raises(ValueError, match="normalization is 'batch'"):
        NormalizedConv1D(6, normalization="batch").build((None, None, 4))
