"""Mixtures beside their sources."""

import numpy as np
import pytest
import soundfile

from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.recognize import recognize_layout


def write_mixtures(folder, count, kinds=("mix", "s1", "s2"), first=0):
    """Write mixtures that are the sums of their sources; returns their folder."""
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        parts = {kind: rng.integers(-3000, 3000, 400 + number) for kind in kinds}
        for kind in kinds:
            if kind.startswith("mix"):
                parts[kind] = sum(p for name, p in parts.items() if not name.startswith("mix"))
            (folder / kind).mkdir(parents=True, exist_ok=True)
            path = folder / kind / f"{number:03d}.wav"
            soundfile.write(path, parts[kind].astype(np.int16), 16000)
    return folder


def check_sums(corpus, names):
    for split in corpus.splits.values():
        assert tuple(split.sources) == names and split.columns == ("sources",)
        for number in range(len(split)):
            parts = [store.waveform(number) for store in split.sources.values()]
            np.testing.assert_allclose(sum(parts), split.store.waveform(number), atol=1e-6)


def test_splits_of_wsj0_2mix(tmp_path):
    folder = tmp_path / "min"
    for place, (split, count) in enumerate((("tr", 5), ("cv", 2), ("tt", 3))):
        write_mixtures(folder / split, count, first=10 * place)
    corpus = open_corpus(folder, tmp_path / "cache", progress=False)
    assert corpus.layout == "mixtures" and "sources s1, s2" in corpus.description
    assert [len(part) for part in corpus.splits.values()] == [5, 2, 3]
    check_sums(corpus, ("s1", "s2"))


def test_a_flat_folder_has_files_held_out(tmp_path):
    corpus = open_corpus(
        write_mixtures(tmp_path / "flat", 22, ("mix", "s1", "s2", "s3")),
        tmp_path / "cache",
        progress=False,
    )
    assert [len(part) for part in corpus.splits.values()] == [20, 1, 1]
    check_sums(corpus, ("s1", "s2", "s3"))


@pytest.mark.parametrize(
    "kinds, sources",
    [
        (("mix_clean", "mix_both", "s1", "s2", "noise"), ("s1", "s2")),
        (("mix_both", "s1", "s2", "noise"), ("s1", "s2", "noise")),
        (("mix_single", "s1", "noise"), ("s1", "noise")),
    ],
)
def test_kinds_of_librimix(tmp_path, kinds, sources):
    folder = tmp_path / "wav16k"
    for place, split in enumerate(("train-100", "train-360", "dev", "test")):
        write_mixtures(folder / split, 2, kinds, first=10 * place)
    layout = recognize_layout(folder)
    assert layout.title == f"mixtures ({kinds[0]}) with their sources"
    assert layout.counts() == {"sources": dict.fromkeys(sources, 8)}
    corpus = open_corpus(folder, tmp_path / "cache", progress=False)
    assert [len(part) for part in corpus.splits.values()] == [4, 2, 2]
    assert tuple(corpus.splits["train"].sources) == sources
    if kinds[0] != "mix_clean":
        check_sums(corpus, sources)


def test_what_lacks_a_source_is_left_out(tmp_path):
    folder = write_mixtures(tmp_path / "flat", 8)
    (folder / "s2" / "003.wav").unlink()
    (folder / "s1" / "005.wav").write_bytes(b"")
    corpus = open_corpus(folder, tmp_path / "cache", progress=False)
    names = [name for part in corpus.splits.values() for name in part.store.names]
    assert sorted(names) == [f"mix/00{n}.wav" for n in (0, 1, 2, 4, 6, 7)]
    check_sums(corpus, ("s1", "s2"))


def test_sources_belong_to_the_fingerprint(tmp_path):
    folder = write_mixtures(tmp_path / "flat", 8)
    first = open_corpus(folder, tmp_path / "cache", progress=False).splits["train"]
    soundfile.write(folder / "s1" / "000.wav", np.zeros(400), 16000)
    second = open_corpus(folder, tmp_path / "cache", progress=False).splits["train"]
    assert first.store.hashes == second.store.hashes and first.fingerprint != second.fingerprint


def test_two_versions_are_too_many(tmp_path):
    for version in ("wav8k", "wav16k"):
        write_mixtures(tmp_path / version / "min" / "tr", 2)
    with pytest.raises(ValueError, match="several sets of mixtures .wav16k/min, wav8k/min.; give"):
        recognize_layout(tmp_path)


def test_a_folder_called_mix_is_not_enough(tmp_path):
    write_mixtures(tmp_path, 3, ("mix", "other"))
    assert recognize_layout(tmp_path).key == "folder"
