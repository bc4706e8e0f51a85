"""Folders of read sentences as corpora: which files, which split, which speaker, which phonemes.

The layout of a folder is recognised, not configured: TIMIT, VCTK, LJSpeech, or any folder of audio,
with a folder for each speaker or without.
"""

import dataclasses
import hashlib
import logging
import os
import re

import numpy as np

from tfwave.audio.files import require_audio
from tfwave.data.corpora import SPLITS
from tfwave.data.phonemes import TIMIT_61, read_phn
from tfwave.data.store import AudioStore, build_store
from tfwave.errors import UserError

TIMIT_RATE = 16000  # Hz of the samples that .PHN files count
# Speakers of TIMIT's core test set (documentation of the corpus) and the fifty other test speakers
# that the literature develops on (Halberstadt, 1998).
TIMIT_CORE_TEST = tuple(
    "mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0 mbpm0 mklt0 fnlp0 "
    "mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0".split()
)
TIMIT_DEVELOPMENT = tuple(
    "faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 "
    "fedw0 mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0 mbns0 mmjr0 mdls0 mdlf0 "
    "mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 "
    "mteb0 mjfc0 mrjr0 fmml0 mrws1".split()
)
_TIMIT_NAME = re.compile(
    r"(?:.*/)?(train|test)/dr[1-8]/([a-z]{4}[0-9])/(s[aix][0-9]+)\.(?:wav|wav\.wav|flac)"
)
_VCTK_NAME = re.compile(
    r"(?:.*/)?wav[0-9]+(?:_silence_trimmed)?/([ps][0-9]+)/(\1_[0-9]+)(?:_mic[0-9])?\.(?:wav|flac)"
)
_HELD_OUT_PERCENT = 5
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One recording of a folder, before anything is decoded.

    Attributes:
      path: the audio file.
      split: 'train', 'valid' or 'test'.
      speaker: name, or None.
      phn: path of its segmentation in TIMIT's form, or None.
      text: what is said, or None.
    """

    path: str
    split: str = ""
    speaker: str | None = None
    phn: str | None = None
    text: str | None = None


@dataclasses.dataclass(frozen=True)
class Utterances:
    """Recordings of a split.

    Attributes:
      store: AudioStore of one channel; its labels are numbers of speakers, None without speakers.
      segments: tuple of segmentations in the store's samples (see `tfwave.data.phonemes`), one
        for each file, or None. A file without labels has an empty one.
      texts: tuple of what is said in each file, None where that is unknown; or None.
    """

    store: AudioStore
    segments: tuple | None = None
    texts: tuple | None = None

    def __len__(self):
        return len(self.store)


@dataclasses.dataclass(frozen=True)
class SentenceCorpus:
    """Spoken sentences ready to train and evaluate on.

    Attributes:
      name: short name, such as the folder's.
      description: sentences for a report: layout, counts, what was left out, how it was split.
      synthetic: whether a machine spoke.
      splits: dict from 'train', 'valid' and 'test' to Utterances.
      speakers: names, in the order of their numbers, or ().
      phonemes: names, in the order of their numbers, or ().
      sample_rate: Hz.
    """

    name: str
    description: str
    synthetic: bool
    splits: dict
    speakers: tuple
    phonemes: tuple
    sample_rate: int


def speaker_number(speakers, name):
    """Return the number of a speaker.

    Raises:
      UserError: the name is not among `speakers`; says which are.
    """
    if name in speakers:
        return speakers.index(name)
    if not speakers:
        raise UserError(f"there is no speaker {name!r}: the corpus does not tell speakers apart")
    known = ", ".join(speakers[:8]) + (f" ... {speakers[-1]}" if len(speakers) > 8 else "")
    raise UserError(f"there is no speaker {name!r} among the {len(speakers)} known: {known}")


def recognise_sentences(data_dir):
    """Find the utterances of a folder from names alone.

    TIMIT: speakers by its folders; its TEST folder gives the core test set and the fifty
    development speakers where the core speakers are all there, and is wholly test otherwise. Its
    SA sentences, which every speaker reads, are left out. VCTK: one microphone of each sentence.
    LJSpeech: what lies beside metadata.csv or in wavs/. Any other folder: a folder for each
    speaker where every file lies in one of several; train, valid and test folders are kept. Where
    a split is missing, a twentieth of the training files is held out for it, spread over the
    speakers; of LJSpeech those that have a transcript come first.

    Returns:
      (title of the layout, tuple of Utterance, number of audio files that were left out).

    Raises:
      OSError: the folder is missing or unreadable.
      UserError: there is no audio in it.
    """
    folder = os.path.abspath(os.fspath(data_dir))
    paths = require_audio(folder)
    for title, look in (
        ("TIMIT without its SA sentences", _timit),
        ("VCTK", _vctk),
        ("LJSpeech", _ljspeech),
        ("a folder of audio", _folder),
    ):
        found = look(folder, paths)
        if found:
            return title, tuple(_with_splits(found, folder)), len(paths) - len(found)
    raise UserError(f"{folder}: there is no audio to train on in this folder")


def open_sentences(
    data_dir,
    cache_dir,
    sample_rate=16000,
    normalize=False,
    strict=False,
    progress=True,
    unseen_speakers=False,
):
    """Open a folder of read sentences, decoding it into cache_dir the first time.

    Args:
      data_dir: the folder; see `recognise_sentences`.
      cache_dir: folder for decoded audio.
      sample_rate: Hz that everything is resampled to.
      normalize: scale every file to a peak of 1.
      strict: refuse the corpus when one file can not be decoded.
      progress: show a progress bar.
      unseen_speakers: divide by speakers instead, a twentieth of them (at least one) for valid and
        for test. A folder of fewer than three speakers stays as it is; the description says so.

    Returns:
      SentenceCorpus. Files that can not be decoded or hold no samples are left out, counted in the
      description and named in the log.

    Raises:
      UserError: no audio, nothing that can be decoded, or a broken segmentation.
      OSError: data_dir is missing or unreadable, or cache_dir is not writable.
    """
    folder = os.path.abspath(os.fspath(data_dir))
    title, utterances, ignored = recognise_sentences(folder)
    if unseen_speakers:
        utterances, remark = _by_speakers(utterances)
        title += remark
    store = build_store(
        [item.path for item in utterances],
        range(len(utterances)),
        cache_dir,
        sample_rate,
        1,
        normalize,
        strict,
        progress,
        root=folder,
    )
    kept = [utterances[number] for number in store.labels]
    speakers = tuple(sorted({item.speaker for item in utterances if item.speaker}))
    store = store.with_labels([speakers.index(item.speaker) for item in kept] if speakers else None)
    labelled = any(item.phn for item in kept)
    transcribed = any(item.text for item in kept)
    splits = {}
    for split in SPLITS:
        rows = [row for row, item in enumerate(kept) if item.split == split]
        segments = None
        if labelled:
            segments = tuple(_segments(kept[row].phn, sample_rate) for row in rows)
        texts = tuple(kept[row].text for row in rows) if transcribed else None
        splits[split] = Utterances(store.subset(rows), segments, texts)
    description = _describe(title, splits, speakers, ignored, store, kept if labelled else ())
    _log.info("%s", description)
    return SentenceCorpus(
        name=os.path.basename(folder) or "sentences",
        description=description,
        synthetic=False,
        splits=splits,
        speakers=speakers,
        phonemes=TIMIT_61 if labelled else (),
        sample_rate=sample_rate,
    )


def _segments(phn, sample_rate):
    if phn is None:
        return np.zeros([0, 3], np.int64)
    return read_phn(phn, TIMIT_61, TIMIT_RATE, sample_rate)


def _describe(title, splits, speakers, ignored, store, labelled):
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    minutes = store.lengths.sum() / store.sample_rate / 60
    words = [f"{title}: {counts} files, {minutes:.1f} minutes"]
    if speakers:
        words.append(f"{len(speakers)} speakers")
    if store.bad:
        words.append(f"{len(store.bad)} files can not be decoded and are left out")
    if ignored:
        words.append(f"{ignored:,} other audio files are not used")
    without = sum(item.phn is None for item in labelled)
    if without:
        words.append(f"{without:,} files have no phoneme labels")
    return "; ".join(words)


def _relative(folder, path):
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _timit(folder, paths):
    found, beside = {}, {}
    for path in paths:
        match = _TIMIT_NAME.fullmatch(_relative(folder, path).lower())
        if match is None or match[3].startswith("sa"):
            continue
        parent = os.path.dirname(path)
        if parent not in beside:
            beside[parent] = {name.lower(): name for name in os.listdir(parent)}
        phn = beside[parent].get(match[3] + ".phn")
        # Some copies hold a second version of each file, such as SX9.WAV and SX9.WAV.wav.
        found.setdefault(
            match.groups(), Utterance(path, match[1], match[2], phn and os.path.join(parent, phn))
        )
    tested = {item.speaker for item in found.values() if item.split == "test"}
    if not set(TIMIT_CORE_TEST) <= tested:
        return list(found.values())
    parts = dict.fromkeys(TIMIT_CORE_TEST, "test")
    parts.update(dict.fromkeys(TIMIT_DEVELOPMENT, "valid"))
    return [
        dataclasses.replace(item, split=parts[item.speaker]) if item.split == "test" else item
        for item in found.values()
        if item.split == "train" or item.speaker in parts
    ]


def _vctk(folder, paths):
    found = {}
    for path in paths:
        match = _VCTK_NAME.fullmatch(_relative(folder, path).lower())
        if match:  # The first microphone of each sentence, as paths are sorted.
            found.setdefault(match[2], Utterance(path, speaker=match[1]))
    return list(found.values())


def _ljspeech(folder, paths):
    listing = os.path.join(folder, "metadata.csv")
    if not os.path.isfile(listing):
        return []
    with open(listing, encoding="utf-8-sig", errors="replace") as file:
        rows = [line.rstrip("\n").split("|") for line in file]
    texts = {row[0].strip(): _text(row[1:3]) for row in rows if len(row) >= 2}
    places = (folder, os.path.join(folder, "wavs"))
    chosen = [path for path in paths if os.path.dirname(path) in places]
    names = [os.path.splitext(os.path.basename(path))[0] for path in chosen]
    # Excerpts of the corpus list fewer sentences than they hold, or more.
    if not any(name in texts for name in names):
        return []
    return [Utterance(path, text=texts.get(name)) for path, name in zip(chosen, names, strict=True)]


def _text(columns):
    """Return the last column that holds a word: the normalised text stands behind the text."""
    words = [column.strip() for column in columns if any(map(str.isalnum, column))]
    return words[-1] if words else None


def _folder(folder, paths):
    parts = [_relative(folder, path).split("/") for path in paths]
    own = {words[0].lower() for words in parts if len(words) > 1}
    marks = [""] * len(paths)
    if "train" in own and own & {"valid", "test"}:
        keep = [n for n, words in enumerate(parts) if words[0].lower() in SPLITS]
        marks = [parts[n][0].lower() for n in keep]
        paths, parts = [paths[n] for n in keep], [parts[n][1:] for n in keep]
    speakers = [words[0] if len(words) > 1 else None for words in parts]
    if None in speakers or len(set(speakers)) < 2:
        speakers = [None] * len(paths)
    return [Utterance(*item) for item in zip(paths, marks, speakers, strict=True)]


def _with_splits(found, folder):
    """Hold files out of the training files for every split that has none."""
    missing = [split for split in ("valid", "test") if split not in {i.split for i in found}]
    pool = [item for item in found if item.split in ("", "train")]
    if not missing:
        return [dataclasses.replace(item, split=item.split or "train") for item in found]
    if len(pool) <= len(missing):
        raise UserError(
            f"{folder}: {len(pool)} files are too few to train on and hold out {len(missing)}"
        )
    size = max(1, len(pool) * _HELD_OUT_PERCENT // 100)
    # What has a transcript can be scored by it.
    order = sorted(_spread(pool, folder), key=lambda item: item.text is None)
    split_of = {item.path: "train" for item in pool}
    for number, split in enumerate(missing):
        for item in order[number * size : (number + 1) * size]:
            split_of[item.path] = split
    return [dataclasses.replace(i, split=split_of.get(i.path, i.split)) for i in found]


def _by_speakers(found):
    """Give whole speakers to the splits: (utterances, what is to be said of it)."""
    speakers = {item.speaker for item in found if item.speaker}
    if len(speakers) < 3:
        return found, " of fewer than three speakers, so those of the test are heard in training"
    order = sorted(speakers, key=lambda name: hashlib.sha256(name.encode()).digest())
    size = max(1, len(order) * _HELD_OUT_PERCENT // 100)
    parts = dict.fromkeys(order, "train")
    parts |= dict.fromkeys(order[:size], "test") | dict.fromkeys(order[size : 2 * size], "valid")
    kept = tuple(dataclasses.replace(i, split=parts[i.speaker]) for i in found if i.speaker)
    return kept, " divided by speakers"


def _spread(pool, folder):
    """Order utterances by a hash of their names, every speaker with as large a share up front."""
    by_speaker = {}
    for item in pool:
        name = os.fsencode(_relative(folder, item.path))
        digest = hashlib.sha256(name).digest()
        by_speaker.setdefault(item.speaker, []).append((digest, item))
    ranked = []
    for items in by_speaker.values():
        items.sort(key=lambda pair: pair[0])
        for rank, (digest, item) in enumerate(items):
            ranked.append(((rank + 0.5) / len(items), digest, item))
    ranked.sort(key=lambda triple: triple[:2])
    return [item for *_, item in ranked]
