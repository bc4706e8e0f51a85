"""Pruning: the paper's schedule, which blocks go, and that they stay away."""

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfwave.layers import block_sparsity
from tfwave.layers.block_sparsity import BLOCKS, PruningConfig, PruningMask

PAPER = PruningConfig(0.96)


def _kernel(rows=32, columns=48, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=(rows, columns)), tf.float32)


# The schedule.


@pytest.mark.parametrize(
    "step, share",
    [
        (0, 0.0),
        (1000, 0.0),
        (51_000, 1 - 0.75**3),
        (101_000, 7 / 8),
        (151_000, 1 - 0.25**3),
        (201_000, 1.0),
        (500_000, 1.0),
    ],
)
def test_schedule_of_the_paper(step, share):
    assert PAPER.start == 1000 and PAPER.steps == 200_000 and PAPER.every == 500
    np.testing.assert_allclose(block_sparsity.sparsity_at(PAPER, step), 0.96 * share, rtol=1e-12)


def test_schedule_never_falls():
    shares = [float(block_sparsity.sparsity_at(PAPER, step)) for step in range(0, 220_000, 500)]
    assert np.all(np.diff(shares) >= 0) and max(shares) == 0.96


def test_pruning_is_due_every_500_steps_until_the_target_is_reached():
    due = [t for t in range(0, 202_600, 50) if bool(block_sparsity.is_due(PAPER, t))]
    assert due == list(range(1000, 201_001, 500))
    odd = PruningConfig(0.5, start=3, steps=10, every=4)
    due = [t for t in range(40) if bool(block_sparsity.is_due(odd, t))]
    assert due == [4, 8, 12, 16]  # the last one at the target
    assert float(block_sparsity.sparsity_at(odd, due[-1])) == 0.5


# Blocks.


def _pruned(kernel, share, block):
    return kernel * block_sparsity.expand(block_sparsity.strongest(kernel, share, block), block)


@settings(max_examples=25)
@given(st.sampled_from(sorted(BLOCKS)), st.floats(0.0, 0.99), st.integers(0, 99))
def test_the_weakest_blocks_go(block, share, seed):
    kernel = _kernel(seed=seed)
    outputs, inputs = BLOCKS[block]
    alive = block_sparsity.strongest(kernel, share, block).numpy() == 1
    blocks = np.abs(kernel.numpy()).reshape(32 // inputs, inputs, 48 // outputs, outputs)
    strength = blocks.mean(axis=(1, 3))
    assert alive.shape == strength.shape
    assert np.sum(~alive) == int(share * strength.size + 1e-6)
    if not alive.all():
        assert strength[~alive].max() <= strength[alive].min() * (1 + 1e-6)
    mask = np.repeat(np.repeat(alive, inputs, 0), outputs, 1)
    np.testing.assert_array_equal(_pruned(kernel, share, block), np.where(mask, kernel, 0.0))


def test_blocks_are_outputs_by_inputs():
    kernel = np.ones([32, 32], np.float32)
    kernel[5, 16:] = 0.1  # 16 outputs that share input 5
    pruned = _pruned(tf.constant(kernel), 1 / 64, "16x1").numpy()
    assert not pruned[5, 16:].any() and pruned.sum() == 32 * 32 - 16
    kernel = np.ones([8, 8], np.float32)
    kernel[4:, :4] = 0.1
    pruned = _pruned(tf.constant(kernel), 0.25, "4x4").numpy()
    assert not pruned[4:, :4].any() and pruned.sum() == 48


def test_equal_blocks_are_pruned_one_by_one():
    pruned = _pruned(tf.ones([16, 16]), 0.5, "element")
    assert float(tf.reduce_sum(pruned)) == 128


# Masks.


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_pruned_stays_pruned_and_has_no_gradient(block):
    mask = PruningMask(PruningConfig(0.9, block, start=0, steps=40, every=10), 32, 48)
    kernel, gone, shares = _kernel(), np.zeros([32, 48], bool), []
    for step in range(41):
        mask.update(kernel, tf.constant(step, tf.int64))
        left = mask.apply(tf.ones([32, 48])).numpy() == 1
        assert not np.any(left & gone)
        gone = ~left
        shares.append(float(mask.sparsity()))
        kernel += 10.0 * _kernel(seed=step + 1) * gone  # what lies under the mask may do anything
    assert np.flatnonzero(np.diff(shares)).tolist() == [9, 19, 29, 39]
    np.testing.assert_allclose(shares[-1], 0.9, atol=0.02)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        loss = tf.reduce_sum(mask.apply(kernel) ** 2)
    np.testing.assert_array_equal(np.asarray(tape.gradient(loss, kernel)) == 0, gone)


def test_parts_are_pruned_separately():
    kernel = tf.concat([_kernel(32, 32), 100.0 * _kernel(32, 32, 1), 0.01 * _kernel(32, 32, 2)], 1)
    mask = PruningMask(PruningConfig(0.5, start=0, steps=1, every=1), 32, 96, parts=3)
    mask.update(kernel, tf.constant(1, tf.int64))
    left = tf.split(mask.apply(tf.ones([32, 96])), 3, axis=1)
    assert [float(tf.reduce_mean(part)) for part in left] == [0.5, 0.5, 0.5]


def test_schedule_works_inside_a_graph():
    @tf.function(autograph=False)
    def at(step):
        return block_sparsity.sparsity_at(PAPER, step), block_sparsity.is_due(PAPER, step)

    share, due = at(tf.constant(101_000, tf.int64))
    np.testing.assert_allclose(share, 0.84, rtol=1e-12)
    assert bool(due)


# Products.


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("share", [0.0, 0.6, 0.97])
def test_blocks_multiply_as_the_whole_matrix(block, share):
    rng = np.random.default_rng(0)
    matrix = tf.constant(rng.normal(size=(80, 96)), tf.float32)
    kept = block_sparsity.strongest(matrix, share, block)
    matrix = matrix * block_sparsity.expand(kept, block)
    x = tf.constant(rng.normal(size=(5, 80)), tf.float32)
    sparse = block_sparsity.to_blocks(matrix)
    expected = tf.matmul(x, matrix)
    np.testing.assert_allclose(block_sparsity.product(x, sparse), expected, atol=1e-5)
    assert np.count_nonzero(sparse.values) == np.count_nonzero(matrix)
    # What is read are the inputs of each group of 16 outputs, but for the last chunk.
    reached = np.any(np.reshape(matrix, [80, 6, 16]), axis=2)
    assert sparse.values.shape.num_elements() <= 16 * (np.count_nonzero(reached) + 6 * 32)
    assert block_sparsity.is_worth_blocks(matrix) == (reached.mean() <= 0.6)


def test_groups_are_smaller_where_16_outputs_do_not_divide():
    matrix = np.random.default_rng(0).normal(size=(20, 36)).astype(np.float32)
    matrix[:, 4:] = 0.0
    sparse = block_sparsity.to_blocks(matrix)
    assert sparse.values.shape == (1, 20, 4)
    x = np.random.default_rng(1).normal(size=(3, 20)).astype(np.float32)
    found = block_sparsity.product(tf.constant(x), sparse)
    np.testing.assert_allclose(found, x @ matrix, atol=1e-5)


def test_a_matrix_of_zeros_multiplies_to_zeros():
    sparse = block_sparsity.to_blocks(np.zeros([32, 48], np.float32))
    assert sparse.values.shape[0] == 0
    found = block_sparsity.product(tf.ones([2, 32]), sparse)
    np.testing.assert_array_equal(found, np.zeros([2, 48]))


# Bad input.


@pytest.mark.parametrize(
    "field, value",
    [
        ("sparsity", 1.0),
        ("sparsity", -0.1),
        ("block", "8x8"),
        ("start", -1),
        ("steps", 0),
        ("every", 0),
    ],
)
def test_impossible_settings_are_named(field, value):
    with pytest.raises(ValueError, match=rf"PruningConfig\.{field} is {value!r}"):
        PruningConfig(**{"sparsity": 0.5, field: value})


@pytest.mark.parametrize("block, shape", [("16x1", (32, 24)), ("4x4", (6, 8))])
def test_a_kernel_without_whole_blocks_is_refused(block, shape):
    with pytest.raises(ValueError, match=f"{shape[0]} inputs and {shape[1]} outputs .* {block}"):
        PruningMask(PruningConfig(0.5, block), *shape)
