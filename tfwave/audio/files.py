"""Audio files in and out: decoding (libsndfile), resampling (soxr), 16-bit export.

Every decoder returns float32 `[frames, channels]`. Integer samples are divided by the size of
their negative full scale (int16 by 32768), so they lie in [-1, 1); float files and lossy codecs
are passed on as stored and may exceed 1.
"""

import io
import os
import re
import stat

import numpy as np
import soundfile
import soxr

from tfwave.errors import UserError
from tfwave.files import atomic_write

EXTENSIONS = (".wav", ".flac", ".mp3", ".ogg")

# A header outside these bounds is damaged: resampling from 8 Hz or to 4 GHz would multiply the
# memory needed.
_LOWEST_RATE = 1_000
_HIGHEST_RATE = 768_000
_MOST_CHANNELS = 64
# Compressed formats can promise (and FLAC can deliver) terabytes from a few kilobytes.
_MOST_SAMPLES = 2**30
_BLOCK_SAMPLES = 2**18
# First bytes of the containers that are let through to libsndfile, which knows dozens more.
# TIMIT's .WAV files are NIST SPHERE.
_CONTAINERS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"ID3", b"NIST_1A")
_SUBTYPES = (
    "PCM_U8",
    "PCM_S8",
    "PCM_16",
    "PCM_24",
    "PCM_32",
    "FLOAT",
    "DOUBLE",
    "ULAW",
    "ALAW",
    "IMA_ADPCM",
    "MS_ADPCM",
    "VORBIS",
    "OPUS",
    "MPEG_LAYER_I",
    "MPEG_LAYER_II",
    "MPEG_LAYER_III",
)
# Programs that write to a pipe cannot go back to fill in the length.
_STREAMED_LENGTHS = (0xFFFFFFFF, 0x7FFFFFFF)


class AudioFileError(UserError):
    """A file that cannot be used as audio; `str()` is one sentence with the file's name.

    Attributes:
      path: the file.
      reason: what is wrong with it, without the name.
    """

    def __init__(self, path, reason):
        self.path = os.fsdecode(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self):
        return (type(self), (self.path, self.reason))


def decode(path):
    """Decode a wav, flac, mp3 or ogg file.

    The file is read in blocks to its end, so a header that promises too much costs no memory.

    Args:
      path: file of any channel count from 1 to 64 and any rate from 1 to 768 kHz.

    Returns:
      Pair of a finite float32 waveform `[frames, channels]` with at least one frame, and the
      sample rate in Hz.

    Raises:
      AudioFileError: the file is missing, unreadable, empty, truncated, in another format, or
        holds samples that are not finite numbers.
    """
    _check_container(path)
    try:
        # soundfile takes bytes, which its types do not mention.
        with soundfile.SoundFile(os.fsencode(path)) as file:  # pyright: ignore[reportArgumentType]
            _check_header(path, file)
            waveform = _read_blocks(path, file)
            rate, promised, container = file.samplerate, file.frames, file.format
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioFileError(path, f"cannot be decoded ({_reason(error)})") from None
    if len(waveform) == 0:
        raise AudioFileError(path, "holds no samples")
    if container == "FLAC" and len(waveform) < promised < 2**62:
        raise AudioFileError(
            path, f"is truncated: {promised} frames are promised, {len(waveform)} are there"
        )
    if not np.isfinite(waveform).all():
        raise AudioFileError(path, "holds samples that are not finite numbers (NaN or infinity)")
    return waveform, int(rate)


def _check_container(path):
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise AudioFileError(path, "is not a regular file")
            head = file.read(12)
    except OSError as error:
        raise AudioFileError(path, (error.strerror or str(error)).lower()) from None
    except ValueError as error:
        if isinstance(error, AudioFileError):
            raise
        raise AudioFileError(path, "is not a possible file name") from None
    if not head:
        raise AudioFileError(path, "is empty (0 bytes)")
    mpeg = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    if not mpeg and not head.startswith(_CONTAINERS):
        raise AudioFileError(path, "is not a wav, flac, mp3 or ogg file")


def _open_without_waiting(path, flags):
    # Opening a named pipe would otherwise wait for a writer for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_header(path, file):
    if file.subtype not in _SUBTYPES:
        raise AudioFileError(path, f"uses the unsupported encoding {file.subtype}")
    if not _LOWEST_RATE <= file.samplerate <= _HIGHEST_RATE:
        raise AudioFileError(path, f"claims an impossible sample rate of {file.samplerate} Hz")
    if not 1 <= file.channels <= _MOST_CHANNELS:
        raise AudioFileError(path, f"claims {file.channels} channels")
    lie = re.search(r"^data *: *(\d+) *\(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if lie and int(lie[1]) > int(lie[2]) and int(lie[1]) not in _STREAMED_LENGTHS:
        raise AudioFileError(
            path, f"is truncated: {lie[1]} bytes of audio are promised, {lie[2]} are there"
        )


def _read_blocks(path, file):
    frames = max(1, _BLOCK_SAMPLES // file.channels)
    blocks, total = [], 0
    while True:
        block = file.read(frames, dtype="float32", always_2d=True)
        if len(block) == 0:
            break
        total += block.size
        if total > _MOST_SAMPLES:
            raise AudioFileError(
                path, f"holds more than {_MOST_SAMPLES:,} samples; split it into shorter files"
            )
        blocks.append(block)
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks) if blocks else np.zeros([0, file.channels], np.float32)


def _reason(error):
    text = getattr(error, "error_string", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


def load(path, sample_rate=None, channels=None):
    """Decode a file, mix it to a number of channels and resample it.

    Args:
      path: audio file.
      sample_rate: new rate in Hz; None keeps the file's.
      channels: new number of channels; None keeps the file's. Any number is averaged to one
        and one is copied to any number, the two conversions of the WaveGAN authors' loader.

    Returns:
      float32 `[frames, channels]`, finite.

    Raises:
      AudioFileError: as `decode`, or the channels cannot be converted.
    """
    waveform, rate = decode(path)
    have = waveform.shape[1]
    if channels not in (None, have):
        if channels == 1:
            waveform = waveform.mean(axis=1, keepdims=True)
        elif have == 1:
            waveform = np.repeat(waveform, channels, axis=1)
        else:
            raise AudioFileError(path, f"has {have} channels, which cannot become {channels}")
    if sample_rate not in (None, rate):
        waveform = resample(waveform, rate, sample_rate)
        if len(waveform) == 0:
            raise AudioFileError(path, "is too short to be resampled")
    if not np.isfinite(waveform).all():
        raise AudioFileError(path, "holds samples too large to work with")
    return waveform


def resample(waveform, from_rate, to_rate):
    """Resample with soxr's high quality band-limited filter.

    Args:
      waveform: float32 `[frames]` or `[frames, channels]`.
      from_rate: its rate in Hz.
      to_rate: the new rate in Hz.

    Returns:
      float32 with about `frames * to_rate / from_rate` frames; the input itself at equal rates.

    Raises:
      UserError: a rate is not positive.
    """
    if from_rate <= 0 or to_rate <= 0:
        raise UserError(f"sample rates must be positive, not {from_rate} and {to_rate} Hz")
    waveform = np.asarray(waveform, np.float32)
    if from_rate == to_rate:
        return waveform
    with np.errstate(over="ignore", invalid="ignore"):
        return soxr.resample(waveform, from_rate, to_rate, quality="HQ")


def to_int16(waveform):
    """Convert to 16-bit samples as the WaveGAN authors export: x * 32767, clip, truncate.

    Args:
      waveform: float array of any shape, full scale at 1; anything beyond is clipped. int16 is
        returned as it is.

    Returns:
      int16 of the same shape in [-32767, 32767]; the fraction is cut off towards zero.
    """
    waveform = np.asarray(waveform)
    if waveform.dtype == np.int16:
        return waveform
    scaled = waveform.astype(np.float32) * np.float32(32767)
    return np.clip(scaled, -32767, 32767).astype(np.int16)


def wav_bytes(waveform, sample_rate):
    """Encode `[time]` or `[time, channels]` in [-1, 1] as the bytes of a 16-bit wav file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, to_int16(waveform), int(sample_rate), format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def write_wav(path, waveform, sample_rate):
    """Write `[time]` or `[time, channels]` in [-1, 1] as a 16-bit wav file, whole or not at all."""
    atomic_write(path, wav_bytes(waveform, sample_rate))


def find_audio(folder):
    """List the audio files below a folder, sorted by path.

    Looks for wav, flac, mp3 and ogg in any case, follows symbolic links (each folder once, so
    that a circle ends) and leaves out hidden files and folders such as macOS's `._name.wav`.

    Raises:
      OSError: the folder or one below it is missing or unreadable.
    """
    if not os.path.exists(folder):
        raise FileNotFoundError(f"{os.fspath(folder)}: there is no such folder")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{os.fspath(folder)}: is not a folder")

    def refuse(error):
        raise OSError(f"{error.filename}: {(error.strerror or 'unreadable').lower()}")

    paths, visited = [], set()
    for root, folders, files in os.walk(os.fspath(folder), onerror=refuse, followlinks=True):
        info = os.stat(root)
        if (info.st_dev, info.st_ino) in visited:
            folders[:] = []
            continue
        visited.add((info.st_dev, info.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                path = os.path.join(root, name)
                # Pipes and devices are no audio; a broken link is kept, to be named as such.
                if os.path.isfile(path) or os.path.islink(path):
                    paths.append(path)
    return sorted(paths)


def require_audio(folder):
    """Run `find_audio` and require at least one file.

    Raises:
      UserError: there is no audio in the folder.
      OSError: see `find_audio`.
    """
    paths = find_audio(folder)
    if not paths:
        raise UserError(f"{folder}: there is no audio (wav, flac, mp3, ogg) in this folder")
    return paths


def find_recordings(source):
    """Find the recordings that a path names: itself, or all below a folder.

    Returns:
      [(path, name)]; no name twice. It is the path below the folder, without the extension unless
      two recordings differ in nothing else.

    Raises:
      UserError: there is no audio in the folder.
      OSError: see `find_audio`.
    """
    folder = os.path.isdir(source)
    paths = require_audio(source) if folder else [os.fspath(source)]
    names = [os.path.relpath(path, source) if folder else os.path.basename(path) for path in paths]
    stems = [os.path.splitext(name)[0] for name in names]
    unique = len(set(stems)) == len(stems)
    return list(zip(paths, stems if unique else names, strict=True))
