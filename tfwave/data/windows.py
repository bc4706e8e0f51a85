"""Windows of recordings as `tf.data` pipelines: the contents of batches and their order.

A window is `context` samples followed by `slice_len` samples to predict. By default the slices of a
recording are consecutive, so that every sample is predicted once; silence (0) precedes each
recording, so that no window spans two recordings and every predicted sample has the context it has
when audio is generated from silence. With features a window has to start with a frame: then the
first `context % hop_length` samples of a recording are context only.
"""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfwave.data.corpus import NUMBERS, Split
from tfwave.data.features import Features, check_features
from tfwave.data.phonemes import UNLABELLED, frame_phonemes, spoken_phonemes
from tfwave.data.slices import (
    SliceConfig,
    SliceOrder,
    no_slices,
    read_slices,
    shuffled,
    slice_table,
)
from tfwave.errors import UserError

_NAMED = 5
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """Contents and sizes of a system's batches.

    Attributes:
      slice_len: samples to predict; with features a multiple of their hop_length.
      context: samples before them, the receptive field of the model.
      frame_padding: frames of features on each side of those that cover the window.
      phoneme_frame: samples of a frame of phoneme labels, such as 160 for 10 ms at 16 kHz; 0 for
        no phonemes.
      columns: keys of a batch, see `Windows`; None for waveform and length and, where present,
        speaker, features, phonemes and sequence.
      updates: batches in one element, such as the critic updates of a step, which are then the
        first axis of everything; None for one batch without such an axis.
      channel_axis: whether waveforms have channels as their last axis; they are averaged otherwise.

    Raises:
      UserError: a value is out of range; the message names the field.
    """

    slice_len: int = 16000
    context: int = 1
    frame_padding: int = 0
    phoneme_frame: int = 0
    columns: tuple[str, ...] | None = None
    updates: int | None = None
    channel_axis: bool = False

    def __post_init__(self):
        for field, least in (
            ("slice_len", 1),
            ("context", 0),
            ("frame_padding", 0),
            ("phoneme_frame", 0),
            ("updates", 1),
        ):
            value = getattr(self, field)
            if value is not None and value < least:
                raise UserError(f"{field} must be at least {least}, not {value}")


class Windows:
    """The windows of a split, read from its stores.

    A batch is a dict of the columns of its configuration:
      waveform: float32 [batch, context + slice_len], with channel_axis [..., channels]; zeros
        before and after the recording.
      length: int32 [batch], samples of the row, context included, before its recording ends.
      label, speaker, pitch, instrument, velocity, domain: int32 [batch], see `Split`.
      qualities: int32 [batch, qualities].
      sources: float32 [batch, sources, context + slice_len], in the order of `Split.sources`.
      features: float32 [batch, frames, channels]. Frame frame_padding belongs to the first sample
        of the window.
      phonemes: int32 [batch, slice_len // phoneme_frame], the phoneme at the middle of each frame
        of the samples to predict, -1 where nothing is labelled.
      sequence: int32 [batch, most], the phonemes whose middle lies in the samples to predict, in
        order, filled up with -1.

    Attributes:
      split: Split.
      config: WindowConfig.
      features: Features, or None.
      slices: SliceConfig.
      columns: keys of a batch.
      lengths: int64 [files], samples that can be predicted.
    """

    def __init__(
        self,
        split: Split,
        config: WindowConfig,
        features: Features | None = None,
        slices: SliceConfig | None = None,
    ):
        """Prepare the windows.

        Args:
          split: Split.
          config: WindowConfig.
          features: Features of the split's recordings, or None.
          slices: SliceConfig of the samples to predict, of config.slice_len samples; None for
            consecutive slices to the end of each recording.

        Raises:
          UserError: audio and features do not match, slices are not whole frames, a column is
            missing, or nothing is left to predict.
        """
        store, lead = split.store, 0
        if features is not None:
            check_features(features, store)
            if config.slice_len % features.hop_length:
                raise UserError(
                    f"slice_len must be a multiple of the {features.hop_length} samples of a frame "
                    f"of features, not {config.slice_len}"
                )
            lead = config.context % features.hop_length
        slices = slices or SliceConfig(config.slice_len, pad_end=True, random_offset=False)
        if slices.slice_len != config.slice_len:
            raise UserError(
                f"slice_len is {config.slice_len} in the windows, {slices.slice_len} in the slices"
            )
        self.split, self.config, self.features, self.slices = split, config, features, slices
        self.lengths = np.maximum(store.lengths - lead, 0)
        self._lead = lead
        self._most = max([1, *(len(rows) for rows in split.phonemes or ())])
        self.columns = self._chosen_columns()
        _report_empty(store, self.lengths)

    def _chosen_columns(self):
        config, split = self.config, self.split
        columns = config.columns
        if columns is None:
            columns = ["waveform", "length"]
            columns += ["speaker"] * (split.speaker is not None)
            columns += ["features"] * (self.features is not None)
            columns += ["phonemes", "sequence"] * bool(config.phoneme_frame)
        there = {"waveform", "length", *split.columns} & {"waveform", "length", "sources", *NUMBERS}
        if self.features is not None:
            there.add("features")
        if config.phoneme_frame and split.phonemes is not None:
            there.update(("phonemes", "sequence"))
        for name in columns:
            if name not in there:
                raise UserError(f"batches are to have {name}, but the recordings have no {name}")
            column = getattr(split, name) if name in NUMBERS else None
            if column is not None and len(column) and column.min() < 0:
                file = split.store.names[int(np.argmin(column))]
                raise UserError(f"{file}: its {name} is unknown, while others are known")
        return tuple(columns)

    def read(self, rows, slice_len: int | None = None) -> dict[str, np.ndarray]:
        """Read a batch.

        Args:
          rows: int [batch, 2], file and start of the slice, counted from the first sample that
            can be predicted.
          slice_len: samples to predict in place of the configuration's.

        Returns:
          Dict of arrays, see the class.
        """
        slice_len = slice_len or self.config.slice_len
        rows = np.asarray(rows, np.int64).reshape(-1, 2) + [0, self._lead]
        return {name: self._column(name, rows, slice_len) for name in self.columns}

    def _column(self, name, rows, slice_len):
        context, split = self.config.context, self.split
        size, files, starts = context + slice_len, rows[:, 0], rows[:, 1]
        if name == "waveform":
            return self._waveform(split.store, rows, size)
        if name == "length":
            return np.minimum(split.store.lengths[files] - starts + context, size).astype(np.int32)
        if name == "sources":
            stores = split.sources.values()
            return np.stack([self._waveform(store, rows, size) for store in stores], axis=1)
        if name == "features":
            return np.stack([self._frames(file, start, size) for file, start in rows])
        if name == "phonemes":
            grid = slice_len // self.config.phoneme_frame, self.config.phoneme_frame
            return np.stack([frame_phonemes(split.phonemes[f], s, *grid) for f, s in rows])
        if name == "sequence":
            return self._sequences(rows, slice_len)
        return getattr(split, name)[files]

    def _waveform(self, store, rows, size):
        out = _aligned([len(rows), size, store.channels])
        read_slices(store, rows - [0, self.config.context], size, out)
        if self.config.channel_axis:
            return out
        return out[..., 0] if store.channels == 1 else out.mean(axis=2)

    def _frame_count(self, size):
        return -(-size // self.features.hop_length) + 2 * self.config.frame_padding

    def _frames(self, file, start, size):
        first = (start - self.config.context) // self.features.hop_length
        first -= self.config.frame_padding
        return self.features.frames(file, first, first + self._frame_count(size))

    def _sequences(self, rows, slice_len):
        sequences = np.full([len(rows), self._most], UNLABELLED, np.int32)
        for out, (file, start) in zip(sequences, rows, strict=True):
            spoken = spoken_phonemes(self.split.phonemes[file], start, start + slice_len)
            out[: len(spoken)] = spoken
        return sequences

    def spec(self, batch_size: int | None = None, slice_len: int | None = None) -> dict:
        """Return {name: tf.TensorSpec} of the batches; None for a size that varies."""
        config, split = self.config, self.split
        size = None if slice_len is None else config.context + slice_len
        shapes = {"waveform": ([size], tf.float32), "sequence": ([self._most], tf.int32)}
        if config.channel_axis:
            shapes["waveform"] = ([size, split.store.channels], tf.float32)
        if split.sources is not None:
            shapes["sources"] = ([len(split.sources), size], tf.float32)
        if self.features is not None:
            frames = None if size is None else self._frame_count(size)
            shapes["features"] = ([frames, self.features.channels], tf.float32)
        if config.phoneme_frame:
            frames = None if slice_len is None else slice_len // config.phoneme_frame
            shapes["phonemes"] = ([frames], tf.int32)
        if split.qualities is not None:
            shapes["qualities"] = ([split.qualities.shape[1]], tf.int32)
        spec = {}
        for name in self.columns:
            shape, dtype = shapes.get(name, ([], tf.int32))
            spec[name] = tf.TensorSpec([batch_size, *shape], dtype)
        return spec


def _report_empty(store, lengths):
    empty = np.flatnonzero(lengths == 0)
    if len(empty) == len(lengths):
        raise UserError(f"none of the {len(lengths)} recordings has a sample to predict")
    if len(empty):
        names = ", ".join(store.names[number] for number in empty[:_NAMED])
        more = " ..." if len(empty) > _NAMED else ""
        _log.warning("%d recordings have no sample to predict: %s%s", len(empty), names, more)


def _aligned(shape):
    """Return an uninitialised float32 array that TensorFlow can take over without a copy."""
    count = int(np.prod(shape))
    buffer = np.empty(count + 16, np.float32)
    shift = -buffer.ctypes.data % 64 // 4
    return buffer[shift : shift + count].reshape(shape)


def training_batches(
    windows: Windows,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    shard_index: int = 0,
    shard_count: int = 1,
    shuffle: Callable[[int, int, int], np.ndarray] = shuffled,
) -> tf.data.Dataset:
    """Stream training batches endlessly, in an order that depends on the seed alone.

    Element s is a pure function of (windows, seed, s): starting again with start_step=s continues
    with the same batches, and shard k of n holds rows k B / n .. (k + 1) B / n of the batches that
    one process would see. Within an epoch every slice occurs once.

    Args:
      windows: Windows.
      batch_size: rows of a batch over all shards, B.
      seed: int >= 0.
      start_step: number of the first element.
      shard_index: number of the part of the batch to read, 0 .. shard_count - 1.
      shard_count: number of equal parts.
      shuffle: see `SliceOrder`.

    Returns:
      Infinite tf.data.Dataset of dicts as `Windows` describes, prefetched.

    Raises:
      UserError: no slice results, a value is out of range, or the batch does not divide into
        shards.
    """
    if batch_size < 1 or start_step < 0:
        raise UserError(
            f"batch_size must be at least 1 and start_step at least 0, not {batch_size} and "
            f"{start_step}"
        )
    rows = rows_of_shard(batch_size, shard_index, shard_count)
    order = SliceOrder(windows.lengths, windows.slices, seed, shuffle)
    updates = windows.config.updates

    def element(step):
        table = []
        for batch in range(int(step) * (updates or 1), (int(step) + 1) * (updates or 1)):
            first = batch * batch_size + shard_index * rows
            table.append(order.rows(first, first + rows))
        batch = windows.read(np.concatenate(table))
        if updates is None:
            return batch
        return {name: part.reshape(updates, rows, *part.shape[1:]) for name, part in batch.items()}

    spec = windows.spec(rows, windows.config.slice_len)
    if updates is not None:
        spec = {n: tf.TensorSpec([updates, *part.shape], part.dtype) for n, part in spec.items()}
    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    return _stream(steps, element, spec)


def evaluation_batches(windows: Windows, batch_size: int) -> tf.data.Dataset:
    """Stream every slice of a split once, file after file; the last batch may have fewer rows.

    Args:
      windows: Windows; a random start of their slices is left out.
      batch_size: rows of a batch.

    Returns:
      tf.data.Dataset of dicts as `Windows` describes, of known length.

    Raises:
      UserError: batch_size is out of range, or no slice results.
    """
    if batch_size < 1:
        raise UserError(f"batch_size must be at least 1, not {batch_size}")
    slices = dataclasses.replace(windows.slices, random_offset=False)
    table = slice_table(windows.lengths, slices, 0, 0)
    if not len(table):
        raise UserError(no_slices(windows.lengths, slices))

    def element(first):
        return windows.read(table[int(first) : int(first) + batch_size])

    firsts = tf.data.Dataset.range(0, len(table), batch_size)
    dataset = _stream(firsts, element, windows.spec(None, slices.slice_len))
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(table) // batch_size)))


def whole_recordings(windows: Windows) -> tf.data.Dataset:
    """Stream every recording of a split once, whole, as a batch of one row, in order.

    Recordings without a sample to predict are left out.

    Args:
      windows: Windows; slice_len of their configuration is not used.

    Returns:
      tf.data.Dataset of dicts as `Windows` describes, whose slice_len is the number of samples to
      predict in the recording.
    """
    files = np.flatnonzero(windows.lengths)

    def element(number):
        return windows.read([(number, 0)], int(windows.lengths[number]))

    dataset = _stream(tf.data.Dataset.from_tensor_slices(files), element, windows.spec(1))
    return dataset.apply(tf.data.experimental.assert_cardinality(len(files)))


def rows_of_shard(batch_size: int, shard_index: int, shard_count: int) -> int:
    """Return how many rows of a batch each shard reads.

    Raises:
      UserError: the batch does not divide into shards, or there is no such shard.
    """
    if shard_count < 1 or not 0 <= shard_index < shard_count or batch_size % shard_count:
        raise UserError(
            f"batch_size {batch_size} gives no equal part to shard {shard_index} of {shard_count}"
        )
    return batch_size // shard_count


def _stream(numbers: tf.data.Dataset, element: Callable, spec: dict) -> tf.data.Dataset:
    """Map numbers to batches; `element` gives a dict of arrays that match `spec`."""
    types = [part.dtype for part in spec.values()]

    def values(number):
        batch = element(number)
        return [batch[name] for name in spec]

    def load(number):
        arrays = tf.numpy_function(values, [number], types, stateful=False)
        return {
            name: tf.ensure_shape(array, part.shape)
            for (name, part), array in zip(spec.items(), arrays, strict=True)
        }

    dataset = numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
    options = tf.data.Options()
    # Shards are cut above; a distribution strategy must not cut them again.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)
