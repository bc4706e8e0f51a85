"""Generation step by step: what a system gives for it, and the one loop, in two forms.

A network that makes each sample (or frame) from those before it gives a `StepModel`, functions of
tensors, and for every request a `Start`: weights, the state before the first step, conditioning.
The sampler makes blocks of steps, each by one call of a compiled loop:

* `stream` runs eagerly and yields block after block. The clips of a batch are divided into groups,
  which run at the same time, one for each core.
* `generate_in_graph` returns the same as one tensor inside a graph, for functions that are served.

Priming is a `Start` whose state comes after a given waveform. Clip i of a seed is the same however
many clips there are, and the same in both forms.
"""

import abc
import dataclasses
import functools
import os
import typing
from collections.abc import Callable, Iterator

import tensorflow as tf

from tfwave.models.signatures import with_free_shape

BLOCK = 512  # samples that one call of the compiled loop makes

Nest = typing.Any  # tensors in tuples, lists or dicts, a tensor, or None
Number = int | tf.Tensor  # inside a graph an int32 scalar


class StepModel(abc.ABC):
    """Functions of a network that makes one step after the other; B clips, N steps of a block.

    Subclasses are frozen dataclasses of settings: compiled loops are cached by their hash. Tensors
    are arguments; `weights`, `state` and `rows` are those of `Start`.

    Attributes:
      block: samples (or frames) of a block; a step makes one or more.
      value: type and shape of what a step makes for one clip.
      channels: of the audio.
      least_clips: clips that are worth a core of their own.
    """

    value = tf.TensorSpec([], tf.float32)
    channels = 1
    least_clips = 1

    @property
    def block(self) -> int:
        return BLOCK

    @abc.abstractmethod
    def noise(self, seed: Number, number: Number, clips: Number) -> Nest:
        """Return the random numbers of block `number`, [N, B, ...]; see `step_noise`."""

    def terms(self, weights: Nest, rows: Nest) -> Callable[[tf.Tensor], Nest]:
        """Return the function that gives `step` the terms of step number i of the block.

        What does not depend on the samples is computed here, for all steps at once.
        """
        return lambda i: None

    @abc.abstractmethod
    def step(
        self, weights: Nest, state: Nest, terms: Nest, noise: Nest, temperature: tf.Tensor
    ) -> tuple[tf.Tensor, Nest]:
        """Return the values of one step [B, ...] and the state after it.

        `noise` is that of the step, [B, ...]; `temperature` a float32 scalar above 0, below 1 for
        draws that keep closer to the likely.
        """

    @abc.abstractmethod
    def decode(self, values: tf.Tensor) -> tf.Tensor:
        """Return the audio, float32 [block, B, channels], of the values of a block [N, B, ...]."""

    def take(self, state: Nest, group: slice) -> Nest:
        """Return the state of some clips, which are the first axis of every tensor."""
        return tf.nest.map_structure(lambda tensor: tensor[group], state)


@dataclasses.dataclass(frozen=True)
class Start:
    """What one request starts from.

    Attributes:
      clips: how many.
      weights: tensors that all clips share.
      state: before the first step.
      rows: function of (number of a block, `history` up to there) that returns the conditioning of
        the block: tensors with the clips on their second axis, and scalars.
      history: waveform before the first step, float32 [clips, time], where `rows` depends on what
        was made; every block is added to it.
      noise: function of the number of a block that returns its noise instead of a seed's.
    """

    clips: Number
    weights: Nest
    state: Nest
    rows: Callable[[Number, tf.Tensor], Nest] = lambda number, history: None
    history: tf.Tensor | None = None
    noise: Callable[[int], Nest] | None = None


def stream(
    model: StepModel,
    start: Start,
    samples: int,
    seed: int = 0,
    first_clip: int = 0,
    temperature: float = 1.0,
    groups: int | None = None,
    xla: bool = True,
) -> Iterator[tf.Tensor]:
    """Generate audio and yield it block by block.

    Args:
      model, start: of the system.
      samples: of every clip.
      seed: of the noise.
      first_clip: number of the first clip, so that a long list can be made in parts.
      temperature: see `StepModel.step`.
      groups: of clips that are made at the same time; see `split_batch`.
      xla: compile the loop (seconds, once for each shape), or run it op by op.

    Yields:
      float32 [clips, up to `model.block` samples, channels].
    """
    parts = split_batch(start.clips, groups, model.least_clips)
    scale = tf.constant(temperature, tf.float32)
    make = _block_maker(model, start, parts, seed, first_clip, scale, xla)
    carried = [model.take(start.state, part) for part in parts], _history(start)
    for first in range(0, samples, model.block):
        audio, carried = make(first // model.block, carried)
        yield tf.transpose(audio, [1, 0, 2])[:, : samples - first]


def generate_in_graph(
    model: StepModel,
    start: Start,
    samples: tf.Tensor,
    seed: tf.Tensor,
    temperature: tf.Tensor,
    xla: bool = False,
) -> tf.Tensor:
    """Return what `stream` yields as one tensor [clips, samples, channels], inside a graph."""
    make = _block_maker(model, start, [slice(None)], seed, 0, temperature, xla)
    carried = [start.state], with_free_shape(_history(start), [None, None])
    count = (samples + model.block - 1) // model.block
    block = tf.TensorSpec([model.block, None, model.channels], tf.float32)
    return tf.transpose(by_blocks(count, make, carried, block), [1, 0, 2])[:, :samples]


def _history(start):
    return tf.zeros([0, 0]) if start.history is None else start.history


def _block_maker(model, start, groups, seed, first_clip, temperature, xla):
    """Return the function of (number, carried) that returns (audio of a block, carried).

    What is carried from block to block is (states of the groups, history).
    """
    run = compiled(model, xla)

    def noise(number):
        drawn = model.noise(seed, number, first_clip + start.clips)
        return _of_clips(drawn, slice(first_clip or None, None))

    def make(number, carried):
        states, history = carried
        rows, drawn = start.rows(number, history), (start.noise or noise)(number)
        parts = [
            (state, _of_clips(rows, group), _of_clips(drawn, group))
            for state, group in zip(states, groups, strict=True)
        ]
        values, states = zip(*run(start.weights, parts, temperature), strict=True)
        audio = model.decode(tf.concat(values, axis=1))
        if start.history is not None:
            history = tf.concat([history, tf.transpose(audio[..., 0])], axis=1)
        return audio, (list(states), history)

    return make


def _of_clips(nest, group):
    """Return some clips of rows or noise."""
    if group == slice(None):  # slices take longer than all else between blocks
        return nest

    def of(tensor):
        return tensor if tensor is None or tensor.shape.rank == 0 else tensor[:, group]

    return tf.nest.map_structure(of, nest)


@functools.lru_cache(maxsize=32)
def compiled(model: StepModel, xla: bool) -> Callable:
    """Return `advance` of several groups of clips, which run at the same time."""
    one = tf.function(functools.partial(advance, model), jit_compile=xla, autograph=False)

    def groups(weights, parts, temperature):
        return [one(weights, *part, temperature) for part in parts]

    return tf.function(groups, autograph=False)


def advance(
    model: StepModel, weights: Nest, state: Nest, rows: Nest, noise: Nest, temperature: tf.Tensor
) -> tuple[tf.Tensor, Nest]:
    """Return the values [N, B, ...] of as many steps as there is noise for, and the last state."""
    first, *_ = tf.nest.flatten(noise)
    steps, clips = first.shape[0], tf.shape(first)[1]
    terms = model.terms(weights, rows)

    def body(i, state, values):
        drawn = tf.nest.map_structure(lambda tensor: tensor[i], noise)
        value, state = model.step(weights, state, terms(i), drawn, temperature)
        return i + 1, state, tf.tensor_scatter_nd_update(values, [[i]], value[tf.newaxis])

    values = tf.zeros([steps, clips, *model.value.shape], model.value.dtype)
    loop = tf.constant(0), state, values
    _, state, values = tf.while_loop(lambda i, *_: i < steps, body, loop)
    return values, state


def by_blocks(count: tf.Tensor, make: Callable, carried: Nest, block: tf.TensorSpec) -> tf.Tensor:
    """Make `count` blocks in a loop of the graph and join them along their first axis.

    Args:
      count: int32 scalar.
      make: function of (number of the block, `carried`) that returns (the block, `carried`).
      carried: tensors that go from block to block.
      block: type and shape of a block.
    """
    blocks = tf.TensorArray(block.dtype, count, element_shape=block.shape)

    def body(number, carried, blocks):
        values, carried = make(number, carried)
        return number + 1, carried, blocks.write(number, tf.ensure_shape(values, block.shape))

    loop = tf.constant(0), carried, blocks
    *_, blocks = tf.while_loop(lambda i, *_: i < count, body, loop, parallel_iterations=1)
    return blocks.concat()


def check_request(clips: int, samples: int, temperature: float) -> None:
    """Raise a ValueError that names the argument that is out of range."""
    for name, value in (("samples", samples), ("clips", clips)):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")


def repeat_ends(rows: tf.Tensor, before: Number, after: Number) -> tf.Tensor:
    """Return rows [clips, time, channels] with the outer ones repeated, for context."""
    parts = tf.repeat(rows[:, :1], before, 1), rows, tf.repeat(rows[:, -1:], after, 1)
    return tf.concat(parts, axis=1)


def split_batch(clips: int, groups: int | None = None, least_clips: int = 1) -> list[slice]:
    """Divide a batch into slices of clips that are made at the same time, none of them empty.

    Args:
      clips: how many.
      groups: number of slices, or None for one for each core.
      least_clips: that a slice has, with None.
    """
    if groups is None:
        groups = min(len(os.sched_getaffinity(0)), clips // least_clips)
    groups = max(1, min(groups, clips))
    if groups == 1:
        return [slice(None)]
    edges = [clips * i // groups for i in range(groups + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]
