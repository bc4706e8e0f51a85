"""Built-in sentences: repeatable, disjoint, with labels that fit the sound."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tfwave.data.builtin import digits, sentences
from tfwave.data.builtin.sentences import (
    PHONEMES,
    TRAIN_VOICES,
    VOICES,
    plan,
    read_sentences,
    split_of,
)

SIZES = {"train": 24, "valid": 6, "test": 6}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("sentences")


@pytest.fixture(scope="module")
def corpus(cache):
    return read_sentences(cache, seed=1, sizes=SIZES, progress=False)


def test_corpus_is_what_it_says(corpus):
    assert corpus.synthetic and "synthetic" in corpus.description
    assert {split: len(part) for split, part in corpus.splits.items()} == SIZES
    assert corpus.sample_rate == 16000 and corpus.speakers == TRAIN_VOICES[:4]
    assert len(set(corpus.phonemes)) == len(corpus.phonemes) == 48
    for part in corpus.splits.values():
        assert part.columns == ("speaker", "text", "phonemes") and all(part.text)
        assert part.store.lengths.min() > 16000 and part.store.lengths.max() < 6 * 16000
        for number, name in enumerate(part.store.names):
            assert name.split("_")[-1] == corpus.speakers[part.speaker[number]]
            assert 0.02 < np.abs(part.store.waveform(number)).max() <= 1.0
    assert set(corpus.splits["train"].speaker) == {0, 1, 2, 3}


def test_segments_cover_each_clip_without_gaps(corpus):
    for part in corpus.splits.values():
        for number, rows in enumerate(part.phonemes):
            assert rows.dtype == np.int64 and rows[0, 0] == 0
            np.testing.assert_array_equal(rows[1:, 0], rows[:-1, 1])
            assert abs(rows[-1, 1] - part.store.lengths[number]) <= 2
            assert (rows[:, 1] > rows[:, 0]).all() and rows[:, 2].max() < len(PHONEMES)


def test_labels_fit_the_sound(corpus):
    train, crossings, levels = corpus.splits["train"], {}, {}
    for number, rows in enumerate(train.phonemes):
        waveform = train.store.waveform(number)[:, 0]
        for start, stop, phoneme in rows:
            piece = waveform[start:stop]
            crossings.setdefault(PHONEMES[phoneme], []).append(np.mean(piece[1:] * piece[:-1] < 0))
            levels.setdefault(PHONEMES[phoneme], []).append(np.sqrt(np.mean(piece**2)))
    mean = {phoneme: np.mean(values) for phoneme, values in crossings.items()}
    assert min(mean["s"], mean["S"]) > 1.5 * max(mean["m"], mean["u:"], mean["oU"], mean["I"])
    assert np.mean(levels["sil"]) < 0.01 < 0.05 < np.mean(levels["aI"])


def test_sentences_and_where_asked_voices_are_disjoint(cache):
    corpus = read_sentences(cache, seed=2, sizes=SIZES, held_out_voices=True, progress=False)
    used = {split: set(part.speaker) for split, part in corpus.splits.items()}
    assert not used["train"] & (used["valid"] | used["test"])
    assert not used["valid"] & used["test"]
    texts = {split: {plan(2, split, n, TRAIN_VOICES).text for n in range(60)} for split in VOICES}
    assert len(set.union(*texts.values())) == 180
    for split, part in texts.items():
        assert all(split_of(text.rstrip(".")) == split for text in part)
    assert "other voices" in corpus.description


def test_voices_belong_to_the_splits_of_the_digits():
    assert set(TRAIN_VOICES) <= set(digits.VARIANTS["train"])
    for split, voices in VOICES.items():
        assert set(voices) <= set(digits.VARIANTS[split]) and len(set(voices)) == len(voices)


def test_a_sentence_is_the_same_alone_and_after_others(corpus):
    train = corpus.splits["train"]
    with sentences.SentenceReader() as reader:
        for number in (7, 3, 7):
            samples, segments = reader.read(plan(1, "train", number, corpus.speakers))
            assert len(segments) == len(train.phonemes[number])
            alone = sentences.resample(samples.astype(np.float32) / 32768, 22050, 16000)
            np.testing.assert_array_equal(alone, train.store.waveform(number)[:, 0])


def test_second_call_speaks_nothing_and_seeds_differ(corpus, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sentences, "run_workers", None)
        again = read_sentences(cache, seed=1, sizes=SIZES, progress=False)
    for split, part in again.splits.items():
        assert part.fingerprint == corpus.splits[split].fingerprint
        for one, other in zip(part.phonemes, corpus.splits[split].phonemes, strict=True):
            np.testing.assert_array_equal(one, other)
    other = read_sentences(cache, 9, {"train": 2, "valid": 1, "test": 1}, progress=False)
    assert other.splits["valid"].fingerprint != corpus.splits["valid"].fingerprint


def test_labels_that_were_removed_are_made_again(tmp_path):
    small = {"train": 2, "valid": 1, "test": 1}
    first = read_sentences(tmp_path, 1, small, progress=False).splits["train"]
    (labels,) = tmp_path.glob("phonemes-*.json")
    labels.unlink()
    again = read_sentences(tmp_path, 1, small, progress=False).splits["train"]
    np.testing.assert_array_equal(again.phonemes[1], first.phonemes[1])


def test_another_rate_scales_the_labels(corpus, cache):
    small = {"train": 2, "valid": 1, "test": 1}
    eight = read_sentences(cache, 1, small, sample_rate=8000, progress=False).splits["train"]
    sixteen = corpus.splits["train"]
    assert abs(2 * eight.store.lengths[0] - sixteen.store.lengths[0]) <= 2
    assert np.abs(2 * eight.phonemes[0][:, :2] - sixteen.phonemes[0][:, :2]).max() <= 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({"seed": -1}, "seed"),
        ({"sizes": {"train": 1}}, "sizes"),
        ({"speakers": 0}, "speakers"),
        ({"speakers": 21}, "speakers"),
        ({"sample_rate": 100}, "sample_rate"),
    ],
)
def test_illegal_values_are_named(cache, options, message):
    with pytest.raises(ValueError, match=message):
        read_sentences(cache, **options)


def test_workers_do_not_import_tensorflow(tmp_path, root):
    code = (
        "import sys; from tfwave.data.builtin.sentences import read_sentences\n"
        "read_sentences(sys.argv[1], sizes=dict(train=1, valid=1, test=1), progress=False)\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stdout == "False False\n", done.stderr
