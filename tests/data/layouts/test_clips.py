"""Layouts of clips are recognised from names; splits and labels follow each set's own rule."""

import os

import numpy as np
import pytest

from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.clips import DIGIT_SLICES, DIGITS
from tfwave.data.layouts.recognize import CLIPS, recognize_layout
from tfwave.data.slices import SliceConfig


def opened(folder, tmp_path, **options):
    return open_corpus(folder, tmp_path / "cache", progress=False, layouts=CLIPS, **options)


def names(corpus):
    return {split: list(part.store.names) for split, part in corpus.splits.items()}


def test_published_sc09(write_tones, tmp_path):
    files = {f"train/{digit.title()}_{n:08x}_nohash_0.wav": 400 for digit in DIGITS for n in (1, 2)}
    files |= {"valid/Seven_0a_nohash_0.wav": 16000, "test/Nine_0b_nohash_1.wav": 20000}
    corpus = opened(write_tones(files), tmp_path)
    assert corpus.classes == DIGITS and not corpus.synthetic and corpus.slices == DIGIT_SLICES
    assert corpus.splits["valid"].label.tolist() == [7]
    assert corpus.splits["test"].label.tolist() == [9]
    train = corpus.splits["train"]
    assert len(train) == 20
    for name, label in zip(train.store.names, train.label, strict=True):
        assert name.startswith(f"train/{DIGITS[label].title()}_")
    assert "SC09 in the published layout: 20 train, 1 valid, 1 test" in corpus.description


@pytest.mark.parametrize(
    "lists, words",
    [("", ""), ("", "audio"), ("", "train/audio"), ("train", "train/audio"), ("train", "train")],
)
def test_speech_commands_release(write_tones, tmp_path, lists, words):
    files = [
        "zero/0a_nohash_0.wav",
        "zero/0b_nohash_0.wav",
        "nine/0a_nohash_0.wav",
        "nine/0c_nohash_0.wav",
        "cat/0a_nohash_0.wav",
        "_background_noise_/tap.wav",
    ]
    folder = write_tones({os.path.join(words, name): 500 for name in files})
    (folder / lists).mkdir(exist_ok=True)
    (folder / lists / "validation_list.txt").write_text("zero/0b_nohash_0.wav\r\ncat/x.wav\n")
    (folder / lists / "testing_list.txt").write_text("nine/0c_nohash_0.wav\n")
    corpus = opened(folder, tmp_path)
    assert {
        s: [name.split(os.sep)[-2] for name in found] for s, found in names(corpus).items()
    } == {"train": ["nine", "zero"], "valid": ["zero"], "test": ["nine"]}
    assert corpus.splits["train"].label.tolist() == [9, 0]
    assert recognize_layout(folder).ignored == 2 and corpus.slices == DIGIT_SLICES


def test_free_spoken_digits(write_tones, tmp_path):
    files = {
        f"{digit}_{who}_{n}.wav": 300
        for digit in (0, 7)
        for who in ("ann", "bob")
        for n in (0, 4, 5, 9, 10, 11)
    }
    corpus = opened(write_tones(files), tmp_path)
    for split, indices in (("test", (0, 4)), ("valid", (5, 9)), ("train", (10, 11))):
        found = {int(name[:-4].split("_")[2]) for name in corpus.splits[split].store.names}
        assert found == set(indices)
        assert corpus.splits[split].label.tolist() == [0] * 4 + [7] * 4


def test_plain_folder_holds_files_out_the_same_way_every_time(write_tones, tmp_path):
    files = {f"take {n}.wav": 20000 + n for n in range(40)}
    corpus = opened(write_tones(files), tmp_path)
    assert [len(corpus.splits[s]) for s in ("train", "valid", "test")] == [32, 4, 4]
    together = sum(names(corpus).values(), [])
    assert sorted(together) == sorted(files)
    assert corpus.classes == () and corpus.splits["train"].label is None
    assert corpus.slices == SliceConfig()
    assert "held out" in corpus.description
    again = opened(write_tones(files, "copy"), tmp_path)
    assert names(again) == names(corpus)


def test_own_split_folders_are_respected(write_tones, tmp_path):
    files = {"train/a.wav": 20000, "train/b.wav": 20000, "test/c.wav": 20000, "x.wav": 20000}
    corpus = opened(write_tones(files), tmp_path)
    assert names(corpus)["test"] == ["test/c.wav"]
    assert len(corpus.splits["train"]) == len(corpus.splits["valid"]) == 1
    assert "valid files were held out" in corpus.description


def test_train_only_layout_gets_held_out_splits(write_tones, tmp_path):
    files = {f"train/Two_{n}_nohash_0.wav": 500 for n in range(20)}
    corpus = opened(write_tones(files), tmp_path)
    assert [len(corpus.splits[s]) for s in ("train", "valid", "test")] == [16, 2, 2]
    assert "valid and test files were held out" in corpus.description
    assert set(corpus.splits["test"].label) == {2}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_folders_work(write_tones, tmp_path, count):
    corpus = opened(write_tones({f"{n}.wav": 20000 for n in range(count)}), tmp_path)
    assert all(len(part) for part in corpus.splits.values())
    assert ("repeat train" in corpus.description) == (count < 3)


def test_slices_can_be_chosen_and_short_files_are_counted(write_tones, tmp_path):
    files = {f"{n}.wav": 20000 if n % 2 else 100 for n in range(30)}
    folder = write_tones(files)
    corpus = opened(folder, tmp_path)
    short = int(np.sum(corpus.splits["train"].store.lengths < 16384))
    assert f"{short} training files are shorter than a slice" in corpus.description
    chosen = SliceConfig(first_slice=True, pad_end=True)
    corpus = opened(folder, tmp_path, slices=chosen)
    assert corpus.slices == chosen and "shorter" not in corpus.description


def test_only_short_files_say_which_option_helps(write_tones, tmp_path):
    with pytest.raises(ValueError, match="every training file is shorter.*first_slice and pad_end"):
        opened(write_tones({f"{n}.wav": 100 for n in range(30)}), tmp_path)


def test_bad_files_do_not_count_in_the_splits(write_tones, tmp_path):
    folder = write_tones({f"{n}.wav": 20000 for n in range(10)})
    (folder / "0.wav").write_bytes(b"")
    corpus = opened(folder, tmp_path)
    assert sum(map(len, corpus.splits.values())) == 9
    assert "1 files cannot be decoded and are left out" in corpus.description
    with pytest.raises(ValueError, match=r"0\.wav: is empty"):
        opened(folder, tmp_path, strict=True)


def test_nothing_there_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        opened(tmp_path / "nowhere", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: there is no audio"):
        opened(tmp_path / "empty", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file: is not a folder"):
        opened(tmp_path / "file", tmp_path)


def test_links_and_odd_names(write_tones, tmp_path):
    folder = write_tones({"a\nb.wav": 20000, "c'd é.wav": 20000, "e.wav": 20000})
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "twin.wav").symlink_to(folder / "e.wav")
    corpus = opened(folder, tmp_path)
    assert sum(map(len, corpus.splits.values())) == 4
    assert "\n" not in corpus.description


def test_stereo_at_another_rate(write_tones, tmp_path):
    folder = write_tones({f"{n}.wav": 30000 for n in range(4)}, rate=8000, channels=2)
    corpus = opened(folder, tmp_path)
    assert corpus.splits["train"].store.lengths.tolist() == [60000] * 2
    assert corpus.splits["train"].store.channels == 1 and corpus.sample_rate == 16000


def test_real_recordings(real_speech, tmp_path):
    corpus = opened(real_speech, tmp_path)
    assert [len(corpus.splits[s]) for s in ("train", "valid", "test")] == [2400, 300, 300]
    assert np.bincount(corpus.splits["test"].label).tolist() == [30] * 10
    for name, label in zip(
        corpus.splits["valid"].store.names, corpus.splits["valid"].label, strict=True
    ):
        assert name.startswith(f"{label}_") and 5 <= int(name[:-5].split("_")[2]) < 10
    first = corpus.splits["train"].store.waveform(0)
    assert first.shape[1] == 1 and 0.001 < np.abs(first).max() <= 1.1
