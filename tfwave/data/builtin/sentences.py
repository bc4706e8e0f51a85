"""Built-in read sentences with speakers and phoneme labels: eSpeak NG and a small word grammar.

Every sentence is a pure function of (seed, split, number). The split of a sentence follows from a
hash of its words, so that no sentence is in two splits. It is rule-based synthetic speech, far more
regular than recordings, and is described as synthetic in every report.
"""

import ctypes
import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
import os
import sys

import numpy as np

from tfwave.audio.files import resample
from tfwave.data.builtin.espeak import (
    ENGINE_RATE,
    Synthesizer,
    read_plans,
    run_workers,
    write_answer,
)
from tfwave.data.corpus import Corpus, Split
from tfwave.data.layouts.layout import SPLITS
from tfwave.data.slices import random_bits
from tfwave.data.store import store_of
from tfwave.errors import UserError
from tfwave.files import read_json, write_json

SIZES = {"train": 400, "valid": 40, "test": 40}
ACCENT = "en-us"  # One accent, so that a word has the same phonemes with every voice.
SILENCE = "sil"
# Voices of both kinds and many timbres come first, so that a few of them are already varied.
TRAIN_VOICES = tuple(
    (
        "m1 f1 m3 Annie m7 belinda Alex anika Mike aunty m2 max Gene Hugo marcelo pablo quincy "
        "robert ed Denis"
    ).split()
)
VOICES = {
    "train": TRAIN_VOICES,
    "valid": ("Andrea", "m4", "steph", "Lee", "antonio", "grandpa"),
    "test": ("linda", "Michael", "f4", "john", "grandma", "paul"),
}
# eSpeak's American English phonemes as its events name them, without stress.
PHONEMES = tuple(
    "sil 0 3: @ @L A: A@ D E I N O: OI S T U U@ V Z a aI aI@ aU b d dZ eI f g h i: i@3 j k l m n "
    "o@ oU p r s t tS u: v w z".split()
)
_ALLOPHONES = {
    "I2": "I",
    "I#": "I",
    "@2": "@",
    "a#": "@",
    "3": "3:",
    "i": "i:",
    "aa": "a",
    "O2": "O:",
    "O@": "o@",
    "t#": "t",
    "r-": "r",
    # Sounds that occur only in other texts than the built-in ones, mapped to the nearest phoneme.
    "@-": "@",
    "A~": "A:",
    "aI3": "aI@",
    "e": "eI",
    "e@": "E",
    "i@": "i@3",
    "n-": "n",
    "t2": "t",
    "u": "u:",
    "x": "k",
    "?": "t",
}
_GRAMMAR = (
    ("the", "a", "this", "that", "one", "my", "your", "his", "her", "our", "every", "another"),
    tuple(
        (
            "small old quiet yellow thirsty cheerful young huge clever rough purple frozen gentle "
            "proud shiny hungry unusual royal"
        ).split()
    ),
    tuple(
        (
            "fox teacher pilot baker child doctor judge sailor singer king goat mother robot "
            "farmer mouse visitor giraffe neighbour"
        ).split()
    ),
    tuple(
        (
            "carries paints watches throws finds measures enjoys borrows hides pushes washes "
            "touches follows sells breaks brings gathers loves"
        ).split()
    ),
    tuple(
        ("two, three, four, five, six, seven, eight, nine, ten, many, few, thousands of").split(
            ", "
        )
    ),
    tuple(
        (
            "apples books clouds stones bridges toys feathers watches jackets bells candles "
            "pictures fish treasures oranges boots houses gifts"
        ).split()
    ),
    tuple(
        (
            "near the river, behind the school, under the moon, in the garden, on the beach, by "
            "the church, above the town, outside the market, at the station, in a warm room, "
            "along the road, without a noise, before breakfast, during the storm, with pleasure, "
            "after work, for the whole village, between two trees"
        ).split(", ")
    ),
)
_RECIPE = 1  # Increase when the same seed should give different sentences.
_SPLIT_OF_TENTH = ("valid", "test") + ("train",) * 8
_PHONEME_EVENT = 7


class _Event(ctypes.Structure):
    """espeak_EVENT of eSpeak NG's speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A spoken sentence.

    Attributes:
      text: words of the sentence.
      voice: an eSpeak voice variant, the speaker.
      pitch: 0 to 99, eSpeak's scale; belongs to the speaker.
      rate: words per minute, 80 to 450.
    """

    text: str
    voice: str = "m1"
    pitch: int = 50
    rate: int = 175


class SentenceReader(Synthesizer):
    """eSpeak NG with the times of its phonemes. Use as a context manager."""

    options = 1  # espeakINITIALIZE_PHONEME_EVENTS

    def read(self, sentence):
        """Synthesise a sentence.

        Returns:
          (int16 samples [frames] at 22050 Hz, list of (first sample, last sample, phoneme)).

        Raises:
          OSError: the library cannot be loaded or refuses the voice.
        """
        self._events = []
        samples = self.speak(
            sentence.text, ACCENT, sentence.voice, sentence.pitch, rate=sentence.rate
        )
        return samples, _labelled(self._events, len(samples))

    def _collect(self, samples, count, events):
        event = ctypes.cast(events, ctypes.POINTER(_Event)) if events else None
        number = 0
        while event and event[number].type:
            if event[number].type == _PHONEME_EVENT:
                self._events.append((event[number].sample, event[number].name.decode()))
            number += 1
        return super()._collect(samples, count, events)


def phoneme_name(name):
    """Return the phoneme of an eSpeak event's name, '' for a length mark."""
    name = name.lstrip("',%=")
    if name.startswith("_") or not name:
        return SILENCE
    return "" if name == ";" else _ALLOPHONES.get(name, name)


def _labelled(events, count):
    """Turn the starts of phonemes into segments that cover a clip of `count` samples."""
    segments = [[0, count, SILENCE]]
    for start, name in events:
        name = phoneme_name(name)
        if name and not name == segments[-1][2] == SILENCE and start < count:
            segments[-1][1] = start
            segments.append([start, count, name])
    return [tuple(segment) for segment in segments if segment[1] > segment[0]]


def plan(seed, split, number, voices):
    """Return the Sentence of number `number` of a split.

    Args:
      seed: int >= 0.
      split: 'train', 'valid' or 'test'.
      number: int >= 0.
      voices: names to choose the speaker from.
    """
    bits = random_bits(2, seed, SPLITS.index(split), number)
    voice = voices[int(bits[0] % np.uint64(len(voices)))]
    # Each speaker has a fixed pitch, the same in every corpus.
    pitch = 25 + hashlib.sha256(voice.encode()).digest()[0] % 50
    rate = 140 + int(bits[1] % np.uint64(50))
    drawn = (_draw_text(seed, split, number, draw) for draw in itertools.count())
    text = next(text for text in drawn if split_of(text) == split)
    return Sentence(text + ".", voice, pitch, rate)


def _draw_text(seed, split, number, draw):
    """Return a sentence of the grammar without its full stop; it may belong to another split."""
    draws = random_bits(len(_GRAMMAR), seed, SPLITS.index(split), number, draw)
    return " ".join(
        choices[int(bit % np.uint64(len(choices)))]
        for bit, choices in zip(draws, _GRAMMAR, strict=True)
    )


def split_of(text):
    """Return the split that a sentence, without its full stop, belongs to."""
    return _SPLIT_OF_TENTH[hashlib.sha256(text.encode()).digest()[0] % 10]


def read_sentences(
    cache_dir: str | os.PathLike,
    seed: int = 0,
    sizes: dict[str, int] | None = None,
    speakers: int = 4,
    held_out_voices: bool = False,
    sample_rate: int = 16000,
    progress: bool = True,
) -> Corpus:
    """Open the built-in corpus of read sentences, synthesising it the first time.

    Args:
      cache_dir: folder for the clips.
      seed: int >= 0.
      sizes: sentences per split, by default 400 train, 40 valid and 40 test.
      speakers: voices of the training split, 1 to 20.
      held_out_voices: whether valid and test have voices of their own; otherwise they have those
        of the training split.
      sample_rate: Hz.
      progress: show a progress bar.

    Returns:
      Corpus with speakers, texts and phoneme labels.

    Raises:
      UserError: a value is out of range.
      OSError: eSpeak NG fails, or cache_dir is not writable.
    """
    sizes = dict(SIZES if sizes is None else sizes)
    _check(seed, sizes, speakers, sample_rate)
    voices: dict[str, tuple[str, ...]] = dict.fromkeys(SPLITS, TRAIN_VOICES[:speakers])
    if held_out_voices:
        voices.update({split: VOICES[split] for split in ("valid", "test")})
    wanted = [(split, number) for split in SPLITS for number in range(sizes[split])]
    plans = [plan(seed, split, number, voices[split]) for split, number in wanted]
    names = [
        f"{split}/{number:05d}_{item.voice}"
        for (split, number), item in zip(wanted, plans, strict=True)
    ]
    known = tuple(dict.fromkeys(voice for split in SPLITS for voice in voices[split]))
    key = [
        "espeak sentences",
        importlib.metadata.version("espeakng-loader"),
        _RECIPE,
        sample_rate,
        [dataclasses.astuple(item) for item in plans],
    ]
    store, segments = _spoken(plans, names, cache_dir, key, sample_rate, progress)
    speaker = np.array([known.index(item.voice) for item in plans], np.int32)
    text = tuple(item.text for item in plans)
    every = Split(store, speaker=speaker, text=text, phonemes=tuple(segments))
    marks = np.array([split for split, _ in wanted])
    splits = {split: every.subset(np.flatnonzero(marks == split)) for split in SPLITS}
    counts = ", ".join(f"{sizes[split]:,} {split}" for split in SPLITS)
    own = ", other voices for valid and test" if held_out_voices else ""
    return Corpus(
        name="espeak_sentences",
        description=(
            f"synthetic: sentences of a word grammar read by eSpeak NG, {counts}; "
            f"{len(known)} voice{'s' * (len(known) > 1)}{own}; no recordings"
        ),
        synthetic=True,
        splits=splits,
        speakers=known,
        phonemes=PHONEMES,
        sample_rate=sample_rate,
    )


def _check(seed, sizes, speakers, sample_rate):
    if seed < 0:
        raise UserError(f"seed must not be negative, not {seed}")
    if set(sizes) != set(SPLITS) or min(sizes.values()) < 1:
        raise UserError(
            f"sizes must give each of train, valid, test at least 1 sentence, not {sizes}"
        )
    if not 1 <= speakers <= len(TRAIN_VOICES):
        raise UserError(f"speakers must lie between 1 and {len(TRAIN_VOICES)}, not {speakers}")
    if not 4000 <= sample_rate <= 192000:
        raise UserError(f"sample_rate must lie between 4,000 and 192,000 Hz, not {sample_rate}")


def _spoken(plans, names, cache_dir, key, sample_rate, progress):
    """Return (store, segmentations) of sentences, from the cache if present."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    path = os.path.join(os.path.abspath(cache_dir), f"phonemes-{digest}.json")
    labels = []

    def speak():
        labels.clear()
        for data in run_workers("tfwave.data.builtin.sentences", plans):
            head, samples = data.split(b"\n", 1)
            labels.append(_resampled(json.loads(head), sample_rate))
            waveform = np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32768)
            yield resample(waveform, ENGINE_RATE, sample_rate)[:, np.newaxis]
        # Before the store is complete, so that a complete store always has its labels.
        write_json(path, labels)

    store = store_of(speak, names, cache_dir, key, sample_rate, "reading sentences", progress)
    if not os.path.exists(path):  # The labels were removed.
        for _ in speak():
            pass
    segments = read_json(path)
    return store, [np.array(rows, np.int64).reshape(-1, 3) for rows in segments]


def _resampled(segments, sample_rate):
    scale = sample_rate / ENGINE_RATE
    rows = []
    for start, stop, name in segments:
        if name not in PHONEMES:
            raise OSError(f"this release of eSpeak NG has a phoneme {name!r} that is not known")
        rows.append([round(start * scale), round(stop * scale), PHONEMES.index(name)])
    return rows


def _serve():
    """Read the sentences on standard input; answer labels as JSON, a line feed and the samples."""
    with SentenceReader() as reader:
        for item in read_plans(Sentence):
            samples, segments = reader.read(item)
            head = json.dumps(segments).encode() + b"\n"
            write_answer(head + samples.astype("<i2").tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
