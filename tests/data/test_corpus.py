"""Splits: columns, parts of them, and fingerprints that find earlier results again."""

import dataclasses

import numpy as np
import pytest

from tests.data.layouts import tiny_corpora
from tfwave.data.corpus import Split, open_corpus, speaker_number
from tfwave.data.store import store_of


@pytest.fixture
def split(tmp_path):
    """Two recordings with labels."""

    def make():
        yield np.arange(5, dtype=np.float32)[:, None] / 8
        yield np.ones([3, 1], np.float32)

    names = ["a.wav", "b/c.wav"]
    store = store_of(make, names, tmp_path, "key", 16000, "x", progress=False)
    return Split(store, label=np.array([3, 1], np.int32))


def changed(split, **columns):
    return dataclasses.replace(split, **columns).fingerprint


def test_fingerprints_stay_those_of_earlier_results(split):
    assert split.fingerprint == "6eb7e3e777afe43716142890b8c13d89"
    assert changed(split, label=None) == "c4b875fe632de125da8e0cfcc49ef5a4"
    assert changed(split, label=None, speaker=np.array([3, 1])) == split.fingerprint
    # What texts and segmentations say was never part of it.
    texts = {"text": ("x", None), "phonemes": (np.zeros([0, 3]), np.zeros([0, 3]))}
    assert changed(split, **texts) == split.fingerprint


@pytest.mark.parametrize(
    "column", ["speaker", "pitch", "instrument", "velocity", "domain", "qualities"]
)
def test_other_numbers_are_another_fingerprint(split, column):
    values = np.array([[0, 1], [1, 1]]) if column == "qualities" else np.array([0, 1])
    first = changed(split, **{column: values})
    assert len({first, split.fingerprint, changed(split, **{column: 1 - values})}) == 3


def test_a_subset_has_all_columns(split):
    whole = dataclasses.replace(
        split,
        text=("one", "two"),
        phonemes=(np.array([[0, 5, 1]]), np.array([[0, 3, 2]])),
        qualities=np.array([[0, 1], [1, 1]]),
        sources={"s1": split.store, "s2": split.store},
    )
    assert whole.columns == ("label", "text", "phonemes", "qualities", "sources")
    part = whole.subset([1])
    assert len(part) == 1 and part.columns == whole.columns
    assert part.store.names == ("b/c.wav",) and part.label.tolist() == [1]
    assert part.text == ("two",) and part.phonemes[0].tolist() == [[0, 3, 2]]
    assert part.qualities.tolist() == [[1, 1]]
    assert {store.names for store in part.sources.values()} == {("b/c.wav",)}
    assert len(whole.subset([])) == 0


def test_options_reach_the_store(tmp_path):
    tiny_corpora.free_spoken_digits(tmp_path / "corpus")
    options = {"channels": 2, "normalize": True, "progress": False}
    corpus = open_corpus(tmp_path / "corpus", tmp_path / "cache", 8000, **options)
    store = corpus.splits["train"].store
    assert (corpus.sample_rate, store.sample_rate, store.channels) == (8000, 8000, 2)
    assert store.normalize and np.abs(store.waveform(0)).max() == 1
    plain = open_corpus(tmp_path / "corpus", tmp_path / "cache", progress=False)
    assert plain.splits["train"].fingerprint != corpus.splits["train"].fingerprint


def test_a_speaker_is_found_by_name():
    assert speaker_number(("p225", "p226"), "p226") == 1
    with pytest.raises(ValueError, match="no speaker 'p9' among the 2 known: p225, p226"):
        speaker_number(("p225", "p226"), "p9")
    with pytest.raises(ValueError, match="does not tell speakers apart"):
        speaker_number((), "p9")
