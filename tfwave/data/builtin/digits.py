"""Built-in spoken digits, synthesised by eSpeak NG.

Provides a corpus with the structure of SC09 on any machine without a download: ten words, many
voices, disjoint between the splits, at most 16384 samples at 16 kHz. It is rule-based synthetic
speech, far more regular than recordings, and is described as synthetic in every report.

Every clip is a pure function of (seed, split, number): its parameters come from a counter-based
generator.
"""

import dataclasses
import importlib.metadata
import os
import sys
from collections.abc import Iterator

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
from tfwave.data.layouts.clips import DIGIT_SLICES, DIGITS
from tfwave.data.layouts.layout import SPLITS
from tfwave.data.slices import random_bits
from tfwave.data.store import store_of
from tfwave.errors import UserError

SAMPLE_RATE = 16000
MAX_SAMPLES = 16384
SIZES = {"train": 18000, "valid": 2000, "test": 2000}

ACCENTS = (
    "en",
    "en-us",
    "en-us-nyc",
    "en-029",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
)
# eSpeak's Klatt synthesiser, another engine than its default: the `Parametric` row's voices.
KLATT_VARIANTS = tuple(
    (
        "Reed UniRobot adam announcer benjamin caleb david edward edward2 klatt klatt2 klatt3 "
        "klatt4 klatt5 klatt6 mike2 robosoft robosoft2 robosoft3"
    ).split()
)
# Not used at all: Alicia, Demonic, f2, f3, f5, sandro, victor, whisper and whisperf. Their breath
# noise differs from one run to the next.
VARIANTS = {
    "train": tuple(
        (
            "Alex, Annie, AnxiousAndy, Denis, Diogo, Gene, Gene2, Henrique, Hugo, Jacky, Marco, "
            "Mario, Mike, Mr serious, RicishayMax, RicishayMax2, RicishayMax3, Storm, Tweaky, "
            "anika, anikaRobot, aunty, belinda, boris, croak, ed, f1, fast, gustave, ian, iven, "
            "iven2, iven3, iven4, kaukovalta, m1, m2, m3, m5, m6, m7, m8, marcelo, max, michel, "
            "miguel, pablo, pedro, quincy, rob, robert, robosoft4, robosoft5, robosoft6, "
            "robosoft7, robosoft8"
        ).split(", ")
    ),
    "valid": tuple(("Andrea Lee Nguyen antonio grandpa m4 shelby steph steph2 steph3").split()),
    "test": tuple(("Andy Michael f4 grandma john linda norbert paul travis zac").split()),
    "klatt": KLATT_VARIANTS,
}
_RECIPE = 1  # Increase when the same seed should give different clips.


@dataclasses.dataclass(frozen=True)
class Utterance:
    """A spoken clip.

    Attributes:
      text: spoken word.
      accent: one of ACCENTS.
      variant: an eSpeak voice variant, one of VARIANTS.
      pitch: 0 to 99, eSpeak's scale.
      pitch_range: 0 to 99.
      rate: words per minute, 80 to 450.
      gain: factor on the engine's samples.
      pause: seconds of silence before the word.
    """

    text: str
    accent: str = "en-us"
    variant: str = "m1"
    pitch: int = 50
    pitch_range: int = 50
    rate: int = 175
    gain: float = 1.0
    pause: float = 0.0


def _clip(synthesizer, item):
    """Return int16 `[frames]` of an Utterance, at most MAX_SAMPLES, with its gain and pause.

    The engine's trailing silence is kept; samples beyond the maximum are cut.
    """
    samples = synthesizer.speak(
        item.text, item.accent, item.variant, item.pitch, item.pitch_range, item.rate
    )
    speech = resample(samples.astype(np.float32), ENGINE_RATE, SAMPLE_RATE)
    room = max(0, MAX_SAMPLES - len(speech))
    pause = np.zeros(min(int(item.pause * SAMPLE_RATE), room), np.float32)
    waveform = np.concatenate([pause, speech * np.float32(item.gain)])[:MAX_SAMPLES]
    return np.clip(np.round(waveform), -32768, 32767).astype(np.int16)


def plan(seed: int, split: str, number: int) -> Utterance:
    """Return the Utterance of clip `number` of a split: digit number % 10, all else drawn.

    Args:
      seed: int >= 0.
      split: 'train', 'valid', 'test' or 'klatt', which have no voice variant in common.
      number: int >= 0.
    """
    bits = random_bits(7, seed, list(VARIANTS).index(split), number)

    def uniform(index, low, high):
        return low + (high - low) * float(bits[index] >> np.uint64(11)) / 2.0**53

    def pick(index, choices):
        return choices[int(bits[index] % np.uint64(len(choices)))]

    return Utterance(
        text=DIGITS[number % 10],
        accent=pick(0, ACCENTS),
        variant=pick(1, VARIANTS[split]),
        pitch=int(uniform(2, 20, 80)),
        pitch_range=int(uniform(3, 20, 80)),
        rate=int(uniform(4, 130, 220)),
        gain=uniform(5, 0.4, 1.0),
        pause=uniform(6, 0.0, 0.25),
    )


def spoken_digits(
    cache_dir: str | os.PathLike,
    seed: int = 0,
    sizes: dict[str, int] | None = None,
    progress: bool = True,
) -> Corpus:
    """Open the built-in corpus of spoken digits, synthesising it the first time.

    Args:
      cache_dir: folder for the clips (1.2 GB at the default sizes).
      seed: int >= 0.
      sizes: clips per split, by default 18,000 train, 2,000 valid and 2,000 test. A clip does not
        depend on the sizes.
      progress: show a progress bar.

    Returns:
      Corpus at 16 kHz with labels 0..9; voices are disjoint between the splits.
    """
    sizes = dict(SIZES if sizes is None else sizes)
    if set(sizes) != set(SPLITS) or min(sizes.values()) < 1:
        raise UserError(f"sizes must give each of train, valid, test at least 1 clip, not {sizes}")
    wanted = [(split, number) for split in SPLITS for number in range(sizes[split])]
    every = _speak_all(wanted, cache_dir, seed, "speaking", progress)
    marks = np.array([split for split, _ in wanted])
    splits = {split: every.subset(np.flatnonzero(marks == split)) for split in SPLITS}
    voices = ", ".join(f"{len(VARIANTS[split])} {split}" for split in SPLITS)
    counts = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
    return Corpus(
        name="espeak_digits",
        description=(
            f"synthetic: the digits zero to nine spoken by eSpeak NG, {counts} clips; "
            f"voice variants {voices}, each in {len(ACCENTS)} English accents; no recordings"
        ),
        synthetic=True,
        classes=DIGITS,
        splits=splits,
        slices=DIGIT_SLICES,
        sample_rate=SAMPLE_RATE,
    )


def klatt_digits(
    cache_dir: str | os.PathLike, count: int, seed: int = 0, progress: bool = True
) -> Split:
    """Make digits with eSpeak's Klatt voices, of which `spoken_digits` uses none.

    Stands for the `Parametric` row of the paper's table: speech by a formant synthesiser.

    Args:
      cache_dir: folder for the clips.
      count: number of clips.
      seed: int >= 0.
      progress: show a progress bar.

    Returns:
      Split of `count` clips at 16 kHz, labels 0..9 in turn.
    """
    if count < 1:
        raise UserError(f"count must be at least 1, not {count}")
    wanted = [("klatt", number) for number in range(count)]
    return _speak_all(wanted, cache_dir, seed, "speaking (Klatt)", progress)


def _speak_all(wanted, cache_dir, seed, description, progress):
    if seed < 0:
        raise UserError(f"seed must not be negative, not {seed}")
    plans = [plan(seed, split, number) for split, number in wanted]
    names = [
        f"{split}/{number:05d}_{item.text}_{item.accent}_{item.variant}".replace(" ", "-")
        for (split, number), item in zip(wanted, plans, strict=True)
    ]
    version = importlib.metadata.version("espeakng-loader")
    ranges = [[split, sum(other == split for other, _ in wanted)] for split in VARIANTS]
    key = ["espeak", version, _RECIPE, ACCENTS, VARIANTS, seed, ranges]
    store = store_of(
        lambda: render(plans), names, cache_dir, key, SAMPLE_RATE, description, progress
    )
    return Split(store, label=np.array([number % 10 for _, number in wanted], np.int32))


def render(plans: list[Utterance], workers: int | None = None) -> Iterator[np.ndarray]:
    """Yield float32 `[frames, 1]` clips of utterances in order, from several processes.

    Args:
      plans: list of Utterance.
      workers: number of processes; by default one per usable core.

    Raises:
      OSError: a process fails; the message has its last line.
    """
    for data in run_workers("tfwave.data.builtin.digits", plans, workers):
        yield (np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768))[:, None]


def _serve():
    """Synthesise the utterances on standard input, write the int16 samples of each."""
    with Synthesizer() as synthesizer:
        for item in read_plans(Utterance):
            write_answer(_clip(synthesizer, item).astype("<i2").tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
