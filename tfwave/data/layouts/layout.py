"""Layouts of folders: their recordings and metadata, before anything is decoded."""

import collections
import dataclasses
import os

from tfwave.data.slices import SliceConfig

SPLITS = ("train", "valid", "test")
# Columns of one name or number per recording.
_PLURALS = {
    "label": "labels",
    "speaker": "speakers",
    "instrument": "instruments",
    "pitch": "pitches",
    "velocity": "velocities",
    "domain": "domains",
}


@dataclasses.dataclass(frozen=True)
class Recording:
    """A recording in a folder; fields that the folder does not provide are None.

    Attributes:
      path: the audio file.
      split: 'train', 'valid' or 'test'; '' where splits are still to be held out.
      label: name of its class.
      speaker: name.
      text: transcript.
      phn: path of its segmentation in TIMIT's form.
      pitch: MIDI note number.
      instrument: name.
      velocity: MIDI velocity, 0 to 127.
      qualities: tuple of 0 or 1 for each quality of the layout.
      domain: name.
      sources: tuple of (name, path) of the signals that a mixture is made of.
    """

    path: str
    split: str = ""
    label: str | None = None
    speaker: str | None = None
    text: str | None = None
    phn: str | None = None
    pitch: int | None = None
    instrument: str | None = None
    velocity: int | None = None
    qualities: tuple[int, ...] | None = None
    domain: str | None = None
    sources: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class HoldOut:
    """Rules for holding out training files for the splits that a folder lacks.

    Attributes:
      percent: of the training files, for each missing split; at least one file.
      transcribed_first: whether files with a text are held out before others, so that held-out
        files can be scored by it.
      readable_only: whether only files that can be decoded are counted.
      repeat: whether the missing splits repeat the training files where these are too few;
        otherwise such a folder is refused.
    """

    percent: int = 5
    transcribed_first: bool = False
    readable_only: bool = False
    repeat: bool = False


@dataclasses.dataclass(frozen=True)
class Layout:
    """A folder that was recognised.

    Attributes:
      key: short name of the layout, such as 'sc09'.
      title: the layout in words.
      folder: absolute path of the corpus.
      recordings: tuple of Recording.
      classes: names of the labels in the order of their numbers, or ().
      qualities: names of the qualities, or ().
      slices: SliceConfig that suits short clips, or None.
      hold_out: HoldOut.
      ignored: number of audio files that do not belong to the corpus.
    """

    key: str
    title: str
    folder: str
    recordings: tuple[Recording, ...]
    classes: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    slices: SliceConfig | None = None
    hold_out: HoldOut = HoldOut()
    ignored: int = 0

    def names(self, column: str) -> tuple[str, ...]:
        """Return the sorted names in a column of names, () where it is empty."""
        return tuple(sorted({getattr(item, column) for item in self.recordings} - {None}))

    def counts(self) -> dict[str, dict | int]:
        """Count the values of every column that the folder provides.

        Returns:
          Dict from the plural of a column to {name or number: recordings that have it}; from
          'texts' and 'phonemes' to the number of recordings that have any.
        """
        items, columns = self.recordings, {}
        for column, plural in _PLURALS.items():
            found = collections.Counter(getattr(item, column) for item in items)
            del found[None]
            order = self.classes if column == "label" else sorted(found)
            columns[plural] = {value: found[value] for value in order if found[value]}
        described = [item.qualities for item in items if item.qualities is not None]
        columns["qualities"] = {
            name: sum(row[number] for row in described)
            for number, name in enumerate(self.qualities)
        }
        columns["sources"] = dict.fromkeys(self.source_names(), len(items))
        columns["texts"] = sum(item.text is not None for item in items)
        columns["phonemes"] = sum(item.phn is not None for item in items)
        return {plural: counts for plural, counts in columns.items() if counts}

    def source_names(self) -> tuple[str, ...]:
        """Return the names of the sources of the mixtures, () without mixtures."""
        return tuple(name for name, _ in self.recordings[0].sources)


def relative(folder: str, path: str) -> str:
    """Return a path relative to a folder, with slashes on every system."""
    return os.path.relpath(path, folder).replace(os.sep, "/")


def split_folders(folder: str, paths: list[str]) -> list[tuple[str, str, str]]:
    """Find the splits that a folder itself defines: folders named train and valid or test.

    Returns:
      List of (path, split, path relative to the folder of its split) of every file, with split ''
      where the folder has no splits; in a folder with splits, files elsewhere are left out.
    """
    places = [relative(folder, path) for path in paths]
    first = [place.split("/")[0].lower() if "/" in place else "" for place in places]
    if "train" not in first or not {"valid", "test"} & set(first):
        return [(path, "", place) for path, place in zip(paths, places, strict=True)]
    return [
        (path, split, place.split("/", 1)[1])
        for path, split, place in zip(paths, first, places, strict=True)
        if split in SPLITS
    ]
