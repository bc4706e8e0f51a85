"""Labels by time warping: cheapest paths, known warps, other voices, recordings, the cache."""

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfwave.data import alignment
from tfwave.data.alignment import HOP, RATE, align, cepstra, label_sentences, warp
from tfwave.data.builtin import espeak
from tfwave.data.builtin.espeak import ENGINE_RATE
from tfwave.data.builtin.sentences import PHONEMES, Sentence, SentenceReader, resample
from tfwave.data.corpus import open_corpus

TEXTS = (
    "The quiet fox watches seven shiny bridges, near the river.",
    "A judge sells 1455 old books.",
    'He\'s "seen" the Dr. at 4:30.',
)
COSTS = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 9)
)


@functools.lru_cache
def read(text, voice="m1", pitch=50, rate=175):
    """Return (float32 waveform at RATE, segmentation)."""
    with SentenceReader() as reader:
        samples, spoken = reader.read(Sentence(text, voice, pitch, rate))
    scale = RATE / ENGINE_RATE
    rows = [[round(a * scale), round(b * scale), PHONEMES.index(name)] for a, b, name in spoken]
    return resample(samples.astype(np.float32) / 32768, ENGINE_RATE, RATE), np.array(rows)


def errors(found, true):
    """Return the distances in seconds of the starts of phonemes; pauses are not counted."""
    found, true = found[found[:, 2] > 0], true[true[:, 2] > 0]
    np.testing.assert_array_equal(found[:, 2], true[:, 2])
    return np.abs(found[:, 0] - true[:, 0]) / RATE


def covers(segments, length):
    assert segments.dtype == np.int64 and segments[0, 0] == 0 and segments[-1, 1] == length
    np.testing.assert_array_equal(segments[1:, 0], segments[:-1, 1])
    assert (segments[:, 1] > segments[:, 0]).all()


def cheapest(cost):
    """The cost of the cheapest path, cell after cell."""
    total = {(-1, -1): -cost[0, 0]}  # the first cell counts once
    for place in np.ndindex(cost.shape):
        row, column = place
        near = [
            total[place] + weight * cost[row, column]
            for place, weight in (
                ((row - 1, column), 1),
                ((row, column - 1), 1),
                ((row - 1, column - 1), 2),
            )
            if place in total
        ]
        total[row, column] = min(near)
    return total[row, column]


@settings(max_examples=80)
@given(cost=COSTS)
def test_a_path_is_monotone_end_to_end_and_the_cheapest(cost):
    path = warp(cost)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [n - 1 for n in cost.shape]
    steps = np.diff(path, axis=0)
    assert (steps >= 0).all() and (steps <= 1).all() and (steps.sum(axis=1) > 0).all()
    weights = np.concatenate([[1], steps.sum(axis=1)])
    assert (weights * cost[tuple(path.T)]).sum() == cheapest(cost)


@settings(max_examples=30)
@given(repeats=st.lists(st.integers(1, 5), min_size=1, max_size=40), seed=st.integers(0, 99))
def test_a_stretched_copy_is_followed_exactly(repeats, seed):
    frames = np.random.default_rng(seed).normal(size=[len(repeats), 3])
    stretched = np.repeat(frames, repeats, axis=0)
    path = warp(np.linalg.norm(frames[:, np.newaxis] - stretched, axis=2))
    expected = np.repeat(np.arange(len(repeats)), repeats)
    np.testing.assert_array_equal(path, np.stack([expected, np.arange(len(expected))], axis=1))


@settings(max_examples=6)
@given(depth=st.floats(-0.25, 0.25), speed=st.floats(0.85, 1.2), gain=st.floats(0.05, 1.0))
def test_a_sentence_under_a_known_warp_is_labelled_in_time(depth, speed, gain):
    waveform, true = read(TEXTS[0])
    length = int(len(waveform) / speed)
    # Slower than read in one half, faster in the other.
    phase = np.arange(length) / length
    places = (phase + depth * np.sin(2 * np.pi * phase) / (2 * np.pi)) * (len(waveform) - 1)
    recording = gain * np.interp(places, np.arange(len(waveform)), waveform).astype(np.float32)
    bounds = np.interp(true[:, :2], places, np.arange(length))
    found = align(recording, waveform, true)
    covers(found, length)
    assert errors(found, np.column_stack([bounds, true[:, 2]])).mean() < 0.03


@pytest.mark.parametrize("voice", [("f1", 70, 150), ("Andrea", 60, 140), ("m4", 30, 210)])
def test_another_voice_is_labelled_in_time(voice):
    waveform, true = read(TEXTS[0], *voice)
    # In a room with noise, with silence before and after.
    before, after = RATE // 2, RATE // 4
    noise = np.random.default_rng(0).normal(0, 3e-4, before + len(waveform) + after)
    recording = (np.pad(waveform, (before, after)) + noise).astype(np.float32)
    found = align(recording, *read(TEXTS[0]))
    covers(found, len(recording))
    true[:, :2] += before
    assert errors(found, true).mean() < 0.02
    assert PHONEMES[found[0, 2]] == PHONEMES[found[-1, 2]] == "sil"
    assert abs(found[0, 1] - true[1, 0]) < 0.05 * RATE


def test_pauses_are_those_of_the_recording():
    reading, labels = read("One, two.")
    assert "sil" in [PHONEMES[n] for n in labels[1:-1, 2]]
    recording, true = read("One two.")
    found = align(recording, reading, labels)
    assert [PHONEMES[n] for n in found[:, 2] if n] == [PHONEMES[n] for n in true[:, 2] if n]
    assert 0 not in found[1:-1, 2]
    # The other way round, with a pause that eSpeak does not know.
    found = align(reading, recording, true)
    covers(found, len(reading))
    assert [PHONEMES[n] for n in found[1:-1, 2]] == ["V", "n", "sil", "t", "u:"][: len(found) - 2]
    pause = labels[labels[:, 2] == 0][0]
    assert np.abs(found[found[:, 2] == 0][0, :2] - pause[:2]).max() < 0.04 * RATE


@settings(max_examples=50)
@given(lengths=st.lists(st.integers(20, 60), min_size=1, max_size=5), ends=st.booleans())
def test_pauses_are_found(lengths, ends):
    rng, wanted, levels = np.random.default_rng(0), [], []
    for number, length in enumerate(lengths):
        quiet = number % 2 == int(ends)
        if quiet:
            wanted.append((len(levels), len(levels) + length))
        levels.extend([1e-3 if quiet else 0.2] * length)
    waveform = np.repeat(levels, HOP) * rng.normal(size=HOP * len(levels))
    found = alignment.find_pauses(waveform.astype(np.float32))
    assert found == (wanted if len(wanted) < len(lengths) else [])


def test_features_do_not_depend_on_the_level():
    waveform, _ = read(TEXTS[1])
    loud = cepstra(waveform)
    assert loud.shape == (len(waveform) // HOP, 26)
    np.testing.assert_allclose(cepstra(waveform / 16), loud, atol=1e-3)
    assert np.isfinite(cepstra(np.zeros(HOP, np.float32))).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """LJSpeech's layout at 22.05 kHz: eight sentences by another voice, two without transcripts."""
    folder, lines = tmp_path_factory.mktemp("lj"), []
    (folder / "wavs").mkdir()
    for number in range(8):
        waveform, _ = read(TEXTS[number % 3], "f1", 60, 160 + number)
        name = f"LJ{number}"
        soundfile.write(folder / f"wavs/{name}.wav", resample(waveform, RATE, 22050), 22050)
        lines.append(f"{name}|1455 {{|{TEXTS[number % 3]}")
    lines[3], lines[4] = "LJ3|...|\x00 \udcff ,", "LJ4"
    lines[5] = f"LJ5|{TEXTS[2]}| "
    lines += ["", "|||", "LJ9|Not there.|Not there.", "a\x00b|c|d|e"]
    text = "\ufeff" + "\n".join(lines)
    (folder / "metadata.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def test_transcripts_are_read_and_held_out_first(folder, tmp_path):
    corpus = open_corpus(folder, tmp_path, RATE, progress=False)
    assert corpus.layout == "ljspeech"
    texts = {}
    for part in corpus.splits.values():
        names = [os.path.basename(name)[:3] for name in part.store.names]
        texts.update(zip(names, part.text, strict=True))
    assert texts == {**{f"LJ{n}": TEXTS[n % 3] for n in range(8)}, "LJ3": None, "LJ4": None}
    assert all(corpus.splits["valid"].text) and all(corpus.splits["test"].text)


def test_a_corpus_is_labelled_once(folder, tmp_path, caplog, monkeypatch):
    corpus = open_corpus(folder, tmp_path, RATE, progress=False)
    assert corpus.phonemes == () and corpus.splits["train"].phonemes is None
    labelled = label_sentences(corpus, tmp_path, progress=False)
    assert labelled.phonemes == PHONEMES
    assert "2 of 8 recordings are without a transcript" in caplog.text
    assert "wavs/LJ3.wav, wavs/LJ4.wav" in caplog.text
    distances = []
    for part in labelled.splits.values():
        for name, length, rows in zip(
            part.store.names, part.store.lengths, part.phonemes, strict=True
        ):
            number = int(name[-5])
            if number in (3, 4):
                assert rows.shape == (0, 3)
                continue
            covers(rows, length)
            _, true = read(TEXTS[number % 3], "f1", 60, 160 + number)
            distances.extend(errors(rows, true))
    assert np.mean(distances) < 0.02
    monkeypatch.setattr(espeak, "run_workers", None)
    again = label_sentences(corpus, tmp_path, progress=False)
    for split, part in again.splits.items():
        for one, other in zip(part.phonemes, labelled.splits[split].phonemes, strict=True):
            np.testing.assert_array_equal(one, other)


def test_what_does_not_fit_is_named(tmp_path, caplog):
    texts = ("A long sentence that nobody has read to the end here.", "!?", "\u6771\u4eac")
    for number in range(len(texts)):
        samples = np.full(1600, 0.1) * (-1) ** np.arange(1600)
        soundfile.write(tmp_path / f"{number}.wav", samples, RATE)
    lines = [f"{number}|{text}" for number, text in enumerate(texts)]
    (tmp_path / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    corpus = open_corpus(tmp_path, tmp_path / "cache", RATE, progress=False)
    with pytest.raises(ValueError, match="not one of the 3 recordings can be labelled.*too short"):
        label_sentences(corpus, tmp_path / "cache", progress=False)
    assert "too short for their transcripts and have no phoneme labels: 0.wav" in caplog.text
    assert "without a transcript and have no phoneme labels: 1.wav" in caplog.text


def test_recordings_are_labelled_sensibly(root, tmp_path):
    folder = root.parent / "shared" / "data" / "ljspeech_mini"
    if not folder.is_dir():
        pytest.skip(f"recordings are not there: {folder}")
    corpus = open_corpus(folder, tmp_path, RATE, progress=False)
    corpus = label_sentences(corpus, tmp_path, progress=False)
    crossings, levels, labelled = {}, {}, 0
    for part in corpus.splits.values():
        for number, rows in enumerate(part.phonemes):
            waveform = part.store.waveform(number)[:, 0]
            labelled += len(rows) > 0
            for start, stop, phoneme in rows:
                piece, name = waveform[start:stop], PHONEMES[phoneme]
                if len(piece) < HOP:
                    continue
                crossings.setdefault(name, []).append(np.mean(piece[1:] * piece[:-1] < 0))
                levels.setdefault(name, []).append(np.sqrt(np.mean(piece**2)))
    assert labelled == 8 and all(len(part.phonemes[0]) for part in list(corpus.splits.values())[1:])
    vowels = np.concatenate([crossings[name] for name in ("I", "@", "E", "i:", "eI", "aI")])
    hisses = np.concatenate([crossings[name] for name in ("s", "S", "z", "tS")])
    # Far more regular than chance: 0.5 means that the labels know nothing of the sound.
    assert np.mean(hisses[:, np.newaxis] > vowels) > 0.9
    assert np.median(levels["sil"]) < 0.2 * np.median(levels["aI"])


def test_workers_do_not_import_tensorflow(root):
    code = "import sys, tfwave.data.alignment; print('tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout == "False\n", done.stderr


def test_unknown_sounds_are_a_reason(monkeypatch):
    class Reader:
        def read(self, _):
            return np.zeros(2000, np.int16), [(0, 1000, "sil"), (1000, 2000, "R")]

    reason = alignment._label(Reader(), alignment.Transcript("", "a", "rue"), None, 0)
    assert reason == "transcribed with sounds that are not English (R)"
    assert json.loads(json.dumps(reason)) == reason
