"""Which pieces of which files a model hears: the WaveGAN authors' slicing options.

Mirrors the authors' loader (v2): consecutive slices with an optional overlap, a random start
offset, zero padding of the last slice, or the first slice of every file only.
"""

import dataclasses

import numpy as np

from tfwave.errors import UserError


@dataclasses.dataclass(frozen=True)
class SliceConfig:
    """How files are cut into slices of equal length.

    Attributes:
      slice_len: samples per slice.
      first_slice: take the first slice of every file only (SC09 and drum hits in the paper);
        there is no random offset then.
      overlap: part of a slice that the next one repeats, in [0, 1).
      pad_end: fill the last slice with zeros instead of dropping what is left. Without it a file
        shorter than a slice gives nothing.
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
        """Samples from the start of a slice to the start of the next."""
        return int(round(self.slice_len * (1.0 - self.overlap)) + 1e-4)

    @property
    def varies(self):
        """Whether another epoch has other slices."""
        return self.random_offset and not self.first_slice


def random_bits(count, *key):
    """Draw uint64 `[count]` that depend on nothing but the key, a few integers >= 0.

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


def count_slices(lengths, config, seed, epoch):
    """Return the number of rows of `slice_table`."""
    return len(slice_table(lengths, config, seed, epoch))


def read_slices(store, table, slice_len=16384, out=None):
    """Read slices from a store.

    Args:
      store: AudioStore.
      table: int `[slices, 2]`, rows of `slice_table`.
      slice_len: samples per slice.
      out: float32 `[slices, slice_len, channels]` to fill; a new array by default.

    Returns:
      float32 `[slices, slice_len, channels]`, zeros behind the end of a file.
    """
    if out is None:
        out = np.empty([len(table), slice_len, store.channels], np.float32)
    for row, (number, start) in zip(out, np.asarray(table).tolist(), strict=True):
        frames = store.frames(number, start, start + slice_len)
        row[: len(frames)] = frames
        row[len(frames) :] = 0.0
    return out
