"""Magnitude pruning of matrices in blocks, on the schedule of WaveRNN.

Source: arXiv:1802.08435 section 3. The sparsity follows the cubic of Zhu and Gupta,
arXiv:1710.01878:

    z(t) = Z (1 - (1 - (t - t0) / S)^3), limited to 0 before t0 and to Z after t0 + S

At fixed intervals the k = z x (number of blocks) blocks of the smallest mean magnitude are pruned.
A pruned block has magnitude zero and therefore stays pruned.

For inference a matrix is stored as `Blocks`: for each group of 16 outputs the numbers of the inputs
that reach one of them and their weights. Groups have unequal numbers of inputs; each is cut in
chunks of equal size, whose products are computed at once and then summed by group. Blocks with
fewer outputs are padded with zeros: a processor multiplies 16 numbers as fast as four.

Kernels are [inputs, outputs]. Blocks are named outputs x inputs as in the paper: "16x1" has 16
outputs that share one input.
"""

import dataclasses
import math
import typing

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError

BLOCKS = {"element": (1, 1), "4x4": (4, 4), "16x1": (16, 1)}  # name -> outputs, inputs
_CHUNK = 32  # inputs in a chunk of `Blocks`
_GROUP = 16  # outputs of a group, where the matrix has a multiple of them
_WORTH = 0.6  # share of a matrix up to which `Blocks` of it are faster than the whole


@dataclasses.dataclass(frozen=True)
class PruningConfig:
    """Size of the blocks and schedule of pruning; the defaults are the paper's.

    Raises:
      UserError: a value out of range, naming the field.
    """

    sparsity: float  # Z: final share of pruned blocks
    block: str = "16x1"  # "element", "4x4"
    start: int = 1000  # t0: step of the first pruning
    steps: int = 200_000  # S: steps from the first pruning to the last
    every: int = 500  # steps from pruning to pruning

    def __post_init__(self):
        for field, holds, requirement in (
            ("sparsity", 0.0 <= self.sparsity < 1.0, "0 or more and below 1"),
            ("block", self.block in BLOCKS, f"one of {', '.join(BLOCKS)}"),
            ("start", self.start >= 0, "0 or more"),
            ("steps", self.steps >= 1, "1 or more"),
            ("every", self.every >= 1, "1 or more"),
        ):
            if not holds:
                raise UserError(
                    f"PruningConfig.{field} is {getattr(self, field)!r}; it must be {requirement}"
                )


def sparsity_at(config, step):
    """Return z(t) as a float64 scalar; step is a Python or TensorFlow integer."""
    done = (tf.cast(step, tf.float64) - config.start) / config.steps
    done = tf.clip_by_value(done, 0.0, 1.0)
    return config.sparsity * (1.0 - (1.0 - done) ** 3)


def is_due(config, step):
    """Return whether pruning happens after update number `step`, a bool scalar."""
    step = tf.cast(step, tf.int64)
    last = config.start + config.steps + config.every
    return (step >= config.start) & (step < last) & (step % config.every == 0)


def block_magnitudes(kernel, block):
    """Compute the mean magnitude of each block.

    Args:
      kernel: float [inputs, outputs].
      block: name in BLOCKS.

    Returns:
      float [inputs / block inputs, outputs / block outputs].

    Raises:
      ValueError: the kernel does not consist of whole blocks.
    """
    outputs, inputs = BLOCKS[block]
    rows, columns = kernel.shape
    if rows % inputs or columns % outputs:
        raise ValueError(
            f"a kernel of {rows} inputs and {columns} outputs has no whole number of {block} blocks"
        )
    parts = tf.reshape(tf.abs(kernel), [rows // inputs, inputs, columns // outputs, outputs])
    return tf.reduce_mean(parts, axis=[1, 3])


def expand(blocks, block):
    """Repeat each block's value for all of its weights: [rows, columns] -> kernel's shape."""
    outputs, inputs = BLOCKS[block]
    return tf.repeat(tf.repeat(blocks, inputs, axis=0), outputs, axis=1)


def strongest(kernel, sparsity, block):
    """Return the mask of the blocks that pruning keeps.

    Args:
      kernel: float [inputs, outputs].
      sparsity: share of the blocks to prune, a scalar in 0 to 1; their number is rounded down.
      block: name in BLOCKS.

    Returns:
      float32 [inputs / block inputs, outputs / block outputs]: 1 for a block that stays, else 0.
    """
    magnitudes = block_magnitudes(kernel, block)
    flat = tf.reshape(magnitudes, [-1])
    count = tf.size(flat)
    # A product such as 0.3 x 10 may come out just below the whole number it is.
    weak = tf.floor(tf.cast(sparsity, tf.float64) * tf.cast(count, tf.float64) + 1e-6)
    order = tf.argsort(flat, stable=True)
    ranks = tf.scatter_nd(order[:, tf.newaxis], tf.range(count), [count])
    return tf.reshape(tf.cast(ranks >= tf.cast(weak, tf.int32), tf.float32), magnitudes.shape)


class PruningMask(tf.Module):
    """Mask of the blocks of a kernel that remain after pruning.

    Args:
      config: PruningConfig.
      inputs, outputs: shape of the kernel.
      parts: groups of as many columns each that are pruned separately, such as the gates of a cell.
      name: name of the mask.

    Attributes:
      blocks: float32 variable, 1 for a block that remains, else 0; saved in checkpoints.

    Raises:
      ValueError: the kernel's parts do not consist of whole blocks.
    """

    def __init__(self, config, inputs, outputs, parts=1, name=None):
        super().__init__(name=name)
        self.config, self._parts = config, parts
        part = block_magnitudes(tf.zeros([inputs, outputs // parts]), config.block)
        self.blocks = tf.Variable(
            tf.ones([part.shape[0], parts * part.shape[1]]),
            trainable=False,
            name="blocks",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def apply(self, kernel):
        """Set the weights of pruned blocks to zero; their gradient is zero as well."""
        return kernel * expand(tf.convert_to_tensor(self.blocks), self.config.block)

    def update(self, kernel, step):
        """Prune if it is due after this update.

        Args:
          kernel: stored kernel, unmasked.
          step: int64 scalar, number of updates so far.
        """
        before = tf.convert_to_tensor(self.blocks)

        def pruned():
            share = sparsity_at(self.config, step)
            parts = tf.split(self.apply(kernel), self._parts, axis=1)
            masks = [strongest(part, share, self.config.block) for part in parts]
            return tf.concat(masks, axis=1)

        self.blocks.assign(tf.cond(is_due(self.config, step), pruned, lambda: before))

    def sparsity(self):
        """Return the share of the blocks that are pruned, a float32 scalar."""
        return 1.0 - tf.reduce_mean(tf.convert_to_tensor(self.blocks))


class Blocks(typing.NamedTuple):
    """A sparse matrix; G groups of outputs, cut in C chunks of K inputs."""

    values: tf.Tensor  # float32 [C, K, outputs of a group]
    inputs: tf.Tensor  # int32 [C, K]: numbers of the inputs that they multiply
    chunks: tf.Tensor  # int32 [G, most chunks of a group]: chunks of each group; C for none


def is_worth_blocks(matrix):
    """Return whether `Blocks` of a matrix [inputs, outputs] multiply faster than all of it."""
    return _alive(np.asarray(matrix)).mean() <= _WORTH


def to_blocks(matrix, chunk=_CHUNK) -> Blocks:
    """Store the non-zero part of a matrix.

    Args:
      matrix: float32 [inputs, outputs].
      chunk: number of inputs in a chunk.
    """
    matrix = np.asarray(matrix)
    alive = _alive(matrix)
    rows, chunk = matrix.shape[0], min(chunk, matrix.shape[0])
    outputs = matrix.shape[1] // alive.shape[1]
    columns = matrix.reshape(rows, -1, outputs)
    groups, places = np.nonzero(alive.T)
    counts = np.bincount(groups, minlength=columns.shape[1])
    sizes = -(-counts // chunk)
    first = np.cumsum(sizes) - sizes
    rank = np.arange(len(groups)) - (np.cumsum(counts) - counts)[groups]  # within its group
    total, place = int(sizes.sum()), (first[groups] + rank // chunk, rank % chunk)
    values = np.zeros([total, chunk, outputs], np.float32)
    values[place] = columns[places, groups]
    numbers = np.zeros([total, chunk], np.int32)
    numbers[place] = places
    table = np.arange(max(1, sizes.max()))
    table = np.where(table < sizes[:, np.newaxis], first[:, np.newaxis] + table, total)
    return Blocks(tf.constant(values), tf.constant(numbers), tf.constant(table, tf.int32))


def _alive(matrix):
    """Return whether each input reaches an output of each group, bool [inputs, groups]."""
    rows, outputs = matrix.shape
    return np.any(matrix.reshape(rows, -1, math.gcd(outputs, _GROUP)), axis=2)


def product(x, matrix):
    """Multiply x [B, inputs] by a dense matrix or `Blocks`, giving [B, outputs]."""
    if not isinstance(matrix, Blocks):
        return tf.matmul(x, matrix)
    picked = tf.gather(tf.transpose(x), matrix.inputs)  # [C, K, B]
    sums = tf.matmul(picked, matrix.values, transpose_a=True)  # [C, B, outputs]
    sums = tf.pad(sums, [[0, 1], [0, 0], [0, 0]])
    groups = tf.reduce_sum(tf.gather(sums, matrix.chunks), axis=1)  # [G, B, outputs]
    size = matrix.chunks.shape[0] * matrix.values.shape[-1]
    return tf.reshape(tf.transpose(groups, [1, 0, 2]), [-1, size])
