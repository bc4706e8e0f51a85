"""The gated block against its formula, its paddings, conditioning, dropout and first weights."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.layers.gated import GatedBlock, convolution

TIME, RESIDUAL, GATES, SKIPS = 20, 3, 8, 5


def _block(seed=0, **changes):
    sizes = dict(dilation=2, kernel_size=2, residual=RESIDUAL, gates=GATES, skips=SKIPS)
    block = GatedBlock(**{**sizes, **changes}, seed=seed, name="block")
    block.build()
    return block


def _draw(seed, *shape):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def _formula(block, x, local, speaker, dilation, scale):
    """The block without padding, in NumPy, sample by sample."""
    kernel, bias = np.asarray(block.dilated.effective_kernel()), np.asarray(block.dilated.bias)
    span = (len(kernel) - 1) * dilation
    residuals, skips = [], []
    for t in range(span, x.shape[1]):
        h = bias + sum(x[:, t - span + i * dilation] @ tap for i, tap in enumerate(kernel))
        h = h + local[:, t] @ np.asarray(block.local.effective_kernel())[0]
        h = h + speaker[:, 0] @ np.asarray(block.speaker.effective_kernel())[0]
        z = np.tanh(h[:, : GATES // 2]) / (1.0 + np.exp(-h[:, GATES // 2 :]))
        out, skip = (
            z @ np.asarray(layer.effective_kernel())[0] + np.asarray(layer.bias)
            for layer in (block.out, block.skip)
        )
        residuals.append((x[:, t] + out) * scale)
        skips.append(skip)
    return np.stack(residuals, axis=1), np.stack(skips, axis=1)


@settings(max_examples=15)
@given(
    dilation=st.integers(1, 4),
    kernel_size=st.integers(2, 3),
    weight_norm=st.booleans(),
    scale=st.sampled_from([1.0, math.sqrt(0.5)]),
    seed=st.integers(0, 1000),
)
def test_equals_the_formula(dilation, kernel_size, weight_norm, scale, seed):
    block = _block(
        seed,
        dilation=dilation,
        kernel_size=kernel_size,
        weight_norm=weight_norm,
        local=2,
        speaker=4,
        residual_scale=scale,
        padding="valid",
    )
    for i, layer in enumerate((block.dilated, block.out, block.skip)):
        layer.bias.assign(_draw(seed + i, layer.filters))
    x, local, speaker = _draw(seed, 2, TIME, RESIDUAL), _draw(1, 2, TIME, 2), _draw(2, 2, 1, 4)
    found = block(x, local, speaker)
    expected = _formula(block, *map(np.asarray, (x, local, speaker)), dilation, scale)
    for ours, wanted in zip(found, expected, strict=True):
        assert ours.shape == (2, TIME - (kernel_size - 1) * dilation, wanted.shape[-1])
        np.testing.assert_allclose(ours, wanted, atol=2e-5)


@settings(max_examples=20)
@given(time=st.integers(0, TIME - 1), dilation=st.integers(1, 4), kernel_size=st.integers(2, 3))
def test_causal_padding_sees_no_future_and_valid_rows_are_its_last(time, dilation, kernel_size):
    block = _block(dilation=dilation, kernel_size=kernel_size)
    x = _draw(0, 1, TIME, RESIDUAL)
    changed = np.array(x)
    changed[:, time] += 1.0
    for before, after, valid in zip(
        block(x), block(tf.constant(changed)), block(x, padding="valid"), strict=True
    ):
        assert before.shape[1] == TIME
        np.testing.assert_array_equal(before[:, :time], after[:, :time])
        np.testing.assert_allclose(valid, before[:, -valid.shape[1] :], atol=1e-6)


def test_dropout_follows_its_seed_and_leaves_the_residual_path():
    block, x = _block(dropout=0.5), _draw(0, 2, TIME, RESIDUAL)
    one, same, other, none = (block(x, dropout_seed=s) for s in ([1, 2], [1, 2], [1, 3], None))
    np.testing.assert_array_equal(one[1], same[1])
    assert (one[1] != other[1]).numpy().any() and (one[1] != none[1]).numpy().any()
    block.out.kernel.assign(tf.zeros_like(block.out.kernel))
    np.testing.assert_array_equal(block(x, dropout_seed=[1, 2])[0], x)


def test_biases_are_where_they_are_asked_for():
    bare = _block(bias=False, local=2, speaker=2)
    assert all(layer.bias is None for layer in (bare.dilated, bare.out, bare.skip, bare.local))
    full = _block(local=2, speaker=2, conditioning_bias=True)
    assert full.local.bias is not None and full.speaker.bias is not None
    assert bare.speaker.bias is None and full.dilated.bias is not None


@pytest.mark.parametrize("weight_norm", [False, True])
def test_first_weights(weight_norm):
    layer = convolution("part", 200, 3, True, 7, weight_norm, parts=2, name="net")
    layer.build((None, None, 50))
    kernel = np.asarray(layer.kernel)
    assert layer.name == "net_part" and not np.asarray(layer.bias).any()
    if weight_norm:
        assert kernel.std() == pytest.approx(math.sqrt(2.0 / 150), rel=0.03)
        return
    # Two convolutions of 100 channels: the limit is theirs, and they differ.
    limit = math.sqrt(6.0 / (3 * (50 + 100)))
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert (kernel[..., :100] != kernel[..., 100:]).any()
    again = convolution("part", 200, 3, True, 7, parts=2)
    again.build((None, None, 50))
    np.testing.assert_array_equal(kernel, again.kernel)
