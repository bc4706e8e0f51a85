"""The speech synthesiser of the built-in corpora: eSpeak NG through ctypes, in separate processes.

The library comes from the PyPI package espeakng-loader. The engine keeps state from one text to the
next (flutter phase, noise, filters), so it is loaded afresh for each: samples are a pure function
of the arguments.
"""

import _ctypes
import ast
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import espeakng_loader
import numpy as np

ENGINE_RATE = 22050  # Hz
_SYNCHRONOUS = 2
_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_WORKERS_MOST = 8
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Synthesizer:
    """eSpeak NG, usable by one thread of a process at a time. Use as a context manager.

    Attributes:
      options: flags that initialise the engine; a subclass requests phoneme events here.
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

    def speak(
        self,
        text: str,
        accent: str = "en-us",
        variant: str = "m1",
        pitch: int = 50,
        pitch_range: int = 50,
        rate: int = 175,
    ) -> np.ndarray:
        """Synthesise a text.

        Args:
          text: words to synthesise.
          accent: an eSpeak voice, such as 'en-us'.
          variant: an eSpeak voice variant.
          pitch: 0 to 99, eSpeak's scale.
          pitch_range: 0 to 99.
          rate: words per minute, 80 to 450.

        Returns:
          int16 samples `[frames]` at ENGINE_RATE.

        Raises:
          OSError: the library cannot be loaded or refuses the voice.
        """
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            engine_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, self._data, self.options)
            if engine_rate != ENGINE_RATE:
                raise OSError(
                    f"eSpeak NG does not start (espeak_Initialize returned {engine_rate})"
                )
            library.espeak_SetSynthCallback(self._callback)
            voice = f"gmw/{accent}+{variant}"
            if library.espeak_SetVoiceByName(voice.encode()):
                raise OSError(f"eSpeak NG has no voice {accent}+{variant}")
            library.espeak_SetParameter(_RATE, rate, 0)
            library.espeak_SetParameter(_VOLUME, 100, 0)
            library.espeak_SetParameter(_PITCH, pitch, 0)
            library.espeak_SetParameter(_RANGE, pitch_range, 0)
            # The engine's noise comes from the C library's generator.
            self._libc.srand(1)
            self._parts.clear()
            encoded = text.encode("utf-8") + b"\0"
            size = ctypes.c_size_t(len(encoded))
            if library.espeak_Synth(encoded, size, 0, 1, 0, _UTF8, None, None):
                raise OSError(f"eSpeak NG cannot say {text!r}")
            library.espeak_Terminate()
            return np.frombuffer(b"".join(self._parts), np.int16)
        finally:
            # Unloading is the only thing that resets all of the engine's static state.
            _ctypes.dlclose(library._handle)

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


def run_workers(module: str, plans: list, workers: int | None = None) -> Iterator[bytes]:
    """Yield the answers of several processes of a module to a list of plans, in order.

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
    root = pathlib.Path(__file__).resolve().parents[3]  # the folder of this tfwave
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
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


def write_answer(data: bytes) -> None:
    """Send bytes, at least one, from a process to its `run_workers`."""
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)


def read_plans(kind: type) -> Iterator:
    """Yield the plans that `run_workers` sends to this process, as instances of `kind`."""
    for line in sys.stdin.buffer:
        yield kind(*ast.literal_eval(line.decode()))


def _stop(process):
    process.stdout.close()
    process.kill()
    process.wait()
