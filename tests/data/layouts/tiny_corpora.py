"""The smallest folder of every layout that is recognised, and what is found in it."""

import json

import numpy as np
import soundfile

from tfwave.data.layouts.clips import DIGITS

LENGTH = 800  # samples of every file, at 16 kHz


def write(path, **options):
    """Write a tone of its own into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frequency = 0.02 + 1e-4 * (hash_of(str(path)) % 1000)
    tone = 0.4 * np.sin(frequency * np.arange(LENGTH))
    soundfile.write(path, tone, 16000, **{"subtype": "PCM_16", **options})


def hash_of(text):
    return sum(number * ord(letter) for number, letter in enumerate(text, 1))


def sc09(folder):
    for split, counts in (("train", 2), ("valid", 1), ("test", 1)):
        for digit in DIGITS[:3]:
            for number in range(counts):
                write(folder / split / f"{digit.title()}_{number:03d}.wav")


def speech_commands(folder):
    for word in ("zero", "nine", "cat"):
        for number in range(4):
            write(folder / word / f"{number}_nohash_0.wav")
    (folder / "validation_list.txt").write_text("zero/0_nohash_0.wav\n")
    (folder / "testing_list.txt").write_text("nine/0_nohash_0.wav\n")


def free_spoken_digits(folder):
    for number in (0, 5, 10, 11):
        write(folder / f"4_ann_{number}.wav")


def nsynth(folder):
    for split, count in (("train", 3), ("valid", 1), ("test", 1)):
        notes = {}
        for number in range(count):
            name = f"organ_electronic_00{number}-06{number}-100"
            write(folder / f"nsynth-{split}" / "audio" / f"{name}.wav")
            notes[name] = {
                "pitch": 60 + number,
                "velocity": 100,
                "instrument_str": f"organ_electronic_00{number}",
                "instrument_family": 6,
                "qualities": [1] + [0] * 9,
            }
        (folder / f"nsynth-{split}" / "examples.json").write_text(json.dumps(notes))


def mixtures(folder):
    for split, count in (("tr", 3), ("cv", 1), ("tt", 1)):
        for kind in ("mix", "s1", "s2"):
            for number in range(count):
                write(folder / split / kind / f"{number}.wav")


def timit(folder):
    for place in ("TRAIN/DR1/FAAA0", "TRAIN/DR2/MAAB0", "TEST/DR1/MBBB0"):
        for name in ("SA1", "SX7", "SI1000"):
            write(folder / place / f"{name}.WAV", format="NIST", endian="LITTLE")
            (folder / place / f"{name}.PHN").write_text("0 400 h#\n400 800 sh\n")


def vctk(folder):
    for speaker in ("p225", "p226"):
        for number in range(1, 4):
            write(folder / "wav48" / speaker / f"{speaker}_00{number}.wav")
    (folder / "txt" / "p225").mkdir(parents=True)
    (folder / "txt" / "p225" / "p225_001.txt").write_text("Please call Stella.\n")


def ljspeech(folder):
    for number in range(5):
        write(folder / "wavs" / f"LJ001-{number}.wav")
    lines = [f"LJ001-{number}|Text {number}|Text {number}\n" for number in range(4)]
    (folder / "metadata.csv").write_text("".join(lines))


def paired_domains(folder):
    for place in ("trainA", "trainB", "testA", "testB"):
        for number in range(2):
            write(folder / place / f"{number}.wav")


def split_folders(folder):
    for split in ("train", "test"):
        for domain in ("horse", "zebra"):
            for number in range(2):
                write(folder / split / domain / f"{number}.wav")


def folder_of_audio(folder):
    for speaker in ("ann", "bob"):
        for number in range(3):
            write(folder / speaker / f"{number}.wav")


# {key of the layout: (function that writes it, files in train, valid and test, columns by count)}
TINY = {
    "sc09": (sc09, (6, 3, 3), {"labels": {"zero": 4, "one": 4, "two": 4}}),
    "speech_commands": (speech_commands, (6, 1, 1), {"labels": {"zero": 4, "nine": 4}}),
    "free_spoken_digits": (free_spoken_digits, (2, 1, 1), {"labels": {"four": 4}}),
    "nsynth": (
        nsynth,
        (3, 1, 1),
        {
            "labels": {"organ": 5},
            "instruments": {f"organ_electronic_00{n}": 3 - 2 * (n > 0) for n in range(3)},
            "pitches": {60: 3, 61: 1, 62: 1},
            "velocities": {100: 5},
        },
    ),
    "mixtures": (mixtures, (3, 1, 1), {"sources": {"s1": 5, "s2": 5}}),
    "timit": (timit, (3, 1, 2), {"speakers": {"faaa0": 2, "maab0": 2, "mbbb0": 2}, "phonemes": 6}),
    "vctk": (vctk, (4, 1, 1), {"speakers": {"p225": 3, "p226": 3}, "texts": 1}),
    "ljspeech": (ljspeech, (3, 1, 1), {"texts": 4}),
    "paired_domains": (paired_domains, (3, 1, 4), {"domains": {"A": 4, "B": 4}}),
    "split_folders": (
        split_folders,
        (3, 1, 4),
        {"speakers": {"horse": 4, "zebra": 4}, "domains": {"horse": 4, "zebra": 4}},
    ),
    "folder": (folder_of_audio, (4, 1, 1), {"speakers": {"ann": 3, "bob": 3}}),
}
