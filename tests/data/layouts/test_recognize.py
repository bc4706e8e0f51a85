"""One function opens every layout and says which it took."""

import dataclasses

import numpy as np
import pytest

from tests.data.layouts.tiny_corpora import LENGTH, TINY
from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.layout import HoldOut, Layout, Recording
from tfwave.data.layouts.recognize import (
    CLIPS,
    LAYOUTS,
    SPEECH,
    assign_splits,
    divide_by_speakers,
    recognize_layout,
)

COLUMNS = {
    "labels": "label",
    "speakers": "speaker",
    "instruments": "instrument",
    "pitches": "pitch",
    "velocities": "velocity",
    "domains": "domain",
    "texts": "text",
}


@pytest.mark.parametrize("key", TINY)
def test_every_layout_opens_through_one_function(tmp_path, key):
    write, sizes, columns = TINY[key]
    write(tmp_path / "corpus")
    corpus = open_corpus(tmp_path / "corpus", tmp_path / "cache", progress=False)
    assert corpus.layout == key and corpus.name == "corpus" and not corpus.synthetic
    splits = corpus.splits
    assert tuple(len(splits[split]) for split in ("train", "valid", "test")) == sizes
    counted = {**columns, **({"qualities": {"bright": 5}} if key == "nsynth" else {})}
    for split in splits.values():
        assert {COLUMNS.get(name, name) for name in counted} == set(split.columns)
        assert set(split.store.lengths) == {LENGTH}
        for column in split.columns:
            if column != "sources":
                assert len(getattr(split, column)) == len(split)
    together = {
        "labels": ("label", corpus.classes),
        "speakers": ("speaker", corpus.speakers),
        "instruments": ("instrument", corpus.instruments),
        "domains": ("domain", corpus.domains),
    }
    for name in columns.keys() & together.keys():
        column, names = together[name]
        numbers = np.concatenate([getattr(split, column) for split in splits.values()])
        for value, count in columns[name].items():
            assert np.sum(numbers == names.index(value)) == count
    assert recognize_layout(tmp_path / "corpus").counts().items() >= columns.items()


def test_every_layout_has_a_tiny_folder():
    known = {look.__name__ for look in LAYOUTS}
    keys = set(TINY) - {"split_folders", "folder"} | {"speech_folder"}
    assert known == keys


@pytest.mark.parametrize("key", TINY)
def test_tables_of_clips_and_of_speech_see_less(tmp_path, key):
    TINY[key][0](tmp_path)
    clips, speech = (recognize_layout(tmp_path, layouts) for layouts in (CLIPS, SPEECH))
    assert set(clips.counts()) <= {"labels"}
    assert set(speech.counts()) <= {"speakers", "texts", "phonemes", "domains"}


def layout_of(names, **policy):
    recordings = tuple(Recording(f"/x/{name}", **fields) for name, fields in names.items())
    return Layout("folder", "", "/x", recordings, hold_out=HoldOut(**policy))


@pytest.mark.parametrize("percent", [5, 10, 40])
def test_what_is_held_out_hardly_depends_on_the_other_files(percent):
    names = {f"{n}.wav": {"speaker": "ab"[n % 2]} for n in range(60)}
    layout = layout_of(names, percent=percent)
    whole, remark = assign_splits(layout, range(60))
    assert remark == "valid and test files were held out of the training files"
    assert sorted(sum(whole.values(), [])) == list(range(60))
    size = 60 * percent // 100
    assert [len(part) for part in whole.values()] == [60 - 2 * size, size, size]
    for split in ("valid", "test"):
        assert abs(sum(n % 2 for n in whole[split]) - size / 2) <= 1
    fewer, _ = assign_splits(layout, range(1, 60))
    assert len(set(whole["test"]) ^ set(fewer["test"])) <= 4
    assert assign_splits(layout, range(60))[0] == whole


def test_splits_that_are_there_are_kept():
    layout = layout_of({f"{n}.wav": {"split": "test" if n < 3 else "train"} for n in range(9)})
    numbers, remark = assign_splits(layout, range(9))
    assert numbers["test"] == [0, 1, 2] and len(numbers["valid"]) == 1
    assert remark.startswith("valid files were held out")
    with pytest.raises(ValueError, match="/x: there are no training files"):
        assign_splits(layout, range(3))


def test_too_few_files_are_refused_or_repeated():
    layout = layout_of({"a.wav": {}, "b.wav": {}})
    with pytest.raises(ValueError, match="2 files are too few to train on and hold out 2"):
        assign_splits(layout, range(2))
    layout = dataclasses.replace(layout, hold_out=HoldOut(repeat=True))
    numbers, remark = assign_splits(layout, range(2))
    assert numbers == dict.fromkeys(("train", "valid", "test"), [0, 1])
    assert remark == "too few files to hold any out, so valid and test repeat train"


def test_speakers_are_divided_and_files_without_one_are_left_out():
    names = {f"{n}.wav": {"speaker": "abcd"[n // 3] if n < 12 else None} for n in range(15)}
    divided = divide_by_speakers(layout_of(names))
    assert len(divided.recordings) == 12
    speakers = {}
    for item in divided.recordings:
        speakers.setdefault(item.split, set()).add(item.speaker)
    assert sorted(map(len, speakers.values())) == [1, 1, 2]
    assert set.union(*speakers.values()) == set("abcd")
