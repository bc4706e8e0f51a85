"""Decoding, resampling, export: real formats, odd files and damaged ones."""

import contextlib
import io
import os
import random
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tfwave.audio import files
from tfwave.audio.files import AudioFileError, decode, find_audio, find_recordings, load

RATE = 16000
PCM = {"PCM_U8": 128, "PCM_16": 2**15, "PCM_24": 2**23, "PCM_32": 2**31}


def tone(frames=2000, channels=1, rate=RATE, frequency=440.0):
    phase = 2 * np.pi * frequency * np.arange(frames) / rate
    return (0.5 * np.sin(phase)[:, None] * np.linspace(1, 0.5, channels)).astype(np.float32)


def encoded(waveform, container="WAV", subtype="PCM_16", rate=RATE):
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def chunk(name, data, pad=True):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2 * pad)


def wav(*chunks, riff_size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def pcm_format(channels=1, rate=RATE, bits=16):
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * block, block, bits))


@pytest.fixture
def write(tmp_path):
    def put(data, name="a.wav"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return put


@pytest.mark.parametrize("subtype", PCM)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_pcm_is_divided_by_its_full_scale(write, subtype, channels):
    waveform = tone(channels=channels)
    got, rate = decode(write(encoded(waveform, subtype=subtype)))
    assert got.dtype == np.float32 and got.shape == waveform.shape and rate == RATE
    np.testing.assert_allclose(got, waveform, atol=1.01 / PCM[subtype] + 1e-7)


def test_int16_is_exact(write):
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    got, _ = decode(write(wav(pcm_format(), chunk(b"data", samples.tobytes()))))
    np.testing.assert_array_equal(got[:, 0], samples / np.float32(32768))


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_files_are_as_stored(write, subtype):
    waveform = 3 * tone(channels=2)
    got, _ = decode(write(encoded(waveform, subtype=subtype)))
    np.testing.assert_array_equal(got, waveform)


@pytest.mark.parametrize(
    "container, subtype, rate, worst",
    [
        ("FLAC", "PCM_16", 44100, 1e-4),
        ("FLAC", "PCM_24", 96000, 1e-6),
        ("OGG", "VORBIS", 22050, 0.1),
        ("OGG", "OPUS", 48000, 0.1),
        ("MP3", "MPEG_LAYER_III", 44100, 0.1),
    ],
)
def test_compressed_formats(write, container, subtype, rate, worst):
    waveform = tone(frames=rate // 2, channels=2, rate=rate)
    got, got_rate = decode(write(encoded(waveform, container, subtype, rate), "a." + container))
    assert got_rate == rate and got.shape[1] == 2
    frames = min(len(got), len(waveform))
    assert frames > 0.95 * len(waveform)
    middle = slice(frames // 4, frames // 2)
    assert np.abs(got[middle] - waveform[middle]).max() < worst


@pytest.mark.parametrize(
    "before, after",
    [
        ([chunk(b"LIST", b"INFOx")], []),
        ([chunk(b"junk", b"123"), chunk(b"bext", b"7 bytes")], [chunk(b"id3 ", b"tag")]),
        ([chunk(b"LIST", b"")], [b"\0"]),
        ([chunk(b"fact", struct.pack("<I", 999_999))], [chunk(b"LIST", b"abc", pad=False)]),
    ],
)
def test_odd_chunks_do_not_matter(write, before, after):
    samples = np.arange(1001, dtype=np.int16)
    data = wav(pcm_format(), *before, chunk(b"data", samples.tobytes()), *after)
    got, _ = decode(write(data))
    np.testing.assert_array_equal(got[:, 0], samples / np.float32(32768))


def test_streamed_wav_with_unknown_length(write):
    samples = np.arange(1000, dtype=np.int16).tobytes()
    data = wav(pcm_format(), b"data\xff\xff\xff\xff" + samples, riff_size=0xFFFFFFFF)
    assert len(decode(write(data))[0]) == 1000


def damaged():
    good = encoded(tone())
    flac = encoded(tone(20000), "FLAC")
    nan = tone()
    nan[7] = np.nan
    inf = tone()
    inf[7] = -np.inf
    huge = good[:40] + struct.pack("<I", 0x7FFFFF00) + good[44:]
    return {
        "is empty": b"",
        "not a wav": b"this is a text file, whatever its name says",
        "is truncated": good[:-1000],
        "are promised": huge,
        "no samples": wav(pcm_format(), chunk(b"data", b"")),
        "cannot be decoded": good[:30],
        "NaN": encoded(nan, subtype="FLOAT"),
        "infinity": encoded(inf, subtype="FLOAT"),
        "impossible sample rate of 8 Hz": wav(pcm_format(rate=8), chunk(b"data", b"12")),
        "channels": wav(pcm_format(channels=200), chunk(b"data", bytes(400))),
        "decode": flac[: len(flac) // 2],
    }


@pytest.mark.parametrize("reason", damaged())
def test_damage_is_one_sentence_with_the_name(write, reason):
    path = write(damaged()[reason])
    with pytest.raises(AudioFileError) as caught:
        load(path, RATE, 1)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert reason in caught.value.reason and "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    for name, reason in [
        ("pipe.wav", "regular"),
        ("link.wav", "no such file"),
        ("x.wav", "no such file"),
        ("", "directory"),
        ("a\0b", "name"),
    ]:
        with pytest.raises(AudioFileError, match=reason):
            decode(os.path.join(tmp_path, name))


@pytest.mark.parametrize("length", [0x7FFFFFF0, 0xFFFFFFFF])
def test_a_small_file_can_not_claim_much_memory(write, length):
    data = b"data" + struct.pack("<I", length) + bytes(100)
    path = write(wav(pcm_format(channels=2), data))
    tracemalloc.start()
    try:
        with contextlib.suppress(AudioFileError):
            decode(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def mutate(data, rng):
    """Damage a file in one of the ways that disks, networks and programs do."""
    data = bytearray(data)
    where = rng.randrange(len(data))
    kind = rng.randrange(6)
    if kind == 0:
        del data[where:]
    elif kind == 1:
        for _ in range(rng.choice([1, 2, 8, 50])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        lies = [b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\1\0\0\0"]
        position = rng.randrange(min(len(data), 100))
        data[position : position + 4] = rng.choice(lies)
    elif kind == 3:
        name = rng.choice([b"LIST", b"fact", b"data", b"fmt ", b"cue ", b"smpl", b"PEAK", b"id3 "])
        size = rng.choice([0, 1, 3, 1000])
        lie = size if rng.random() < 0.7 else rng.getrandbits(32)
        data[where:where] = name + struct.pack("<I", lie) + rng.randbytes(size)
    elif kind == 4:
        data[where : where + 200] = data[rng.randrange(len(data)) :][:200]
    else:
        del data[where : where + rng.randrange(1, 200)]
    return bytes(data)


def test_mutated_files_decode_or_raise(tmp_path, capfd):
    rng = random.Random(2018)
    sound = np.random.default_rng(0).normal(0, 0.2, [1500, 2]).astype(np.float32)
    formats = [
        ("wav", "WAV", "PCM_U8"),
        ("wav", "WAV", "PCM_16"),
        ("wav", "WAV", "PCM_24"),
        ("wav", "WAV", "FLOAT"),
        ("wav", "WAVEX", "PCM_32"),
        ("wav", "RF64", "PCM_16"),
        ("wav", "WAV", "MS_ADPCM"),
        ("flac", "FLAC", "PCM_16"),
        ("flac", "FLAC", "PCM_24"),
        ("ogg", "OGG", "VORBIS"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
    ]
    seeds = [
        (extension, encoded(sound[:, :channels], container, subtype))
        for extension, container, subtype in formats
        for channels in (1, 2)
    ]
    decoded = 0
    for number in range(2500):
        extension, data = seeds[number % len(seeds)]
        path = tmp_path / f"x.{extension}"
        path.write_bytes(mutate(data, rng))
        try:
            waveform = load(path, RATE, 1)
        except AudioFileError as error:
            assert "\n" not in str(error) and str(path) in str(error)
            continue
        decoded += 1
        assert waveform.dtype == np.float32 and waveform.shape[1] == 1 and len(waveform)
        assert np.isfinite(waveform).all()
    assert 100 < decoded < 2400
    capfd.readouterr()  # The MP3 decoder comments on what it skips.


def test_load_converts_channels_and_rate(write):
    path = write(encoded(tone(44100, 2, 44100), rate=44100))
    mono = load(path, RATE, 1)
    assert mono.shape == (16000, 1)
    expected = np.mean(tone(16000, 2), axis=1, keepdims=True)
    assert np.abs(mono - expected)[1000:-1000].max() < 1e-3
    single = write(encoded(tone()), "b.wav")
    doubled = load(single, channels=2)
    np.testing.assert_array_equal(doubled[:, 0], doubled[:, 1])
    with pytest.raises(AudioFileError, match="has 2 channels, which cannot become 3"):
        load(path, channels=3)


def test_resampling_keeps_the_band_and_removes_what_is_above(write):
    low = files.resample(tone(48000, 1, 48000, 1000.0), 48000, RATE)
    assert np.abs(low - tone(16000, 1, RATE, 1000.0))[500:-500].max() < 1e-3
    high = files.resample(tone(48000, 1, 48000, 12000.0), 48000, RATE)
    assert np.abs(high[500:-500]).max() < 1e-3
    assert files.resample(low, RATE, RATE) is low
    with pytest.raises(ValueError, match="positive"):
        files.resample(low, 0, RATE)


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=50))
def test_export_clips_and_truncates(values):
    got = files.to_int16(np.array(values, np.float32))
    scaled = np.float32(32767) * np.array(values, np.float32)
    assert got.dtype == np.int16 and np.abs(got.astype(int)).max() <= 32767
    inside = np.abs(scaled) <= 32767
    np.testing.assert_array_equal(got[inside], np.trunc(scaled[inside]))
    assert (np.abs(got[~inside].astype(int)) == 32767).all()


def test_written_files_read_back(tmp_path):
    files.write_wav(tmp_path / "new" / "a.wav", tone(channels=2), RATE)
    got, rate = decode(tmp_path / "new" / "a.wav")
    assert rate == RATE
    np.testing.assert_allclose(got, tone(channels=2), atol=1e-4)
    assert len(decode_bytes(files.wav_bytes(tone()[:, 0], RATE), tmp_path)) == 2000


def decode_bytes(data, folder):
    (folder / "b.wav").write_bytes(data)
    return decode(folder / "b.wav")[0]


def test_find_audio(tmp_path):
    for name in [
        "b.WAV",
        "a/x.flac",
        "a/y.Mp3",
        "c.ogg",
        "notes.txt",
        ".hidden.wav",
        "._b.wav",
        ".git/z.wav",
    ]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "a" / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "broken.wav").symlink_to(tmp_path / "gone")
    found = [os.path.relpath(path, tmp_path) for path in find_audio(tmp_path)]
    assert found == ["a/x.flac", "a/y.Mp3", "b.WAV", "broken.wav", "c.ogg"]
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        find_audio(tmp_path / "missing")
    with pytest.raises(NotADirectoryError, match="is not a folder"):
        find_audio(tmp_path / "notes.txt")


def test_no_two_recordings_of_a_folder_have_one_name(tmp_path):
    def names(*files):
        for file in files:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
        return sorted(name for _, name in find_recordings(tmp_path))

    assert names("a.wav", "speaker/a.wav") == ["a", "speaker/a"]
    files = ["a.flac", "a.wav", "a.wav.flac", "speaker/a.wav"]
    assert names(*files) == files
    assert find_recordings(tmp_path / "a.wav") == [(str(tmp_path / "a.wav"), "a")]


def test_odd_names(tmp_path):
    for name in [b"caf\xe9.wav", "数字 ' \"%s\n.wav".encode()]:
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as file:
            file.write(encoded(tone()))
    paths = find_audio(tmp_path)
    assert [len(decode(path)[0]) for path in paths] == [2000, 2000]
