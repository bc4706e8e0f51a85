"""Recordings as `tf.data` pipelines of windows: samples to predict and the context before them.

A window is `context` samples followed by `slice_len` samples to predict. The slices of a recording
follow each other, so that every sample is predicted once; before the start of a recording stands
silence (0), so that no window spans two recordings and every predicted sample has the context it
has when audio is generated from silence.

With features a window has to start with a frame. Then the first `context % hop_length` samples of
a recording are context only.
"""

import dataclasses
import logging

import numpy as np
import tensorflow as tf

from tfwave.data.features import Features, check_features
from tfwave.data.phonemes import UNLABELLED, frame_phonemes, spoken_phonemes
from tfwave.data.pipeline import SliceOrder, rows_of_shard, unsharded
from tfwave.data.sentence_corpora import Utterances
from tfwave.data.slices import SliceConfig, slice_table
from tfwave.errors import UserError

_NAMED = 5
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class WindowConfig:
    """What a window holds.

    Attributes:
      slice_len: samples to predict; with features a multiple of their hop_length.
      context: samples before them, the receptive field of the model.
      frame_padding: frames of features on each side of those that cover the window.
      phoneme_frame: samples of a frame of phoneme labels, such as 160 for 10 ms at 16 kHz; 0 for
        no phonemes.

    Raises:
      UserError: a value out of range, naming the field.
    """

    slice_len: int = 16000
    context: int = 1
    frame_padding: int = 0
    phoneme_frame: int = 0

    def __post_init__(self):
        for field, least in (
            ("slice_len", 1),
            ("context", 0),
            ("frame_padding", 0),
            ("phoneme_frame", 0),
        ):
            if getattr(self, field) < least:
                raise UserError(f"{field} must be at least {least}, not {getattr(self, field)}")


class Windows:
    """The windows of a split, read from its stores.

    A batch is a dict:
      waveform: float32 [batch, context + slice_len]; zeros before and behind the recording.
      length: int32 [batch], samples of the row, context included, before its recording ends.
      speaker: int32 [batch], where the recordings have speakers.
      features: float32 [batch, frames, channels], with features. Frame frame_padding belongs to the
        first sample of the window.
      phonemes: int32 [batch, slice_len // phoneme_frame], with phoneme_frame: what sounds in the
        middle of each frame of the samples to predict, -1 where nothing is labelled.
      sequence: int32 [batch, most], with phoneme_frame: the phonemes whose middle lies in the
        samples to predict, in order, filled up with -1.

    Attributes:
      utterances: Utterances.
      config: WindowConfig.
      features: Features, or None.
      lengths: int64 [files], samples that can be predicted.
    """

    def __init__(
        self, utterances: Utterances, config: WindowConfig, features: Features | None = None
    ):
        """Prepare the windows.

        Raises:
          UserError: audio and features do not match, slices are no whole frames, phonemes are
            wanted of recordings without labels, or nothing is left to predict.
        """
        store, lead = utterances.store, 0
        if store.channels != 1:
            raise UserError(f"windows need audio of one channel, not {store.channels}")
        if store.labels is not None and len(store) and store.labels.min() < 0:
            name = store.names[int(np.argmin(store.labels))]
            raise UserError(f"{name}: its speaker is unknown, while others are known")
        if features is not None:
            check_features(features, store)
            if config.slice_len % features.hop_length:
                raise UserError(
                    f"slice_len must be a multiple of the {features.hop_length} samples of a frame "
                    f"of features, not {config.slice_len}"
                )
            lead = config.context % features.hop_length
        if config.phoneme_frame and utterances.segments is None:
            raise UserError("phonemes are wanted, but the recordings have no phoneme labels")
        self.utterances, self.config, self.features = utterances, config, features
        self.lengths = np.maximum(store.lengths - lead, 0)
        self._lead = lead
        self._most = max([1, *(len(rows) for rows in utterances.segments or ())])
        _report_empty(store, self.lengths)

    def read(self, rows, slice_len=None):
        """Read a batch.

        Args:
          rows: int [batch, 2], file and start of the slice, counted from the first sample that
            can be predicted.
          slice_len: samples to predict in place of the configuration's.

        Returns:
          Dict of arrays, see the class.
        """
        config, store = self.config, self.utterances.store
        slice_len = slice_len or config.slice_len
        rows = [(int(file), int(start) + self._lead) for file, start in rows]
        size = config.context + slice_len
        batch = {
            "waveform": np.zeros([len(rows), size], np.float32),
            "length": np.array(
                [min(store.lengths[f] - s + config.context, size) for f, s in rows], np.int32
            ),
        }
        for out, (file, start) in zip(batch["waveform"], rows, strict=True):
            first = start - config.context
            samples = store.frames(file, max(first, 0), start + slice_len)[:, 0]
            begin = max(-first, 0)
            out[begin : begin + len(samples)] = samples
        if store.labels is not None:
            batch["speaker"] = store.labels[[file for file, _ in rows]]
        if self.features is not None:
            batch["features"] = np.stack([self._frames(f, s, size) for f, s in rows])
        if config.phoneme_frame:
            batch.update(self._phonemes(rows, slice_len))
        return batch

    def spec(self, batch_size=None, slice_len=None):
        """Return {name: tf.TensorSpec} of the batches; None for a size that varies."""
        config, size = self.config, None if slice_len is None else self.config.context + slice_len
        spec = {
            "waveform": tf.TensorSpec([batch_size, size], tf.float32),
            "length": tf.TensorSpec([batch_size], tf.int32),
        }
        if self.utterances.store.labels is not None:
            spec["speaker"] = tf.TensorSpec([batch_size], tf.int32)
        if self.features is not None:
            frames = None if size is None else self._frame_count(size)
            shape = [batch_size, frames, self.features.channels]
            spec["features"] = tf.TensorSpec(shape, tf.float32)
        if config.phoneme_frame:
            frames = None if slice_len is None else slice_len // config.phoneme_frame
            spec["phonemes"] = tf.TensorSpec([batch_size, frames], tf.int32)
            spec["sequence"] = tf.TensorSpec([batch_size, self._most], tf.int32)
        return spec

    def _frame_count(self, size):
        return -(-size // self.features.hop_length) + 2 * self.config.frame_padding

    def _frames(self, file, start, size):
        first = (start - self.config.context) // self.features.hop_length
        first -= self.config.frame_padding
        return self.features.frames(file, first, first + self._frame_count(size))

    def _phonemes(self, rows, slice_len):
        frame, segments = self.config.phoneme_frame, self.utterances.segments
        sequences = np.full([len(rows), self._most], UNLABELLED, np.int32)
        for out, (file, start) in zip(sequences, rows, strict=True):
            spoken = spoken_phonemes(segments[file], start, start + slice_len)
            out[: len(spoken)] = spoken
        count = slice_len // frame
        labels = [frame_phonemes(segments[file], start, count, frame) for file, start in rows]
        return {"phonemes": np.stack(labels), "sequence": sequences}


def _report_empty(store, lengths):
    empty = np.flatnonzero(lengths == 0)
    if len(empty) == len(lengths):
        raise UserError(f"none of the {len(lengths)} recordings has a sample to predict")
    if len(empty):
        names = ", ".join(store.names[number] for number in empty[:_NAMED])
        more = " ..." if len(empty) > _NAMED else ""
        _log.warning("%d recordings have no sample to predict: %s%s", len(empty), names, more)


def training_slices(windows, batch_size, seed, start_step=0, shard_index=0, shard_count=1):
    """Stream batches for training, for ever, in an order that depends on the seed alone.

    Batch number s is a pure function of (windows, seed, s): starting again with start_step=s
    continues with the same batches, and shard k of n holds rows k B / n .. (k + 1) B / n of the
    batches that one process would see. Within an epoch every slice comes once.

    Args:
      windows: Windows.
      batch_size: rows over all shards, B.
      seed: int >= 0.
      start_step: number of the first batch.
      shard_index: which part of the batch to read, 0 .. shard_count - 1.
      shard_count: number of equal parts.

    Returns:
      Infinite tf.data.Dataset of dicts as `Windows` describes, prefetched.

    Raises:
      UserError: a value out of range, or the batch does not divide into shards.
    """
    if batch_size < 1 or start_step < 0:
        raise UserError(
            f"batch_size must be at least 1 and start_step at least 0, not {batch_size} and "
            f"{start_step}"
        )
    rows = rows_of_shard(batch_size, shard_index, shard_count)
    slice_len = windows.config.slice_len
    order = SliceOrder(windows.lengths, _slices(windows), seed)

    def element(step):
        first = int(step) * batch_size + shard_index * rows
        return windows.read(order.rows(first, first + rows))

    steps = tf.data.Dataset.range(start_step, np.iinfo(np.int64).max)
    return _stream(steps, element, windows.spec(rows, slice_len))


def evaluation_slices(windows, batch_size):
    """Stream every slice of a split once, file after file; the last batch may have fewer rows.

    Args:
      windows: Windows.
      batch_size: rows of a batch.

    Returns:
      tf.data.Dataset of dicts as `Windows` describes, of known length.
    """
    if batch_size < 1:
        raise UserError(f"batch_size must be at least 1, not {batch_size}")
    table = slice_table(windows.lengths, _slices(windows), 0, 0)

    def element(first):
        return windows.read(table[int(first) : int(first) + batch_size])

    firsts = tf.data.Dataset.range(0, len(table), batch_size)
    dataset = _stream(firsts, element, windows.spec(None, windows.config.slice_len))
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(table) // batch_size)))


def complete_utterances(windows):
    """Stream every recording of a split once, whole, as a batch of one row, in order.

    Recordings without a sample to predict are left out.

    Args:
      windows: Windows; slice_len of its configuration is not used.

    Returns:
      tf.data.Dataset of dicts as `Windows` describes, with slice_len samples as many as the
      recording has to predict.
    """
    files = np.flatnonzero(windows.lengths)

    def element(number):
        return windows.read([(number, 0)], int(windows.lengths[number]))

    dataset = _stream(tf.data.Dataset.from_tensor_slices(files), element, windows.spec(1))
    return dataset.apply(tf.data.experimental.assert_cardinality(len(files)))


def _slices(windows):
    return SliceConfig(windows.config.slice_len, pad_end=True, random_offset=False)


def _stream(numbers, element, spec):
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
    return dataset.with_options(unsharded())
