"""Stores of audio, decoded once and memory-mapped from disk.

A store is a folder of two files: `samples.f32`, every waveform of the corpus as float32 one after
the other, and `index.json`. It is built in a folder with another name and renamed when it is
complete, so that a killed process never leaves an incomplete folder under the name of a store.
"""

import collections
import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile

import numpy as np
import tqdm

from tfwave.audio import files as audio_files
from tfwave.audio.files import AudioFileError
from tfwave.errors import UserError
from tfwave.files import read_json, write_json

_LAYOUT = 1  # Increase when the meaning of the files or the decoding changes.
_WORKERS = 2
_AHEAD = 16
_NAMED = 20
_log = logging.getLogger(__name__)


class AudioStore:
    """Waveforms of a corpus, read from one memory-mapped file.

    Attributes:
      names: tuple of file names relative to the corpus, in order.
      lengths: int64 `[files]`, frames of each waveform.
      hashes: tuple of hexadecimal hashes of the samples of each waveform.
      kept: int64 `[files]`, number of the path that each waveform was decoded from.
      sample_rate: Hz.
      channels: of every waveform.
      normalize: whether each file was scaled to a peak of 1.
      bad: tuple of (path, reason) of the files that could not be decoded and are left out.
    """

    def __init__(self, folder, index, rows=None, samples=None):
        """Open a complete store folder; use `build_store` or `store_of` to get one.

        Args:
          folder: the store.
          index: the value of its index.json.
          rows: indices of the files to show; all by default.
          samples: the mapped samples when another store has them open.
        """
        self.folder = folder
        self.sample_rate = index["sample_rate"]
        self.channels = index["channels"]
        self.normalize = index["normalize"]
        self.bad = tuple((path, reason) for path, reason in index["bad"])
        lengths = np.asarray(index["lengths"], np.int64)
        if rows is None:
            rows = np.arange(len(lengths))
        self._index = index
        self._rows = rows = np.asarray(rows, np.int64)
        self.names = tuple(index["names"][row] for row in rows)
        self.hashes = tuple(index["hashes"][row] for row in rows)
        self.kept = np.asarray(index["kept"], np.int64)[rows]
        self.lengths = lengths[rows]
        self._starts = (np.cumsum(lengths) - lengths)[rows]
        if samples is None:
            samples = np.memmap(os.path.join(folder, "samples.f32"), np.float32, mode="r")
            # A plain array over the map: np.memmap's own indexing is ten times slower.
            samples = np.asarray(samples).reshape(-1, self.channels)
        self._samples = samples

    def __len__(self):
        return len(self.names)

    def __repr__(self):
        return f"AudioStore({len(self)} files, {self.sample_rate} Hz, {self.channels} channels)"

    def waveform(self, number):
        """Return waveform `number` as a read-only float32 view `[frames, channels]`."""
        if not 0 <= number < len(self):
            raise IndexError(f"the store holds {len(self)} waveforms, there is no {number}")
        return self.frames(number, 0, self.lengths[number])

    def frames(self, number, start, stop):
        """Return frames start..stop of waveform `number`, cut at its end, as a read-only view."""
        first = self._starts[number]
        return self._samples[first + start : first + min(stop, self.lengths[number])]

    def subset(self, rows):
        """Return a store of the files with these indices, in this order, on the same samples."""
        rows = self._rows[np.asarray(rows, np.int64)]
        return AudioStore(self.folder, self._index, rows, self._samples)


def build_store(
    paths,
    cache_dir,
    sample_rate=16000,
    channels=1,
    normalize=False,
    strict=False,
    progress=True,
    root=None,
):
    """Decode audio files into a store, or open the store that an earlier call made of them.

    Args:
      paths: audio files, in the desired order.
      cache_dir: folder for decoded audio; created when missing. The store is reused as long as
        paths, sizes and modification times are the same.
      sample_rate: Hz; files at another rate are resampled.
      channels: files with more are averaged to one, files with one are copied.
      normalize: False keeps the levels as recorded, which is what the published results were
        trained on (the authors' v1 loader). True scales every file to a peak of 1 over all its
        channels, which is what the authors' v2 code always does, whatever its flag says.
      strict: refuse the whole corpus when one file cannot be decoded.
      progress: show a progress bar.
      root: folder that `names` are relative to, by default the deepest folder of all paths.

    Returns:
      AudioStore of the files that could be decoded.

    Raises:
      AudioFileError: under strict, the first file that cannot be decoded.
      UserError: there are no paths, or none can be decoded.
      OSError: cache_dir is not writable or the disk is full.
    """
    paths = [os.fspath(path) for path in paths]
    if not paths:
        raise UserError("there are no audio files to read")
    root = os.path.abspath(root if root is not None else _common_folder(paths))
    names = [os.path.relpath(os.path.abspath(path), root) for path in paths]
    options = {
        "layout": _LAYOUT,
        "sample_rate": sample_rate,
        "channels": channels,
        "normalize": normalize,
    }

    def read(number):
        try:
            waveform = audio_files.load(paths[number], sample_rate, channels)
        except AudioFileError as error:
            return error
        return peak_normalize(waveform) if normalize else waveform

    stamps = [_stamp(name, path) for name, path in zip(names, paths, strict=True)]
    key = [options, os.path.realpath(root), stamps]
    index, folder = _cached(
        cache_dir,
        key,
        names,
        lambda: _in_order(read, len(names)),
        options,
        "decoding",
        progress=progress,
        strict=strict,
    )
    _report(index["bad"], len(paths), strict)
    if not index["names"]:
        first = ": ".join(index["bad"][0])
        raise UserError(f"none of the {len(paths)} audio files can be decoded (first: {first})")
    return AudioStore(folder, index)


def store_of(waveforms, names, cache_dir, key, sample_rate, description, progress=True):
    """Build a store of computed waveforms, or open the one that an earlier call built.

    Args:
      waveforms: function that returns an iterator of float32 `[frames, channels]`, one per name;
        called only when the store has to be built.
      names: one name per waveform.
      cache_dir: folder for the store.
      key: JSON-able value that determines the waveforms.
      sample_rate: Hz.
      description: label of the progress bar.
      progress: show a progress bar.

    Returns:
      AudioStore of all the waveforms, one channel.
    """
    options = {"layout": _LAYOUT, "sample_rate": sample_rate, "channels": 1, "normalize": False}
    index, folder = _cached(
        cache_dir, [options, key], names, waveforms, options, description, progress=progress
    )
    return AudioStore(folder, index)


def peak_normalize(waveform):
    """Scale float32 `[frames, channels]` to a peak of 1 over all channels; silence stays."""
    peak = np.max(np.abs(waveform), initial=0.0)
    return waveform / peak if peak > 0 else waveform


def _common_folder(paths):
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])


def _stamp(name, path):
    try:
        info = os.stat(path)
        return [name, info.st_size, info.st_mtime_ns]
    except OSError:
        return [name, None, None]


def _cached(cache_dir, key, names, source, options, description, progress, strict=False):
    """Return (index, folder) of the complete store of a key, building it when there is none."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    folder = os.path.join(os.path.abspath(cache_dir), f"audio-{digest}")
    index = _read_index(folder)
    if index is not None:
        return index, folder
    os.makedirs(cache_dir, exist_ok=True)
    # One lock for the folder, never removed: removing it would let two processes hold it.
    with _locked(os.path.join(cache_dir, ".lock")) as alone:
        index = _read_index(folder)  # Another process may have built it while this one waited.
        if index is None:
            for name in os.listdir(cache_dir):
                if alone and name.startswith(".audio-"):  # Left by a process that was killed.
                    shutil.rmtree(os.path.join(cache_dir, name), ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, names, source, options, description, progress, strict)
            index = _read_index(folder)
    if index is None:
        raise OSError(f"{folder}: the decoded audio cannot be read back")
    return index, folder


@contextlib.contextmanager
def _locked(path):
    """Yield whether the lock is held; some network file systems have no locks."""
    with open(path, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            alone = True
        except OSError:
            alone = False
        yield alone


def _read_index(folder):
    """Return the index of a complete store, else None."""
    try:
        index = read_json(os.path.join(folder, "index.json"))
        size = os.path.getsize(os.path.join(folder, "samples.f32"))
        whole = size == 4 * index["channels"] * sum(index["lengths"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole else None


def _build(folder, names, source, options, description, progress, strict):
    parent, name = os.path.split(folder)
    building = tempfile.mkdtemp(prefix=f".{name}-", dir=parent)
    try:
        index = {
            "sample_rate": options["sample_rate"],
            "channels": options["channels"],
            "normalize": options["normalize"],
            "names": [],
            "lengths": [],
            "hashes": [],
            "kept": [],
            "bad": [],
        }
        bar = tqdm.tqdm(
            source(),
            description,
            len(names),
            unit=" files",
            disable=not progress,
            mininterval=0.5 if sys.stderr.isatty() else 15.0,
        )
        with open(os.path.join(building, "samples.f32"), "wb") as file, bar:
            for number, waveform in enumerate(bar):
                if isinstance(waveform, AudioFileError):
                    if strict:
                        raise waveform
                    index["bad"].append([waveform.path, waveform.reason])
                    continue
                data = np.ascontiguousarray(waveform, np.float32).tobytes()
                file.write(data)
                index["names"].append(names[number])
                index["lengths"].append(len(waveform))
                index["hashes"].append(hashlib.blake2b(data, digest_size=12).hexdigest())
                index["kept"].append(number)
            file.flush()
            os.fsync(file.fileno())
        if len(index["kept"]) + len(index["bad"]) != len(names):
            raise OSError(f"{folder}: only {len(index['kept'])} of {len(names)} clips were made")
        write_json(os.path.join(building, "index.json"), index)
        os.chmod(building, 0o755)
        _put(building, folder)
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError) and error.errno and error.filename is None:
            raise type(error)(error.errno, error.strerror, parent) from None
        raise


def _put(building, folder):
    try:
        os.rename(building, folder)
    except OSError:
        # Without locks another process may have finished first; its store is equivalent.
        if _read_index(folder) is None:
            raise
        shutil.rmtree(building, ignore_errors=True)


def _in_order(read, count):
    """Yield read(0), read(1), ... computed by a few threads, a bounded number ahead."""
    with concurrent.futures.ThreadPoolExecutor(_WORKERS) as pool:
        waiting = collections.deque()
        try:
            for number in range(count):
                waiting.append(pool.submit(read, number))
                if len(waiting) >= _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _report(bad, total, strict):
    if bad and strict:
        raise AudioFileError(*bad[0])
    for path, reason in bad[:_NAMED]:
        _log.warning("left out: %s: %s", path, reason)
    if len(bad) > _NAMED:
        _log.warning("left out: %d more files that cannot be decoded", len(bad) - _NAMED)
    if bad:
        _log.warning("%d of %d audio files cannot be decoded and are left out", len(bad), total)
