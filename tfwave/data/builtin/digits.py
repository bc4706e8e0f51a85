"""Built-in spoken digits: eSpeak NG through ctypes, from the PyPI package espeakng-loader.

Makes a corpus of the shape of SC09 on any machine without a download: ten words, many voices,
disjoint between the splits, at most 16384 samples at 16 kHz. It is speech by rule, far more
regular than recordings; every corpus made here says that it is synthetic.

Every clip is a pure function of (seed, split, number): its parameters come from a counter-based
generator, and the engine, which keeps state from one utterance to the next (flutter phase, noise,
filters), is loaded afresh for each.
"""

import _ctypes
import ast
import contextlib
import ctypes
import dataclasses
import importlib.metadata
import logging
import os
import struct
import subprocess
import sys
import tempfile

import espeakng_loader
import numpy as np

from tfwave.audio.files import resample
from tfwave.data.corpora import DIGIT_SLICES, DIGITS, SPLITS, Corpus
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
_ENGINE_RATE = 22050
_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_WORKERS_MOST = 8
_RECIPE = 1  # Raise when the same seed is to give other clips.
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One spoken clip.

    Attributes:
      text: what is said.
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


class Synthesiser:
    """eSpeak NG, usable by one thread of a process at a time. Use as a context manager.

    Attributes:
      options: what the engine is initialised with; a subclass asks for phoneme events here.
    """

    options = 0

    def __init__(self):
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="tfwave-speech-"))
        self._data = _data_folder(folder).encode()
        self._libc = ctypes.CDLL(None)
        self._parts = []
        self._callback = _CALLBACK(self._collect)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def speak(self, utterance):
        """Return the engine's int16 samples `[frames]` at 22050 Hz, without gain and pause.

        Raises:
          OSError: the library can not be loaded or refuses the voice.
        """
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            rate = library.espeak_Initialize(_SYNCHRONOUS, 0, self._data, self.options)
            if rate != _ENGINE_RATE:
                raise OSError(f"eSpeak NG does not start (espeak_Initialize returned {rate})")
            library.espeak_SetSynthCallback(self._callback)
            voice = f"gmw/{utterance.accent}+{utterance.variant}"
            if library.espeak_SetVoiceByName(voice.encode()):
                raise OSError(f"eSpeak NG has no voice {utterance.accent}+{utterance.variant}")
            library.espeak_SetParameter(_RATE, utterance.rate, 0)
            library.espeak_SetParameter(_VOLUME, 100, 0)
            library.espeak_SetParameter(_PITCH, utterance.pitch, 0)
            library.espeak_SetParameter(_RANGE, utterance.pitch_range, 0)
            # The engine's noise comes from the C library's generator.
            self._libc.srand(1)
            self._parts.clear()
            text = utterance.text.encode("utf-8") + b"\0"
            size = ctypes.c_size_t(len(text))
            if library.espeak_Synth(text, size, 0, 1, 0, _UTF8, None, None):
                raise OSError(f"eSpeak NG can not say {utterance.text!r}")
            library.espeak_Terminate()
            return np.frombuffer(b"".join(self._parts), np.int16)
        finally:
            # Unloading is the only thing that resets all of the engine's static state.
            _ctypes.dlclose(library._handle)

    def clip(self, utterance):
        """Return int16 `[frames]`, at most 16384 frames at 16 kHz, with gain and pause.

        Trailing silence of the engine is kept, what does not fit is cut.
        """
        speech = resample(self.speak(utterance).astype(np.float32), _ENGINE_RATE, SAMPLE_RATE)
        room = max(0, MAX_SAMPLES - len(speech))
        pause = np.zeros(min(int(utterance.pause * SAMPLE_RATE), room), np.float32)
        waveform = np.concatenate([pause, speech * np.float32(utterance.gain)])[:MAX_SAMPLES]
        return np.clip(np.round(waveform), -32768, 32767).astype(np.int16)

    def _collect(self, samples, count, events):
        del events
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))
        return 0


def _data_folder(folder):
    """Make a folder of links to eSpeak's data with a short path and lower case accent names.

    eSpeak keeps paths in small buffers, and it finds a voice without reading all 250 voice files
    first only if the file's name is in lower case; that halves the time per clip.
    """
    original = espeakng_loader.get_data_path()
    target = os.path.join(folder, "espeak-ng-data")
    accents = os.path.join(target, "lang", "gmw")
    os.makedirs(accents)
    for name in os.listdir(original):
        if name != "lang":
            os.symlink(os.path.join(original, name), os.path.join(target, name))
    for name in os.listdir(os.path.join(original, "lang", "gmw")):
        os.symlink(os.path.join(original, "lang", "gmw", name), os.path.join(accents, name.lower()))
    return target


def plan(seed, split, number):
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


def spoken_digits(cache_dir, seed=0, sizes=None, progress=True):
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
    store = _speak_all(wanted, cache_dir, seed, "speaking", progress)
    marks = np.array([split for split, _ in wanted])
    splits = {split: store.subset(np.flatnonzero(marks == split)) for split in SPLITS}
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


def klatt_digits(cache_dir, count, seed=0, progress=True):
    """Make digits with eSpeak's Klatt voices, of which `spoken_digits` uses none.

    Stands for the `Parametric` row of the paper's table: speech by a formant synthesiser.

    Args:
      cache_dir: folder for the clips.
      count: number of clips.
      seed: int >= 0.
      progress: show a progress bar.

    Returns:
      AudioStore of `count` clips at 16 kHz, labels 0..9 in turn.
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
    labels = [number % 10 for _, number in wanted]
    return store_of(
        lambda: render(plans), names, labels, cache_dir, key, SAMPLE_RATE, description, progress
    )


def render(plans, workers=None):
    """Yield float32 `[frames, 1]` clips of utterances in order, from several processes.

    Args:
      plans: list of Utterance.
      workers: number of processes; by default one per usable core.

    Raises:
      OSError: a process fails; the message has its last line.
    """
    for data in run_workers("tfwave.data.builtin.digits", plans, workers):
        yield (np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768))[:, None]


def run_workers(module, plans, workers=None):
    """Yield what several processes of a module answer to each plan, in order.

    Each process runs the module as a program, so that neither TensorFlow nor the calling script is
    imported in it. It reads a line for each plan, the fields as Python literals, and answers with
    `write_answer`.

    Args:
      module: full name of the module.
      plans: list of dataclass instances with plain fields.
      workers: number of processes; by default one per usable core.

    Raises:
      OSError: a process fails; the message has its last line.
    """
    if workers is None:
        workers = min(_WORKERS_MOST, _usable_cores())
    workers = max(1, min(workers, len(plans)))
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with contextlib.ExitStack() as stack:
        pipes = []
        for worker in range(workers):
            request = stack.enter_context(tempfile.TemporaryFile())
            for item in plans[worker::workers]:
                request.write(repr(dataclasses.astuple(item)).encode() + b"\n")
            request.seek(0)
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=request,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
            stack.callback(_stop, process)
            pipes.append((process, errors))
        for number in range(len(plans)):
            yield _receive(*pipes[number % workers])


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _receive(process, errors):
    header = process.stdout.read(4)
    data = process.stdout.read(struct.unpack("<I", header)[0]) if len(header) == 4 else b""
    if not data:
        process.wait()
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
        raise OSError(f"speech synthesis failed: {lines[-1] if lines else 'no reason given'}")
    return data


def write_answer(data):
    """Send bytes, at least one, from a process to its `run_workers`."""
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)


def read_plans(kind):
    """Yield the plans that `run_workers` sends to this process, as instances of `kind`."""
    for line in sys.stdin.buffer:
        yield kind(*ast.literal_eval(line.decode()))


def _stop(process):
    process.stdout.close()
    process.kill()
    process.wait()


def _serve():
    """Speak the utterances on standard input, write the int16 samples of each."""
    with Synthesiser() as synthesiser:
        for item in read_plans(Utterance):
            write_answer(synthesiser.clip(item).astype("<i2").tobytes())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
