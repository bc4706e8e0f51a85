"""Layouts of read sentences: TIMIT, VCTK, LJSpeech, and any folder with a folder per speaker."""

import dataclasses
import os
import re

from tfwave.data.layouts.layout import HoldOut, Layout, Recording, relative, split_folders

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


def timit(folder: str, paths: list[str]) -> Layout | None:
    """Recognise TIMIT by its folders: speakers and phonemes.

    Its TEST folder gives the core test set and the fifty development speakers where the core
    speakers are all there, and is entirely test data otherwise. The SA sentences, which every
    speaker reads, are left out.
    """
    found, beside = {}, {}
    for path in paths:
        match = _TIMIT_NAME.fullmatch(relative(folder, path).lower())
        if match is None or match[3].startswith("sa"):
            continue
        parent = os.path.dirname(path)
        if parent not in beside:
            beside[parent] = {name.lower(): name for name in os.listdir(parent)}
        phn = beside[parent].get(match[3] + ".phn")
        # Some copies hold a second version of each file, such as SX9.WAV and SX9.WAV.wav.
        found.setdefault(
            match.groups(),
            Recording(path, match[1], speaker=match[2], phn=phn and os.path.join(parent, phn)),
        )
    if not found:
        return None
    recordings = _core_test(list(found.values()))
    return _layout("timit", "TIMIT without its SA sentences", folder, recordings, paths)


def _core_test(recordings):
    tested = {item.speaker for item in recordings if item.split == "test"}
    if not set(TIMIT_CORE_TEST) <= tested:
        return recordings
    parts = dict.fromkeys(TIMIT_CORE_TEST, "test")
    parts.update(dict.fromkeys(TIMIT_DEVELOPMENT, "valid"))
    return [
        dataclasses.replace(item, split=parts[item.speaker]) if item.split == "test" else item
        for item in recordings
        if item.split == "train" or item.speaker in parts
    ]


def vctk(folder: str, paths: list[str]) -> Layout | None:
    """Recognise VCTK by its folders: one microphone of each sentence, speakers and texts."""
    found = {}
    for path in paths:
        match = _VCTK_NAME.fullmatch(relative(folder, path).lower())
        if match and match[2] not in found:  # The first microphone, as paths are sorted.
            found[match[2]] = Recording(path, speaker=match[1], text=_vctk_text(path))
    if not found:
        return None
    return _layout("vctk", "VCTK", folder, list(found.values()), paths)


def _vctk_text(path):
    """Read the transcript of wav48/SPEAKER/NAME.wav, txt/SPEAKER/NAME.txt; None without it."""
    speaker, name = os.path.split(path)
    waveforms, speaker = os.path.split(speaker)
    name = re.sub(r"(_mic[0-9])?\.[^.]+$", ".txt", name)
    try:
        with open(
            os.path.join(os.path.dirname(waveforms), "txt", speaker, name),
            encoding="utf-8",
            errors="replace",
        ) as file:
            return file.read().strip() or None
    except OSError:
        return None


def ljspeech(folder: str, paths: list[str]) -> Layout | None:
    """Recognise LJSpeech by metadata.csv: recordings beside it or in wavs/, with texts.

    Recordings with a transcript are held out first.
    """
    listing = os.path.join(folder, "metadata.csv")
    if not os.path.isfile(listing):
        return None
    with open(listing, encoding="utf-8-sig", errors="replace") as file:
        rows = [line.rstrip("\n").split("|") for line in file]
    texts = {row[0].strip(): _text(row[1:3]) for row in rows if len(row) >= 2}
    places = (folder, os.path.join(folder, "wavs"))
    chosen = [path for path in paths if os.path.dirname(path) in places]
    names = [os.path.splitext(os.path.basename(path))[0] for path in chosen]
    # Excerpts of the corpus list fewer sentences than they hold, or more.
    if not any(name in texts for name in names):
        return None
    recordings = [
        Recording(path, text=texts.get(name)) for path, name in zip(chosen, names, strict=True)
    ]
    return _layout("ljspeech", "LJSpeech", folder, recordings, paths, transcribed_first=True)


def _text(columns):
    """Return the last column that holds a word: the normalised text follows the text."""
    words = [column.strip() for column in columns if any(map(str.isalnum, column))]
    return words[-1] if words else None


def speech_folder(folder: str, paths: list[str]) -> Layout:
    """Accept any folder of audio; its subfolders are speakers if every file lies in one of them.

    Folders named train and valid or test are its splits; a twentieth of the training files is
    held out for a missing one, spread over the speakers. The folders inside train and test are
    domains as well: names do not distinguish speakers from other domains.
    """
    found = split_folders(folder, paths)
    names = [place.split("/")[0] if "/" in place else None for *_, place in found]
    if None in names or len(set(names)) < 2:
        names = [None] * len(found)
    has_splits = bool(found[0][1])
    recordings = [
        Recording(path, split, speaker=name, domain=name if has_splits else None)
        for (path, split, _), name in zip(found, names, strict=True)
    ]
    title = "a folder of audio" + " with its own splits" * has_splits
    key = "split_folders" if has_splits else "folder"
    return _layout(key, title, folder, recordings, paths)


def _layout(key, title, folder, recordings, paths, transcribed_first=False):
    ignored, hold_out = len(paths) - len(recordings), HoldOut(transcribed_first=transcribed_first)
    return Layout(key, title, folder, tuple(recordings), hold_out=hold_out, ignored=ignored)
