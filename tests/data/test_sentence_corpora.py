"""Folders of sentences: recognised by their layout, split, with speakers and phonemes."""

import numpy as np
import pytest
import soundfile

from tfwave.data.phonemes import TIMIT_61
from tfwave.data.sentence_corpora import (
    TIMIT_CORE_TEST,
    TIMIT_DEVELOPMENT,
    open_sentences,
    recognise_sentences,
    speaker_number,
)


def write(path, samples=1600, rate=16000, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(0.1 * np.arange(samples))
    soundfile.write(path, tone, rate, **{"subtype": "PCM_16", **how})


def write_timit(folder, speakers, upper=True, names=("SA1", "SX7", "SI1000")):
    """Speakers: {'TRAIN/DR1/FAAA0': ...}; SPHERE files with segmentations beside them."""
    for place in speakers:
        for name in names:
            path = folder / place / f"{name}.WAV"
            path = path if upper else folder / str(path.relative_to(folder)).lower()
            write(path, 1600, format="NIST", endian="LITTLE")
            phn = path.with_suffix(".PHN" if upper else ".phn")
            phn.write_text("0 400 h#\n400 1200 sh\n1200 1600 h#\n")


def by_split(utterances):
    return {
        split: sorted(i.path.split("/")[-1] for i in utterances if i.split == split)
        for split in ("train", "valid", "test")
    }


@pytest.mark.parametrize("upper", [True, False])
def test_timit_has_its_own_folders_and_phonemes(tmp_path, upper):
    folder = tmp_path / "data" / ("TIMIT" if upper else "timit")
    train = [f"TRAIN/DR{n % 8 + 1}/FAA{'ABCDEFGH'[n]}0" for n in range(8)]
    write_timit(folder, [*train, "TEST/DR1/MBBB0"], upper)
    corpus = open_sentences(tmp_path / "data", tmp_path / "cache", progress=False)
    assert {split: len(part) for split, part in corpus.splits.items()} == {
        "train": 15,
        "valid": 1,
        "test": 2,
    }
    assert corpus.phonemes == TIMIT_61 and len(corpus.speakers) == 9
    assert "TIMIT without its SA" in corpus.description
    assert "9 other audio files are not used" in corpus.description
    test = corpus.splits["test"]
    assert {corpus.speakers[n] for n in test.store.labels} == {"mbbb0"}
    for rows in test.segments:
        names = [TIMIT_61[n] for n in rows[:, 2]]
        assert names == ["h#", "sh", "h#"] and rows[1, :2].tolist() == [400, 1200]
    assert test.store.waveform(0).shape == (1600, 1)


def test_timit_core_test_set(tmp_path):
    assert len(set(TIMIT_CORE_TEST)) == 24 and len(set(TIMIT_DEVELOPMENT)) == 50
    assert not set(TIMIT_CORE_TEST) & set(TIMIT_DEVELOPMENT)
    others = ("mxxx0", "fdac1", "faks0")
    places = [f"TEST/DR2/{name.upper()}" for name in (*TIMIT_CORE_TEST, *others)]
    write_timit(tmp_path, ["TRAIN/DR1/FCJF0", *places], names=("SX1",))
    _, utterances, ignored = recognise_sentences(tmp_path)
    assert {i.speaker for i in utterances if i.split == "test"} == set(TIMIT_CORE_TEST)
    assert {i.speaker for i in utterances if i.split == "valid"} == {"fdac1", "faks0"}
    assert {i.speaker for i in utterances if i.split == "train"} == {"fcjf0"} and ignored == 1


def test_timit_copies_and_missing_labels(tmp_path):
    write_timit(tmp_path, ["TRAIN/DR1/FCJF0", "TRAIN/DR1/FDAW0", "TEST/DR1/MBBB0"])
    write(tmp_path / "TRAIN/DR1/FCJF0/SX7.WAV.wav")
    (tmp_path / "TEST/DR1/MBBB0/SX7.PHN").unlink()
    corpus = open_sentences(tmp_path, tmp_path / "cache", 8000, progress=False)
    assert sum(len(part) for part in corpus.splits.values()) == 6
    assert "1 files have no phoneme labels" in corpus.description
    test = corpus.splits["test"]
    assert sorted(len(rows) for rows in test.segments) == [0, 3]
    longest = max(test.segments, key=len)
    assert longest[1, :2].tolist() == [200, 600]
    (tmp_path / "TEST/DR1/MBBB0/SI1000.PHN").write_text("0 400 zz\n")
    with pytest.raises(ValueError, match="SI1000.PHN: line 1 .*'zz'"):
        open_sentences(tmp_path, tmp_path / "cache", 8000, progress=False)


@pytest.mark.parametrize("trimmed", [True, False])
def test_vctk(tmp_path, trimmed):
    for speaker in ("p225", "p226", "s5"):
        for number in range(1, 21):
            if trimmed:
                for microphone in (1, 2):
                    name = f"{speaker}_{number:03d}_mic{microphone}.flac"
                    write(tmp_path / "wav48_silence_trimmed" / speaker / name, 4800, 48000)
            else:
                name = f"{speaker}_{number:03d}.wav"
                write(tmp_path / "VCTK-Corpus" / "wav48" / speaker / name, 4800, 48000)
    (tmp_path / "txt").mkdir()
    corpus = open_sentences(tmp_path, tmp_path / "cache", progress=False)
    assert corpus.speakers == ("p225", "p226", "s5") and corpus.phonemes == ()
    assert {split: len(part) for split, part in corpus.splits.items()} == {
        "train": 54,
        "valid": 3,
        "test": 3,
    }
    # Held out evenly over the speakers.
    for split in ("valid", "test"):
        assert sorted(corpus.splits[split].store.labels) == [0, 1, 2]
    assert corpus.splits["train"].segments is None
    assert not any("mic2" in name for name in corpus.splits["train"].store.names)
    assert set(corpus.splits["train"].store.lengths) == {1600}


@pytest.mark.parametrize("place", ["", "wavs/"])
def test_ljspeech(tmp_path, place):
    names = [f"LJ001-{number:04d}" for number in range(40)]
    for name in names:
        write(tmp_path / f"{place}{name}.wav", 2205, 22050)
    write(tmp_path / "elsewhere" / "other.wav")
    (tmp_path / "metadata.csv").write_text(
        "".join(f'{name}|He said "no|He said "no\n' for name in names)
    )
    title, utterances, ignored = recognise_sentences(tmp_path)
    assert title == "LJSpeech" and len(utterances) == 40 and ignored == 1
    assert {split: len(part) for split, part in by_split(utterances).items()} == {
        "train": 36,
        "valid": 2,
        "test": 2,
    }
    assert {item.speaker for item in utterances} == {None}
    assert recognise_sentences(tmp_path)[1] == utterances
    # A file's split hardly depends on the others.
    (tmp_path / f"{place}LJ001-0003.wav").unlink()
    fewer = by_split(recognise_sentences(tmp_path)[1])
    assert len(set(fewer["train"]) - set(by_split(utterances)["train"])) <= 2


def test_any_folder_with_and_without_speakers(tmp_path):
    for speaker in ("ann", "bob"):
        for number in range(6):
            write(tmp_path / "a" / speaker / "deep" / f"{number}.wav")
    title, utterances, _ = recognise_sentences(tmp_path / "a")
    assert title == "a folder of audio" and {i.speaker for i in utterances} == {"ann", "bob"}
    assert [len(part) for part in by_split(utterances).values()] == [10, 1, 1]
    # One folder tells nobody apart, and neither do folders beside loose files.
    assert {i.speaker for i in recognise_sentences(tmp_path / "a" / "ann")[1]} == {None}
    write(tmp_path / "a" / "loose.flac")
    assert {i.speaker for i in recognise_sentences(tmp_path / "a")[1]} == {None}


def test_split_folders_are_kept(tmp_path):
    for split, speaker in (("train", "ann"), ("train", "bob"), ("valid", "ann"), ("extra", "eve")):
        for number in range(3):
            write(tmp_path / split / speaker / f"{number}.wav")
    _, utterances, ignored = recognise_sentences(tmp_path)
    counts = {split: len(part) for split, part in by_split(utterances).items()}
    assert counts == {"train": 5, "valid": 3, "test": 1} and ignored == 3
    assert {item.speaker for item in utterances} == {"ann", "bob"}


def test_files_that_hold_nothing_are_counted_and_named(tmp_path, caplog):
    for number in range(5):
        write(tmp_path / f"{number}.wav")
    write(tmp_path / "empty.wav", samples=0)
    corpus = open_sentences(tmp_path, tmp_path / "cache", progress=False)
    assert "1 files can not be decoded and are left out" in corpus.description
    assert "empty.wav" in caplog.text and "no samples" in caplog.text
    assert sum(len(part) for part in corpus.splits.values()) == 5


def test_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        recognise_sentences(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="there is no audio"):
        recognise_sentences(tmp_path)
    write(tmp_path / "one.wav")
    with pytest.raises(ValueError, match="1 files are too few"):
        recognise_sentences(tmp_path)
    assert speaker_number(("p225", "p226"), "p226") == 1
    with pytest.raises(ValueError, match="no speaker 'p9' among the 2 known: p225, p226"):
        speaker_number(("p225", "p226"), "p9")
    with pytest.raises(ValueError, match="does not tell speakers apart"):
        speaker_number((), "p9")


def test_recorded_sentences(root, tmp_path):
    folder = root.parent / "shared" / "data" / "ljspeech_mini"
    if not folder.is_dir():
        pytest.skip(f"recordings are not there: {folder}")
    corpus = open_sentences(folder, tmp_path, 16000, progress=False)
    assert corpus.description.startswith("LJSpeech: 30 train, 1 valid, 1 test files")
    assert not corpus.synthetic and corpus.speakers == ()
    assert corpus.splits["train"].store.lengths.min() > 16000


def test_unseen_speakers_are_heard_in_no_other_split(tmp_path):
    for speaker in "abcd":
        for number in range(3):
            write(tmp_path / "corpus" / speaker / f"{number}.wav")
    corpus = open_sentences(
        tmp_path / "corpus", tmp_path / "cache", progress=False, unseen_speakers=True
    )
    heard = {name: set(split.store.labels.tolist()) for name, split in corpus.splits.items()}
    assert [len(heard[name]) for name in ("train", "valid", "test")] == [2, 1, 1]
    assert not heard["test"] & (heard["train"] | heard["valid"])
    assert "divided by speakers" in corpus.description


def test_one_speaker_cannot_be_unseen(tmp_path):
    for number in range(4):
        write(tmp_path / "corpus" / f"{number}.wav")
    corpus = open_sentences(
        tmp_path / "corpus", tmp_path / "cache", progress=False, unseen_speakers=True
    )
    assert len(corpus.splits["test"]) == 1 and "heard in training" in corpus.description
