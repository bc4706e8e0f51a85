"""Folders of domains: trainA, trainB, ... and train/DOMAIN, test/DOMAIN."""

import pytest

from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.recognize import SPEECH, recognize_layout


@pytest.mark.parametrize("first, second", [("trainA", "trainB"), ("train_a", "Train-b")])
def test_pairs_of_domains(write_tones, tmp_path, first, second):
    files = {f"{folder}/{n}.wav": 500 for folder in (first, second) for n in range(4)}
    files |= {"testA/9.wav": 500, "testB/9.wav": 500, "valB/9.wav": 500, "other/0.wav": 500}
    corpus = open_corpus(write_tones(files), tmp_path / "cache", progress=False)
    assert corpus.layout == "paired_domains" and corpus.domains == ("A", "B")
    assert corpus.splits["train"].columns == ("domain",)
    assert sorted(corpus.splits["train"].domain) == [0] * 4 + [1] * 4
    assert corpus.splits["valid"].domain.tolist() == [1]
    assert "2 domains; 1 other audio files are not used" in corpus.description


def test_one_domain_is_none(write_tones):
    files = {f"trainA/{n}.wav": 500 for n in range(3)} | {"testB/1.wav": 500}
    assert recognize_layout(write_tones(files)).key == "folder"


def test_folders_of_a_split_are_domains_and_speakers(write_tones, tmp_path):
    files = {f"train/{name}/{n}.wav": 500 for name in ("horse", "zebra", "mule") for n in range(4)}
    files |= {"test/mule/9.wav": 500, "test/zebra/9.wav": 500}
    folder = write_tones(files)
    corpus = open_corpus(folder, tmp_path / "cache", progress=False)
    assert corpus.domains == corpus.speakers == ("horse", "mule", "zebra")
    assert corpus.splits["test"].domain.tolist() == [1, 2]
    assert "3 speakers" in corpus.description and "domains" not in corpus.description
    # Result folders of tables of speech are found again by this.
    speech = open_corpus(folder, tmp_path / "cache", progress=False, layouts=SPEECH)
    assert speech.splits["train"].fingerprint == corpus.splits["train"].fingerprint
