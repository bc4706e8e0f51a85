"""Slices of audio files for training, and their order.

Mirrors the WaveGAN authors' loader (v2): consecutive slices with an optional overlap, a random
start offset, zero padding of the last slice, or the first slice of every file only.
"""

import dataclasses
import threading
from collections.abc import Callable

import numpy as np

from tfwave.errors import UserError

_TABLES_KEPT = 4
_EPOCHS_TRIED = 64


@dataclasses.dataclass(frozen=True)
class SliceConfig:
    """Options for cutting files into slices of equal length.

    Attributes:
      slice_len: samples per slice.
      first_slice: take the first slice of every file only (SC09 and drum hits in the paper);
        there is no random offset then.
      overlap: fraction of a slice that the next one repeats, in [0, 1).
      pad_end: fill the last slice with zeros instead of dropping the remainder. Without it a file
        shorter than a slice yields none.
      random_offset: cut a random number of samples in [0, slice_len) from the start of every
        file, drawn anew in every epoch.
    """

    slice_len: int = 16384
    first_slice: bool = False
    overlap: float = 0.0
    pad_end: bool = False
    random_offset: bool = True

    def __post_init__(self):
        if self.slice_len < 1:
            raise UserError(f"slice_len must be at least 1, not {self.slice_len}")
        if not 0.0 <= self.overlap < 1.0:
            raise UserError(f"overlap must lie in [0, 1), not {self.overlap}")
        if self.hop < 1:
            raise UserError(f"overlap {self.overlap} leaves no step between slices")

    @property
    def hop(self):
        """Return the samples from the start of a slice to the start of the next."""
        return int(round(self.slice_len * (1.0 - self.overlap)) + 1e-4)

    @property
    def varies(self):
        """Return whether the slices differ between epochs."""
        return self.random_offset and not self.first_slice


def random_bits(count, *key):
    """Draw uint64 `[count]` as a function of the key alone, a few integers >= 0.

    The bits come from Philox seeded by SeedSequence, both of which NumPy guarantees to keep, so
    that the data order does not change with the NumPy version.
    """
    return np.random.Philox(np.random.SeedSequence(key)).random_raw(count)


def slice_table(lengths, config, seed, epoch, offset=None):
    """List the slices of an epoch, file after file.

    Args:
      lengths: frames of each file, int `[files]`.
      config: SliceConfig.
      seed: int >= 0, of the random offsets.
      epoch: int >= 0.
      offset: the same start offset in samples for every file in place of the random ones.

    Returns:
      int64 `[slices, 2]`: file number and first frame. A slice that passes the end of its file
      is to be filled with zeros; without pad_end there is none.
    """
    lengths = np.asarray(lengths, np.int64)
    offsets = np.zeros_like(lengths)
    if offset is not None:
        offsets += offset
    elif config.varies:
        bits = random_bits(len(lengths), seed, epoch, 0)
        offsets = (bits % np.uint64(config.slice_len)).astype(np.int64)
    left = np.maximum(lengths - offsets, 0)
    if config.pad_end:
        counts = -(-left // config.hop)
    else:
        counts = np.where(left >= config.slice_len, 1 + (left - config.slice_len) // config.hop, 0)
    if config.first_slice:
        counts = np.minimum(counts, 1)
    numbers = np.repeat(np.arange(len(lengths)), counts)
    first_rows = np.repeat(np.cumsum(counts) - counts, counts)
    steps = np.arange(len(numbers)) - first_rows
    return np.stack([numbers, offsets[numbers] + steps * config.hop], axis=1).astype(np.int64)


def read_slices(store, table, slice_len: int = 16384, out: np.ndarray | None = None) -> np.ndarray:
    """Read slices from a store.

    Args:
      store: AudioStore.
      table: int `[slices, 2]`, file and first frame of each, such as rows of `slice_table`; the
        first frame may lie before the file.
      slice_len: samples per slice.
      out: float32 `[slices, slice_len, channels]` to fill; a new array by default.

    Returns:
      float32 `[slices, slice_len, channels]`, zeros before and after a file.
    """
    if out is None:
        out = np.empty([len(table), slice_len, store.channels], np.float32)
    for row, (number, start) in zip(out, np.asarray(table).tolist(), strict=True):
        before = min(max(-start, 0), slice_len)
        frames = store.frames(number, start + before, max(start + slice_len, 0))
        row[:before] = 0.0
        row[before : before + len(frames)] = frames
        row[before + len(frames) :] = 0.0
    return out


def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the `count` slices of an epoch, int64 `[count]`."""
    return np.argsort(random_bits(count, seed, epoch, 1), kind="stable")


class SliceOrder:
    """The endless sequence of slices for training, epoch after epoch, each shuffled.

    Row r is a pure function of (lengths, config, seed, r). Within an epoch every slice occurs once.
    """

    def __init__(
        self,
        lengths,
        config: SliceConfig,
        seed: int,
        shuffle: Callable[[int, int, int], np.ndarray] = shuffled,
    ):
        """Prepare the order.

        Args:
          lengths: frames of each file, int `[files]`.
          config: SliceConfig.
          seed: int >= 0.
          shuffle: function of (number of slices, seed, epoch) that returns their order.

        Raises:
          UserError: no slice results; the message names the option that helps.
        """
        if seed < 0:
            raise UserError(f"seed must not be negative, not {seed}")
        self._lengths = np.asarray(lengths, np.int64)
        self._config = config
        self._seed = seed
        self._shuffle = shuffle
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
            table = table[self._shuffle(len(table), self._seed, epoch)]
            self._tables[epoch] = table
            while len(self._tables) > _TABLES_KEPT:
                del self._tables[min(self._tables)]
        return table


def no_slices(lengths, config):
    """Return a sentence on why a corpus gives no slices and which option helps."""
    longest = int(np.max(lengths, initial=0))
    remedy = "use first_slice and pad_end to train on clips shorter than a slice"
    if longest >= config.slice_len and config.varies:
        remedy = "turn random_offset off, or use pad_end"
    return (
        f"no slice of {config.slice_len} samples fits into any of the {len(lengths)} files "
        f"(the longest has {longest} samples): {remedy}"
    )
