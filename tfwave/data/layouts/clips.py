"""Layouts of short clips: spoken digits, and any folder of audio without speakers.

SC09 as the WaveGAN authors publish it, the Speech Commands release that it is made from, the Free
Spoken Digit Dataset, and plain folders.
"""

import os
import re

from tfwave.data.layouts.layout import SPLITS, HoldOut, Layout, Recording, relative, split_folders
from tfwave.data.slices import SliceConfig

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# Digit clips last about a second: its start, filled up with silence (README of the authors).
DIGIT_SLICES = SliceConfig(first_slice=True, pad_end=True, random_offset=False)
_TENTH = HoldOut(percent=10, readable_only=True, repeat=True)

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


def sc09(folder: str, paths: list[str]) -> Layout | None:
    """Recognise SC09 as the authors publish it: train, valid and test with `Zero_*.wav`."""
    recordings, inside = [], 0
    for path in paths:
        place = relative(folder, path)
        split = place.split("/")[0].lower() if "/" in place else ""
        match = _SC09_NAME.match(os.path.basename(path))
        inside += split in SPLITS
        if split in SPLITS and match and match[1].lower() in DIGITS:
            recordings.append(Recording(path, split, match[1].lower()))
    # A few names of another set may look like digits; SC09 holds nothing else.
    if len(recordings) < 0.9 * inside:
        return None
    return _digits("sc09", "SC09 in the published layout", folder, recordings, paths)


def speech_commands(folder: str, paths: list[str]) -> Layout | None:
    """Recognise a Speech Commands release: a folder per word and lists of held-out files.

    Only the ten digits are used.
    """
    for list_folder, word_folder in _RELEASE_FOLDERS:
        lists = {split: os.path.join(folder, list_folder, name) for split, name in _LISTS}
        words = os.path.join(folder, word_folder)
        if not all(os.path.isfile(path) for path in lists.values()):
            continue
        held_out = {name: split for split, path in lists.items() for name in _read_list(path)}
        recordings = []
        for path in paths:
            parts = relative(words, path).split("/")
            if len(parts) == 2 and parts[0].lower() in DIGITS:
                split = held_out.get("/".join(parts), "train")
                recordings.append(Recording(path, split, parts[0].lower()))
        if recordings:
            title = "the digits of a Speech Commands release"
            return _digits("speech_commands", title, folder, recordings, paths, needs_train=False)
    return None


def _read_list(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.strip() for line in file if line.strip()]


def free_spoken_digits(folder: str, paths: list[str]) -> Layout | None:
    """Recognise the Free Spoken Digit Dataset: `DIGIT_SPEAKER_INDEX`.

    Index 0 to 4 is the test split (the set's own rule), 5 to 9 the valid split.
    """
    recordings = []
    for path in paths:
        match = _FREE_DIGIT_NAME.match(os.path.basename(path))
        if match:
            index = int(match[2])
            split = "test" if index < 5 else "valid" if index < 10 else "train"
            recordings.append(Recording(path, split, DIGITS[int(match[1])]))
    if len(recordings) < 0.9 * len(paths):
        return None
    title = "spoken digits named like the Free Spoken Digit Dataset"
    return _digits("free_spoken_digits", title, folder, recordings, paths)


def _digits(key, title, folder, recordings, paths, needs_train=True):
    if needs_train and not any(item.split == "train" for item in recordings):
        return None
    return Layout(
        key,
        title,
        folder,
        tuple(recordings),
        classes=DIGITS,
        slices=DIGIT_SLICES,
        hold_out=_TENTH,
        ignored=len(paths) - len(recordings),
    )


def clip_folder(folder: str, paths: list[str]) -> Layout:
    """Accept any folder of audio, without metadata other than its splits.

    Folders named train and valid or test are its splits; otherwise a tenth of the files is held
    out for each.
    """
    recordings = tuple(Recording(path, split) for path, split, _ in split_folders(folder, paths))
    has_splits = bool(recordings[0].split)
    return Layout(
        "split_folders" if has_splits else "folder",
        "a folder of audio" + " with its own splits" * has_splits,
        folder,
        recordings,
        slices=SliceConfig(),
        hold_out=_TENTH,
        ignored=len(paths) - len(recordings),
    )
