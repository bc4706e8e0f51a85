"""The sampler, with a toy in integers: blocks, groups, seeds, priming, both forms, XLA."""

import dataclasses
import os

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from tfwave.models import sampler, step_noise

STEPS = 8


@dataclasses.dataclass(frozen=True)
class Toy(sampler.StepModel):
    """Steps of `width` samples of 16 levels: of the sample before, a draw, and conditioning."""

    width: int = 1
    greedy: bool = False

    @property
    def block(self):
        return STEPS * self.width

    @property
    def value(self):
        return tf.TensorSpec([self.width], tf.int32)

    def noise(self, seed, number, clips):
        return (step_noise.uniform(step_noise.block_seed(seed, number), STEPS, clips, self.width),)

    def terms(self, weights, rows):
        return lambda step: 0 if rows is None else weights * rows[0][step, :, tf.newaxis] + rows[1]

    def step(self, weights, state, terms, noise, temperature):
        drawn = 0.0 if self.greedy else 16.0 * temperature * noise[0]
        value = (5 * state + terms + tf.range(self.width) + tf.cast(drawn, tf.int32) + 3) % 16
        return value, value[:, -1:]

    def decode(self, values):
        audio = tf.cast(values, tf.float32) / 8.0 - 1.0
        return tf.reshape(tf.transpose(audio, [0, 2, 1]), [self.block, -1, 1])


def begin(clips, **changes):
    start = sampler.Start(clips, tf.constant(7), tf.zeros([clips, 1], tf.int32))
    return dataclasses.replace(start, **changes)


def generate(model, start, samples, **options):
    blocks = list(sampler.stream(model, start, samples, **{"xla": False, **options}))
    return np.concatenate(blocks, axis=1)


def in_graph(model, start, samples, seed=0, temperature=1.0, xla=False):
    @tf.function(autograph=False)
    def run(samples, seed, temperature, clips):
        request = dataclasses.replace(start, clips=clips)
        return sampler.generate_in_graph(model, request, samples, seed, temperature, xla)

    return run(*map(tf.constant, (samples, seed, temperature, start.clips))).numpy()


def conditioned(clips, blocks=3):
    """A start whose steps depend on rows of their own and on all that was made before the block."""
    levels = np.random.default_rng(0).integers(0, 16, [blocks * STEPS, clips])
    levels = tf.constant(levels, tf.int32)

    def rows(number, history):
        mine = levels[number * STEPS : (number + 1) * STEPS]
        heard = tf.cast(8.0 * tf.reduce_sum(history, axis=1), tf.int32)
        return mine + heard, tf.shape(history)[1]

    return begin(clips, rows=rows, history=tf.ones([clips, 5]))


# Blocks.


@pytest.mark.parametrize("width", [1, 3])
def test_blocks_are_the_whole_with_every_remainder(width):
    model, start = Toy(width), begin(2)
    whole = generate(model, start, 3 * model.block, seed=4)
    assert whole.shape == (2, 3 * model.block, 1) and len(np.unique(whole)) > 10
    for samples in range(1, 2 * model.block + 2):
        blocks = list(sampler.stream(model, start, samples, seed=4, xla=False))
        assert [len(block[0]) for block in blocks[:-1]] == [model.block] * (len(blocks) - 1)
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole[:, :samples])


def test_blocks_come_one_by_one():
    blocks = sampler.stream(Toy(), begin(1), 10**9, xla=False)
    assert next(blocks).shape == next(blocks).shape == (1, STEPS, 1)


def test_rows_depend_on_what_was_made_before_the_block():
    start, made, seen = conditioned(2), [], []

    def rows(number, history):
        seen.append(history)
        return start.rows(number, history)

    for block in sampler.stream(Toy(), dataclasses.replace(start, rows=rows), 20, xla=False):
        before = np.concatenate([np.ones([2, 5, 1]), *made], axis=1)
        np.testing.assert_array_equal(seen[-1], before[..., 0])
        made.append(block)
    other = dataclasses.replace(start, history=start.history + 0.5)
    assert (generate(Toy(), other, 20) != np.concatenate(made, axis=1)).any()


def test_a_state_after_a_waveform_continues_it():
    model = Toy(greedy=True)
    whole = generate(model, begin(2, state=tf.constant([[1], [2]])), 30)
    state = tf.constant(8.0 * (whole[:, 10] + 1.0), tf.int32)
    np.testing.assert_array_equal(generate(model, begin(2, state=state), 19), whole[:, 11:])


# Clips and seeds.


@pytest.mark.parametrize("groups", [1, 2, 3, 5, 9])
def test_groups_change_nothing(groups):
    start = conditioned(5)
    one = generate(Toy(), start, 20, seed=1)
    np.testing.assert_array_equal(generate(Toy(), start, 20, seed=1, groups=groups), one)


def test_a_clip_of_a_seed_is_the_same_however_many_there_are():
    five = generate(Toy(), begin(5), 20, seed=1)
    np.testing.assert_array_equal(generate(Toy(), begin(2), 20, seed=1), five[:2])
    part = generate(Toy(), begin(2), 20, seed=1, first_clip=2)
    np.testing.assert_array_equal(part, five[2:4])
    assert (generate(Toy(), begin(5), 20, seed=2) != five).any()
    assert (five[0] != five[1]).any()


def test_random_numbers_may_be_given():
    seeds = [step_noise.block_seed(tf.constant(3), tf.constant(number)) for number in range(3)]
    start = begin(2, noise=lambda number: (step_noise.uniform(seeds[number], STEPS, 2, 1),))
    np.testing.assert_array_equal(generate(Toy(), start, 20), generate(Toy(), begin(2), 20, seed=3))


@pytest.mark.parametrize("draw", [step_noise.uniform, step_noise.normal])
def test_draws_of_a_clip_do_not_depend_on_the_number_of_clips(draw):
    seed = step_noise.block_seed(tf.constant(3), tf.constant(1))
    many, few = draw(seed, STEPS, 5, 3), draw(seed, STEPS, 2, 3)
    assert many.shape == (STEPS, 5, 3) and len(np.unique(many)) == many.shape.num_elements()
    np.testing.assert_array_equal(many[:, :2], few)
    other = draw(step_noise.block_seed(tf.constant(3), tf.constant(2)), STEPS, 5, 3)
    assert not np.isin(other, many).any()


def test_uniform_draws_lie_in_their_range():
    draws = step_noise.uniform(tf.constant([1, 2]), 400, 3, low=0.25, high=0.5).numpy()
    assert draws.min() >= 0.25 and draws.max() < 0.5 and np.ptp(draws) > 0.24


# Forms.


@pytest.mark.parametrize("samples", [1, STEPS - 1, STEPS, STEPS + 1, 3 * STEPS])
@pytest.mark.parametrize("request_", [begin, conditioned])
def test_in_graph_equals_eager(request_, samples):
    start = request_(3)
    eager = generate(Toy(), start, samples, seed=2, temperature=0.5)
    np.testing.assert_array_equal(in_graph(Toy(), start, samples, 2, 0.5), eager)


@pytest.mark.parametrize("model", [Toy(), Toy(2), Toy(greedy=True)])
def test_xla_equals_op_by_op(model):
    plain = generate(model, begin(3), 20)
    np.testing.assert_array_equal(generate(model, begin(3), 20, groups=2, xla=True), plain)
    np.testing.assert_array_equal(in_graph(model, begin(3), 20, xla=True), plain)


# Groups.


@given(clips=st.integers(1, 40), groups=st.none() | st.integers(1, 50), least=st.integers(1, 9))
def test_groups_divide_the_clips_evenly(clips, groups, least):
    parts = sampler.split_batch(clips, groups, least)
    sizes = [len(range(clips)[part]) for part in parts]
    assert np.concatenate([np.arange(clips)[part] for part in parts]).tolist() == [*range(clips)]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    if groups is None:
        assert len(parts) <= len(os.sched_getaffinity(0))
        assert len(parts) == 1 or min(sizes) >= least
    else:
        assert len(parts) == min(groups, clips)
