"""Stores: right content, found again, never half built."""

import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tfwave.audio.files import AudioFileError, load, write_wav
from tfwave.data import store as store_module
from tfwave.data.corpus import Split
from tfwave.data.store import build_store, store_of

LENGTHS = {"b/two.wav": 2000, "a/one.wav": 1000, "c.wav": 300}


def paths_of(folder):
    return [os.path.join(folder, name) for name in LENGTHS]


def build(folder, cache, **options):
    return build_store(paths_of(folder), cache, progress=False, **options)


def fingerprint(store):
    return Split(store).fingerprint


def test_holds_every_file_in_order(write_tones, tmp_path):
    folder = write_tones(LENGTHS)
    store = build(folder, tmp_path / "cache")
    assert store.names == tuple(LENGTHS) and len(store) == 3
    np.testing.assert_array_equal(store.lengths, list(LENGTHS.values()))
    np.testing.assert_array_equal(store.kept, [0, 1, 2])
    assert store.lengths.dtype == np.int64 and len(set(store.hashes)) == 3
    assert (store.sample_rate, store.channels, store.bad) == (16000, 1, ())
    for number, path in enumerate(paths_of(folder)):
        np.testing.assert_array_equal(store.waveform(number), load(path))
    with pytest.raises(IndexError):
        store.waveform(3)
    with pytest.raises(ValueError, match="read-only"):
        store.waveform(0)[0] = 1


def test_is_decoded_once(write_tones, tmp_path, monkeypatch):
    folder = write_tones(LENGTHS)
    first = build(folder, tmp_path / "cache")
    monkeypatch.setattr(store_module.audio_files, "load", None)
    again = build(folder, tmp_path / "cache")
    assert again.folder == first.folder and fingerprint(again) == fingerprint(first)


@pytest.mark.parametrize("options", [{"sample_rate": 8000}, {"channels": 2}, {"normalize": True}])
def test_other_options_are_another_store(write_tones, tmp_path, options):
    folder = write_tones(LENGTHS)
    plain = build(folder, tmp_path / "cache")
    other = build(folder, tmp_path / "cache", **options)
    assert fingerprint(other) != fingerprint(plain)
    for name, value in options.items():
        assert getattr(other, name) == value
    if "normalize" in options:
        assert all(np.abs(other.waveform(n)).max() == 1 for n in range(3))
        assert not any(np.abs(plain.waveform(n)).max() == 1 for n in range(3))


def test_changed_file_is_decoded_again_and_equal_content_has_equal_fingerprint(
    write_tones, tmp_path
):
    folder = write_tones(LENGTHS)
    first = build(folder, tmp_path / "cache")
    moved = write_tones(LENGTHS, "elsewhere")
    assert fingerprint(build(moved, tmp_path / "cache2")) == fingerprint(first)
    write_wav(folder / "c.wav", np.zeros(300, np.float32), 16000)
    changed = build(folder, tmp_path / "cache")
    assert fingerprint(changed) != fingerprint(first)
    assert not changed.waveform(2).any()


def test_normalizing_keeps_silence():
    silence = np.zeros([10, 2], np.float32)
    np.testing.assert_array_equal(store_module.peak_normalize(silence), silence)


def test_bad_files_are_left_out_and_named(write_tones, tmp_path, caplog):
    folder = write_tones(LENGTHS)
    for number in range(30):
        (folder / f"x{number:02d}.wav").write_bytes(b"RIFF nonsense")
    paths = paths_of(folder)
    paths[1:1] = [str(folder / f"x{number:02d}.wav") for number in range(30)]
    with caplog.at_level(logging.WARNING):
        store = build_store(paths, tmp_path / "cache", progress=False)
    np.testing.assert_array_equal(store.kept, [0, 31, 32])
    assert len(store.bad) == 30 and store.bad[0][0].endswith("x00.wav")
    messages = [record.getMessage() for record in caplog.records]
    assert sum(".wav: " in message for message in messages) == 20
    assert messages[-1] == "30 of 33 audio files cannot be decoded and are left out"
    for cache in ("cache", "fresh"):
        with pytest.raises(AudioFileError, match=r"x00\.wav: cannot be decoded"):
            build_store(paths, tmp_path / cache, strict=True, progress=False)
    assert os.listdir(tmp_path / "fresh") == [".lock"]


def test_nothing_to_decode_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="no audio files"):
        build_store([], tmp_path)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(ValueError, match=r"none of the 1 audio files.*a\.wav: is empty"):
        build_store([tmp_path / "a.wav"], tmp_path / "cache", progress=False)


def test_cache_dir_that_is_a_file(write_tones, tmp_path):
    folder = write_tones(LENGTHS)
    (tmp_path / "cache").write_text("")
    with pytest.raises(OSError, match="cache"):
        build(folder, tmp_path / "cache")


@pytest.mark.parametrize("damage", ["truncate", "index", "missing"])
def test_damaged_store_is_built_again(write_tones, tmp_path, damage):
    folder = write_tones(LENGTHS)
    first = build(folder, tmp_path / "cache")
    if damage == "truncate":
        os.truncate(os.path.join(first.folder, "samples.f32"), 100)
    elif damage == "index":
        pathlib.Path(first.folder, "index.json").write_text('{"names": [')
    else:
        os.unlink(os.path.join(first.folder, "samples.f32"))
    again = build(folder, tmp_path / "cache")
    assert fingerprint(again) == fingerprint(first)
    np.testing.assert_array_equal(again.waveform(2), load(folder / "c.wav"))


def test_interrupted_build_leaves_nothing_and_failure_cleans_up(tmp_path):
    def fail():
        yield np.zeros([10, 1], np.float32)
        raise OSError(28, "No space left on device")

    arguments = (["a", "b"], tmp_path / "cache", "key", 16000, "making")
    with pytest.raises(OSError, match="No space left.*cache"):
        store_of(fail, *arguments, progress=False)
    with pytest.raises(OSError, match="only 1 of 2"):
        store_of(lambda: iter([np.zeros([1, 1])]), *arguments, progress=False)
    assert os.listdir(tmp_path / "cache") == [".lock"]


def test_killed_build_is_swept_up(tmp_path, root):
    code = (
        "import numpy as np, sys, time\n"
        "from tfwave.data.store import store_of\n"
        "def slow():\n"
        "    yield np.zeros([1000, 1], np.float32)\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "store_of(slow, ['a', 'b'], sys.argv[1], 'key', 16000, 'x', progress=False)\n"
    )
    cache = tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", code, cache],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert any(name.startswith(".audio-") for name in os.listdir(cache))
    store = store_of(
        lambda: iter([np.ones([3, 1]), np.ones([4, 1])]),
        ["a", "b"],
        cache,
        "another key",
        16000,
        "x",
        progress=False,
    )
    assert list(store.lengths) == [3, 4]
    assert sorted(os.listdir(cache)) == [".lock", os.path.basename(store.folder)]


def test_two_builders_at_once_build_once(tmp_path):
    calls, results = [], []

    def make():
        calls.append(1)
        yield np.ones([5, 1], np.float32)

    def work():
        results.append(store_of(make, ["a"], tmp_path, "key", 16000, "x", progress=False))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and len({fingerprint(store) for store in results}) == 1


def test_subsets_share_samples_and_have_their_own_fingerprint(write_tones, tmp_path):
    store = build(write_tones(LENGTHS), tmp_path / "cache")
    part = store.subset([2, 0])
    assert part.names == ("c.wav", "b/two.wav") and list(part.kept) == [2, 0]
    np.testing.assert_array_equal(part.waveform(0), store.waveform(2))
    assert part.subset([1]).names == ("b/two.wav",)
    assert fingerprint(part) != fingerprint(store)
    assert fingerprint(store.subset([0, 1, 2])) == fingerprint(store)


def test_names_that_are_not_unicode(write_tones, tmp_path):
    folder = write_tones({"c.wav": 300})
    odd = os.path.join(os.fsencode(folder), b"caf\xe9.wav")
    os.rename(folder / "c.wav", odd)
    store = build_store([os.fsdecode(odd)], tmp_path / "cache", progress=False)
    assert store.names == (os.fsdecode(b"caf\xe9.wav"),) and len(fingerprint(store)) == 32
