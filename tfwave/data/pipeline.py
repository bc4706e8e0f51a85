"""Stores as `tf.data` pipelines whose every element can be computed from its number."""

import dataclasses
import threading

import numpy as np
import tensorflow as tf

from tfwave.data.slices import random_bits, read_slices, slice_table
from tfwave.errors import UserError

_TABLES_KEPT = 4
_EPOCHS_TRIED = 64


class SliceOrder:
    """The endless row of slices that training sees, epoch after epoch, each shuffled.

    Row r is a pure function of (lengths, config, seed, r). Within an epoch every slice comes once.
    """

    def __init__(self, lengths, config, seed):
        """Prepare the order.

        Args:
          lengths: frames of each file, int `[files]`.
          config: SliceConfig.
          seed: int >= 0.

        Raises:
          UserError: not one slice results; the sentence names the option that helps.
        """
        if seed < 0:
            raise UserError(f"seed must not be negative, not {seed}")
        self._lengths = np.asarray(lengths, np.int64)
        self._config = config
        self._seed = seed
        self._lock = threading.Lock()
        self._tables = {}
        self._ends = []  # Rows up to and with each epoch, for configurations that vary.
        self._constant = 0 if config.varies else len(self._table(0))
        if not self._constant and not any(
            len(self._table(epoch)) for epoch in range(_EPOCHS_TRIED if config.varies else 1)
        ):
            raise UserError(no_slices(self._lengths, config))

    def rows(self, start, stop):
        """Return slice table rows start..stop of the endless order, int64 `[stop - start, 2]`."""
        parts = []
        with self._lock:
            while start < stop:
                epoch, first = self._locate(start)
                part = self._table(epoch)[start - first : stop - first]
                parts.append(part)
                start += len(part)
        return np.concatenate(parts) if parts else np.zeros([0, 2], np.int64)

    def _locate(self, row):
        """Return the epoch that row falls into and that epoch's first row."""
        if self._constant:
            epoch = row // self._constant
            return epoch, epoch * self._constant
        while not self._ends or self._ends[-1] <= row:
            last = self._ends[-1] if self._ends else 0
            self._ends.append(last + len(self._plain_table(len(self._ends))))
        epoch = int(np.searchsorted(self._ends, row, side="right"))
        return epoch, self._ends[epoch - 1] if epoch else 0

    def _plain_table(self, epoch):
        return slice_table(self._lengths, self._config, self._seed, epoch)

    def _table(self, epoch):
        table = self._tables.get(epoch)
        if table is None:
            table = self._plain_table(epoch)
            table = table[np.argsort(random_bits(len(table), self._seed, epoch, 1), kind="stable")]
            self._tables[epoch] = table
            while len(self._tables) > _TABLES_KEPT:
                del self._tables[min(self._tables)]
        return table


def no_slices(lengths, config):
    """Say in one sentence why a corpus gives no slices and which option helps."""
    longest = int(np.max(lengths, initial=0))
    remedy = "use first_slice and pad_end to train on clips shorter than a slice"
    if longest >= config.slice_len and config.varies:
        remedy = "turn random_offset off, or use pad_end"
    return (
        f"no slice of {config.slice_len} samples fits into any of the {len(lengths)} files "
        f"(the longest has {longest} samples): {remedy}"
    )


def training_batches(
    store, slices, batch_size, updates_per_step, seed, start_step=0, shard_index=0, shard_count=1
):
    """Stream batches for training, for ever, in an order that depends on the seed alone.

    Element number s is a pure function of (store, slices, seed, s): stopping after s elements and
    starting again with start_step=s continues with the same batches, and shard k of n holds rows
    k B / n .. (k + 1) B / n of the batches that one process would see.

    Args:
      store: AudioStore.
      slices: SliceConfig.
      batch_size: clips per update over all shards, B.
      updates_per_step: batches per element, such as the critic updates of a step.
      seed: int >= 0.
      start_step: number of the first element.
      shard_index: which part of the batch to read, 0 .. shard_count - 1.
      shard_count: number of equal parts.

    Returns:
      Infinite tf.data.Dataset of float32
      `[updates_per_step, batch_size // shard_count, slice_len, channels]`, prefetched.

    Raises:
      UserError: not one slice results, or the batch does not divide into shards.
    """
    if batch_size < 1 or updates_per_step < 1 or start_step < 0:
        raise UserError(
            "batch_size and updates_per_step must be at least 1 and start_step at least 0, not "
            f"{batch_size}, {updates_per_step} and {start_step}"
        )
    rows = rows_of_shard(batch_size, shard_index, shard_count)
    order = SliceOrder(store.lengths, slices, seed)
    shape = [updates_per_step, rows, slices.slice_len, store.channels]

    def element(step):
        out = _aligned(shape)
        for update in range(updates_per_step):
            first = (int(step) * updates_per_step + update) * batch_size + shard_index * rows
            read_slices(store, order.rows(first, first + rows), slices.slice_len, out[update])
        return out

    def load(step):
        batch = tf.numpy_function(element, [step], tf.float32, stateful=False)
        return tf.ensure_shape(batch, shape)

    dataset = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    dataset = dataset.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
    return dataset.with_options(unsharded())


def evaluation_clips(store, slices, batch_size):
    """Stream every slice of a store once, in order.

    Args:
      store: AudioStore.
      slices: SliceConfig; the random offset is left out.
      batch_size: clips per element; the last element may have fewer.

    Returns:
      tf.data.Dataset of (float32 `[batch, slice_len, channels]`, int32 labels `[batch]`, which
      are -1 in a store without labels).

    Raises:
      UserError: not one slice results.
    """
    slices = dataclasses.replace(slices, random_offset=False)
    table = slice_table(store.lengths, slices, 0, 0)
    if not len(table):
        raise UserError(no_slices(store.lengths, slices))
    labels = np.full(len(store), -1, np.int32) if store.labels is None else store.labels

    def element(first):
        part = table[first : first + batch_size]
        return read_slices(store, part, slices.slice_len), labels[part[:, 0]]

    def load(first):
        clips, numbers = tf.numpy_function(element, [first], (tf.float32, tf.int32), stateful=False)
        clips = tf.ensure_shape(clips, [None, slices.slice_len, store.channels])
        return clips, tf.ensure_shape(numbers, [None])

    dataset = tf.data.Dataset.range(0, len(table), batch_size)
    dataset = dataset.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(table) // batch_size)))
    return dataset.with_options(unsharded())


def rows_of_shard(batch_size, shard_index, shard_count):
    """Return how many rows of a batch each shard reads.

    Raises:
      UserError: the batch does not divide into shards, or there is no such shard.
    """
    if shard_count < 1 or not 0 <= shard_index < shard_count or batch_size % shard_count:
        raise UserError(
            f"batch_size {batch_size} gives no equal part to shard {shard_index} of {shard_count}"
        )
    return batch_size // shard_count


def _aligned(shape):
    """Return an uninitialised float32 array that TensorFlow can take over without a copy."""
    count = int(np.prod(shape))
    buffer = np.empty(count + 16, np.float32)
    shift = -buffer.ctypes.data % 64 // 4
    return buffer[shift : shift + count].reshape(shape)


def unsharded():
    """Return tf.data.Options for a dataset that is already one shard."""
    options = tf.data.Options()
    # The shards are cut here; a distribution strategy must not cut them again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
