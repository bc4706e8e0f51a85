"""Corpora: splits of waveforms with columns of labels and other metadata."""

import dataclasses
import functools
import hashlib
import json
import logging
import os
from collections.abc import Iterable

import numpy as np

from tfwave.data.layouts.layout import SPLITS
from tfwave.data.layouts.recognize import (
    LAYOUTS,
    assign_splits,
    divide_by_speakers,
    recognize_layout,
)
from tfwave.data.layouts.speech import TIMIT_RATE
from tfwave.data.phonemes import TIMIT_61, read_phn
from tfwave.data.slices import SliceConfig, slice_table
from tfwave.data.store import AudioStore, build_store
from tfwave.errors import UserError

# Columns with an integer, or a row of integers, for each recording.
NUMBERS = ("label", "speaker", "pitch", "instrument", "velocity", "qualities", "domain")
# Columns on which no earlier result depends; fingerprints include them where present.
_NEWER = ("pitch", "instrument", "velocity", "qualities")
_UNKNOWN = -1
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Recordings of one split, with columns of labels and other metadata.

    A column is None where the corpus does not provide it. Numbers refer to a tuple of names in the
    `Corpus`; -1 stands for an unknown value.

    Attributes:
      store: AudioStore of the waveforms.
      label: int32 [recordings], numbers of `Corpus.classes`.
      speaker: int32 [recordings], of `Corpus.speakers`.
      text: tuple of the transcripts of the recordings, None where unknown.
      phonemes: tuple of segmentations in the store's samples and numbers of `Corpus.phonemes` (see
        `tfwave.data.phonemes`), empty where nothing is labelled.
      pitch: int32 [recordings], MIDI note numbers.
      instrument: int32 [recordings], of `Corpus.instruments`.
      velocity: int32 [recordings], MIDI velocities 0 to 127.
      qualities: int32 [recordings, len(Corpus.qualities)], 0 or 1.
      domain: int32 [recordings], of `Corpus.domains`.
      sources: {name: AudioStore} of the signals that each recording is a mixture of.
    """

    store: AudioStore
    label: np.ndarray | None = None
    speaker: np.ndarray | None = None
    text: tuple[str | None, ...] | None = None
    phonemes: tuple[np.ndarray, ...] | None = None
    pitch: np.ndarray | None = None
    instrument: np.ndarray | None = None
    velocity: np.ndarray | None = None
    qualities: np.ndarray | None = None
    domain: np.ndarray | None = None
    sources: dict[str, AudioStore] | None = None

    def __len__(self) -> int:
        return len(self.store)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that are present."""
        fields = dataclasses.fields(self)[1:]
        return tuple(field.name for field in fields if getattr(self, field.name) is not None)

    def subset(self, rows: Iterable[int]) -> "Split":
        """Return the recordings with these numbers, in this order, with all their columns."""
        rows = np.asarray(rows, np.int64)
        chosen = {}
        for name in self.columns:
            column = getattr(self, name)
            if name == "sources":
                chosen[name] = {source: store.subset(rows) for source, store in column.items()}
            elif isinstance(column, tuple):
                chosen[name] = tuple(column[row] for row in rows)
            else:
                chosen[name] = column[rows]
        return Split(self.store.subset(rows), **chosen)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Return a hexadecimal hash of names, samples, decode options and numbers, not of texts.

        It is equal for equal content wherever and whenever it was decoded. Results, caches and
        training directories identify their corpus by it.
        """
        store = self.store
        content = {
            "options": [store.sample_rate, store.channels, store.normalize],
            "files": [list(pair) for pair in zip(store.names, store.hashes, strict=True)],
            "labels": _values(self.speaker if self.label is None else self.label),
        }
        newer = {name: getattr(self, name) for name in _NEWER}
        if self.label is not None:
            newer["speaker"] = self.speaker
        # Folders of speakers count as domains too, which adds nothing.
        speaker, domain = self.speaker, self.domain
        if speaker is None or domain is None or not np.array_equal(domain, speaker):
            newer["domain"] = domain
        content |= {name: _values(column) for name, column in newer.items() if column is not None}
        if self.sources is not None:
            content["sources"] = {name: part.hashes for name, part in self.sources.items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _values(column):
    return None if column is None else column.tolist()


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus of audio for training and evaluation.

    Attributes:
      name: short name of the corpus, such as the folder's.
      description: sentences for a report: layout, counts, what was left out, how it was split.
      synthetic: whether it was synthesised.
      sample_rate: Hz.
      splits: dict from 'train', 'valid' and 'test' to Split.
      layout: short name of the layout that was recognised, such as 'ljspeech', or 'built in'.
      classes: names of the labels in the order of their numbers, or ().
      speakers: names in the order of their numbers, or ().
      phonemes: names in the order of their numbers, or ().
      instruments: names in the order of their numbers, or ().
      qualities: names of the columns of `Split.qualities`, or ().
      domains: names in the order of their numbers, or ().
      slices: SliceConfig that suits the recordings, where they are to be cut into clips; or None.
    """

    name: str
    description: str
    synthetic: bool
    sample_rate: int
    splits: dict[str, Split]
    layout: str = "built in"
    classes: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    phonemes: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    slices: SliceConfig | None = None


def speaker_number(speakers: tuple[str, ...], name: str) -> int:
    """Return the number of a speaker.

    Raises:
      UserError: the name is not among `speakers`; the message lists them.
    """
    if name in speakers:
        return speakers.index(name)
    if not speakers:
        raise UserError(f"there is no speaker {name!r}: the corpus does not tell speakers apart")
    known = ", ".join(speakers[:8]) + (f" ... {speakers[-1]}" if len(speakers) > 8 else "")
    raise UserError(f"there is no speaker {name!r} among the {len(speakers)} known: {known}")


def open_corpus(
    path: str | os.PathLike,
    cache_dir: str | os.PathLike,
    sample_rate: int = 16000,
    *,
    channels: int = 1,
    normalize: bool = False,
    strict: bool = False,
    progress: bool = True,
    layouts: tuple = LAYOUTS,
    slices: SliceConfig | None = None,
    unseen_speakers: bool = False,
) -> Corpus:
    """Open a folder of recordings as a corpus, decoding it into cache_dir the first time.

    The layout is recognised from names: SC09, Speech Commands (its ten digits), the Free Spoken
    Digit Dataset, NSynth, mixtures beside their sources, TIMIT, VCTK, LJSpeech, folders of domains,
    and any other folder of audio, with a folder for each speaker or without. See
    `tfwave.data.layouts` for the rules of each, and `assign_splits` for how files are held out
    where a layout has no validation or test files.

    Args:
      path: the folder.
      cache_dir: folder for decoded audio.
      sample_rate: Hz, to which everything is resampled.
      channels: number of channels, to which everything is converted.
      normalize: scale every file to a peak of 1, see `build_store`.
      strict: refuse the corpus when one file cannot be decoded.
      progress: show a progress bar.
      layouts: layouts to look for: LAYOUTS, or CLIPS or SPEECH of `layouts.recognize`, the layouts
        for tables of clips and of speech.
      slices: SliceConfig in place of the layout's own.
      unseen_speakers: divide by speakers instead, a twentieth of them (at least one) for valid and
        for test. A folder of fewer than three speakers stays as it is; the description says so.

    Returns:
      Corpus. Files that cannot be decoded or hold no samples are left out, counted in the
      description and named in the log.

    Raises:
      UserError: there is no audio, none can be decoded (a UserError), too few files to hold any
        out, no slice results, or a file that describes the recordings is broken.
      OSError: the folder is missing or unreadable, or cache_dir is not writable.
    """
    layout = recognize_layout(path, layouts)
    if unseen_speakers:
        layout = divide_by_speakers(layout)
    every, splits, remark = _decode(
        layout, (cache_dir, sample_rate, channels, normalize, strict, progress)
    )
    slices = slices or layout.slices
    description = _describe(layout, every, splits, remark, slices)
    _log.info("%s", description)
    return Corpus(
        name=os.path.basename(layout.folder) or "corpus",
        description=description,
        synthetic=False,
        sample_rate=sample_rate,
        splits=splits,
        layout=layout.key,
        classes=layout.classes,
        speakers=layout.names("speaker"),
        phonemes=TIMIT_61 if every.phonemes is not None else (),
        instruments=layout.names("instrument"),
        qualities=layout.qualities,
        domains=layout.names("domain"),
        slices=slices,
    )


def _decode(layout, options):
    """Decode the recordings of a layout.

    Args:
      layout: Layout.
      options: arguments of `build_store` after the paths.

    Returns:
      (Split of all decoded recordings, {split: Split}, remark on the files held out).
    """
    readable_only = layout.hold_out.readable_only
    if not readable_only:  # before the long work, as it may refuse the folder
        numbers, remark = assign_splits(layout, range(len(layout.recordings)))
    store = build_store([item.path for item in layout.recordings], *options, root=layout.folder)
    if readable_only:
        numbers, remark = assign_splits(layout, store.kept.tolist())
    every = _with_columns(layout, store)
    if layout.source_names():
        every = _with_sources(every, layout, options)
    # A file that cannot be decoded has a number, but no row.
    row_of = {number: row for row, number in enumerate(every.store.kept.tolist())}
    splits = {
        split: every.subset([row_of[n] for n in numbers[split] if n in row_of]) for split in SPLITS
    }
    return every, splits, remark


def _with_columns(layout, store):
    """Return all recordings that could be decoded as one Split with the layout's columns."""
    kept = [layout.recordings[number] for number in store.kept]
    columns = {}
    for name in NUMBERS:
        values = [getattr(item, name) for item in kept]
        if any(value is not None for value in values):
            if name in ("label", "speaker", "instrument", "domain"):
                names = layout.classes if name == "label" else layout.names(name)
                numbers = {value: number for number, value in enumerate(names)}
                values = [numbers.get(value) for value in values]
            known = [_UNKNOWN if value is None else value for value in values]
            columns[name] = np.array(known, np.int32)
    if any(item.text for item in kept):
        columns["text"] = tuple(item.text for item in kept)
    if any(item.phn for item in kept):
        columns["phonemes"] = tuple(_segments(item.phn, store.sample_rate) for item in kept)
    return Split(store, **columns)


def _segments(phn, sample_rate):
    if phn is None:
        return np.zeros([0, 3], np.int64)
    return read_phn(phn, TIMIT_61, TIMIT_RATE, sample_rate)


def _with_sources(split, layout, options):
    """Add the sources of mixtures, leaving out those of which one cannot be decoded."""
    stores = {}
    for number, name in enumerate(layout.source_names()):
        paths = [item.sources[number][1] for item in layout.recordings]
        stores[name] = build_store(paths, *options, root=layout.folder)
    whole = set(split.store.kept.tolist())
    whole = sorted(whole.intersection(*(store.kept.tolist() for store in stores.values())))

    def rows(store):
        return np.searchsorted(store.kept, whole)

    split = split.subset(rows(split.store))
    sources = {name: store.subset(rows(store)) for name, store in stores.items()}
    return dataclasses.replace(split, sources=sources)


def _describe(layout, every, splits, remark, slices):
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    minutes = every.store.lengths.sum() / every.store.sample_rate / 60
    words = [f"{layout.title}: {counts} files, {minutes:.1f} minutes", remark]
    words += _remarks(layout, every)
    if slices is not None:
        words.append(_unusable(splits["train"].store, slices))
    return "; ".join(filter(None, words))


def _remarks(layout, every):
    """Yield the sentences of a description about the columns and the files left out."""
    for column, plural in (
        ("speaker", "speakers"),
        ("instrument", "instruments"),
        ("domain", "domains"),
    ):
        names = layout.names(column)
        if names and not (column == "domain" and names == layout.names("speaker")):
            yield f"{len(names)} {plural}"
    if layout.source_names():
        yield f"sources {', '.join(layout.source_names())}"
    bad = sum(len(store.bad) for store in [every.store, *(every.sources or {}).values()])
    if bad:
        yield f"{bad} files cannot be decoded and are left out"
    if layout.ignored:
        yield f"{layout.ignored:,} other audio files are not used"
    without = sum(not len(rows) for rows in every.phonemes or ())
    if without:
        yield f"{without:,} files have no phoneme labels"


def _unusable(store, slices):
    """Describe how many training files are shorter than a slice and so never used."""
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
