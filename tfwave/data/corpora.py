"""Folders of recordings as corpora: which files, which split, which label, which slices.

The layout of a folder is recognised, not configured: SC09 as the WaveGAN authors publish it, the
Speech Commands release it is made from, the Free Spoken Digit Dataset, or any folder of audio.
"""

import dataclasses
import hashlib
import logging
import os
import re

import numpy as np

from tfwave.audio.files import require_audio
from tfwave.data.slices import SliceConfig, slice_table
from tfwave.data.store import build_store
from tfwave.errors import UserError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLITS = ("train", "valid", "test")
# Digit clips last about a second: its start, filled up with silence (README of the authors).
DIGIT_SLICES = SliceConfig(first_slice=True, pad_end=True, random_offset=False)

_SC09_NAME = re.compile(r"^([a-z]+)_", re.IGNORECASE)
_FREE_DIGIT_NAME = re.compile(r"^([0-9])_[^_]+_(\d+)\.[a-z0-9]+$", re.IGNORECASE)
_LISTS = (("valid", "validation_list.txt"), ("test", "testing_list.txt"))
# (folder of the lists, folder of the words), as unpacked by tar or by the Kaggle competition.
_RELEASE_FOLDERS = (
    ("", ""),
    ("", "audio"),
    ("", "train/audio"),
    ("train", "train/audio"),
    ("train", "train"),
    ("audio", "audio"),
)
_HELD_OUT_PERCENT = 10
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Audio ready to train and evaluate on.

    Attributes:
      name: short name of the corpus, such as the folder's.
      description: sentences for a report: layout, counts, what was left out, how it was split.
      synthetic: whether a machine spoke or played it.
      classes: names of the labels, or () for audio without labels.
      splits: dict from 'train', 'valid' and 'test' to AudioStore.
      slices: SliceConfig that suits the corpus.
      sample_rate: Hz.
    """

    name: str
    description: str
    synthetic: bool
    classes: tuple
    splits: dict
    slices: SliceConfig
    sample_rate: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """What was recognised in a folder, before anything is decoded.

    Attributes:
      folder: absolute path of the corpus.
      kind: 'sc09', 'speech_commands', 'free_spoken_digits', 'split_folders' or 'folder'.
      title: the layout in words.
      paths: tuple of audio files.
      labels: tuple of int per file, or None.
      splits: tuple of 'train', 'valid' or 'test' per file; '' where the split is still to be held
        out of the training files.
      classes: names of the labels, or ().
      slices: SliceConfig that suits it.
      ignored: number of audio files that do not belong to the corpus.
    """

    folder: str
    kind: str
    title: str
    paths: tuple
    labels: object
    splits: tuple
    classes: tuple
    slices: SliceConfig
    ignored: int = 0


def recognise(data_dir):
    """Find out what kind of corpus a folder holds, from its names alone.

    Returns:
      Layout.

    Raises:
      OSError: the folder is missing or unreadable.
      UserError: there is no audio in it.
    """
    folder = os.path.abspath(os.fspath(data_dir))
    paths = require_audio(folder)
    for look in (_published_sc09, _release, _free_spoken_digits, _split_folders):
        layout = look(folder, paths)
        if layout is not None:
            return layout
    return Layout(
        folder,
        "folder",
        "a folder of audio",
        tuple(paths),
        None,
        ("",) * len(paths),
        (),
        SliceConfig(),
    )


def open_corpus(
    data_dir,
    cache_dir,
    sample_rate=16000,
    channels=1,
    normalize=False,
    strict=False,
    slices=None,
    progress=True,
):
    """Open a folder of recordings as a corpus, decoding it into cache_dir the first time.

    Recognised are SC09 as published (train/valid/test with `Zero_....wav`), the Speech Commands
    release (word folders with validation_list.txt and testing_list.txt; only the ten digits are
    used), the Free Spoken Digit Dataset (`DIGIT_SPEAKER_INDEX`: index 0-4 is test, 5-9 valid) and
    any other folder of audio, of which a tenth each is held out, file by file, if it has no
    train/valid/test folders.

    Args:
      data_dir: the folder.
      cache_dir: folder for decoded audio.
      sample_rate: Hz that everything is resampled to.
      channels: number of channels that everything is converted to.
      normalize: scale every file to a peak of 1, see `build_store`.
      strict: refuse the corpus when one file can not be decoded.
      slices: SliceConfig in place of the one that suits the layout.
      progress: show a progress bar.

    Returns:
      Corpus.

    Raises:
      UserError: no audio, nothing that can be decoded, or no slice results.
      OSError: data_dir is missing or unreadable, or cache_dir is not writable.
    """
    layout = recognise(data_dir)
    store = build_store(
        layout.paths,
        range(len(layout.paths)),
        cache_dir,
        sample_rate,
        channels,
        normalize,
        strict,
        progress,
        root=layout.folder,
    )
    numbers = store.labels  # Which of the paths could be decoded.
    labels = None if layout.labels is None else np.asarray(layout.labels, np.int32)[numbers]
    store = store.with_labels(labels)
    rows, remark = _split_rows([layout.splits[number] for number in numbers], store.names)
    splits = {split: store.subset(rows[split]) for split in SPLITS}
    slices = slices or layout.slices
    remarks = [remark, _unusable(splits["train"], slices)]
    if store.bad:
        remarks.append(f"{len(store.bad)} files can not be decoded and are left out")
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    description = "; ".join([f"{layout.title}: {counts} files", *filter(None, remarks)])
    _log.info("%s", description)
    return Corpus(
        name=os.path.basename(layout.folder) or "corpus",
        description=description,
        synthetic=False,
        classes=layout.classes,
        splits=splits,
        slices=slices,
        sample_rate=sample_rate,
    )


def _split_rows(marks, names):
    """Return ({split: row numbers}, remark), holding files out where splits are missing."""
    rows = {split: [row for row, mark in enumerate(marks) if mark == split] for split in SPLITS}
    pool = rows["train"] or [row for row, mark in enumerate(marks) if mark == ""]
    missing = [split for split in ("valid", "test") if not rows[split]]
    if not pool:
        raise UserError("there are no training files that can be decoded")
    if not missing:
        rows["train"] = pool
        return rows, ""
    if len(pool) <= len(missing):
        for split in missing:
            rows[split] = list(pool)
        rows["train"] = list(pool)
        return rows, f"too few files to hold any out, so {' and '.join(missing)} repeat train"
    # Ordered by a hash of the name, so that a file's split hardly depends on the other files.
    order = sorted(pool, key=lambda row: hashlib.sha256(_name_bytes(names[row])).digest())
    size = max(1, len(pool) * _HELD_OUT_PERCENT // 100)
    if len(pool) - size * len(missing) < 1:
        size = 1
    for number, split in enumerate(missing):
        rows[split] = sorted(order[number * size : (number + 1) * size])
    rows["train"] = sorted(order[len(missing) * size :])
    return rows, f"{' and '.join(missing)} files were held out of the training files"


def _unusable(store, slices):
    """Say how many training files are shorter than a slice and so never heard."""
    if slices.pad_end:
        return ""
    short = int(np.sum(store.lengths < slices.slice_len))
    if not len(slice_table(store.lengths, dataclasses.replace(slices, random_offset=False), 0, 0)):
        raise UserError(
            f"every training file is shorter than a slice of {slices.slice_len} samples, so that "
            "nothing is left to train on: use first_slice and pad_end"
        )
    if short:
        return (
            f"{short:,} training files are shorter than a slice of {slices.slice_len} samples "
            "and are never used without pad_end"
        )
    return ""


def _name_bytes(name):
    return os.fsencode(name.replace(os.sep, "/"))


def _published_sc09(folder, paths):
    """SC09 as the authors publish it: train, valid and test folders with `Zero_*.wav`."""
    chosen = []
    for path in paths:
        split, name = _first_folder(folder, path), os.path.basename(path)
        match = _SC09_NAME.match(name)
        if split in SPLITS and match and match[1].lower() in DIGITS:
            chosen.append((path, DIGITS.index(match[1].lower()), split))
    inside = sum(_first_folder(folder, path) in SPLITS for path in paths)
    # A few names of another set may look like digits; SC09 holds nothing else.
    if not any(split == "train" for *_, split in chosen) or len(chosen) < 0.9 * inside:
        return None
    return _digits("sc09", "SC09 in the published layout", folder, chosen, paths)


def _release(folder, paths):
    """An unpacked Speech Commands release: a folder per word and the lists of held-out files."""
    for list_folder, word_folder in _RELEASE_FOLDERS:
        lists = {split: os.path.join(folder, list_folder, name) for split, name in _LISTS}
        words = os.path.join(folder, word_folder)
        if not all(os.path.isfile(path) for path in lists.values()):
            continue
        held_out = {name: split for split, path in lists.items() for name in _read_list(path)}
        chosen = []
        for path in paths:
            parts = os.path.relpath(path, words).split(os.sep)
            if len(parts) == 2 and parts[0].lower() in DIGITS:
                split = held_out.get("/".join(parts), "train")
                chosen.append((path, DIGITS.index(parts[0].lower()), split))
        if chosen:
            title = "the digits of a Speech Commands release"
            return _digits("speech_commands", title, folder, chosen, paths)
    return None


def _read_list(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.strip() for line in file if line.strip()]


def _free_spoken_digits(folder, paths):
    """The Free Spoken Digit Dataset: `DIGIT_SPEAKER_INDEX`, index 0-4 test, 5-9 valid."""
    chosen = []
    for path in paths:
        match = _FREE_DIGIT_NAME.match(os.path.basename(path))
        if match:
            index = int(match[2])
            split = "test" if index < 5 else "valid" if index < 10 else "train"
            chosen.append((path, int(match[1]), split))
    if len(chosen) < 0.9 * len(paths) or not any(split == "train" for *_, split in chosen):
        return None
    title = "spoken digits named like the Free Spoken Digit Dataset"
    return _digits("free_spoken_digits", title, folder, chosen, paths)


def _split_folders(folder, paths):
    """Any audio in folders named train and valid or test."""
    chosen = [(path, _first_folder(folder, path)) for path in paths]
    chosen = [(path, split) for path, split in chosen if split in SPLITS]
    if {split for _, split in chosen} <= {"train"} or "train" not in {s for _, s in chosen}:
        return None
    return Layout(
        folder,
        "split_folders",
        "a folder of audio with its own splits",
        tuple(path for path, _ in chosen),
        None,
        tuple(split for _, split in chosen),
        (),
        SliceConfig(),
        len(paths) - len(chosen),
    )


def _digits(kind, title, folder, chosen, paths):
    return Layout(
        folder,
        kind,
        title,
        tuple(path for path, *_ in chosen),
        tuple(label for _, label, _ in chosen),
        tuple(split for *_, split in chosen),
        DIGITS,
        DIGIT_SLICES,
        len(paths) - len(chosen),
    )


def _first_folder(folder, path):
    parts = os.path.relpath(path, folder).split(os.sep)
    return parts[0].lower() if len(parts) > 1 else ""
