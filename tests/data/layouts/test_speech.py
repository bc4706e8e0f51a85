"""Folders of sentences: recognised by their layout, split, with speakers, texts and phonemes."""

import numpy as np
import pytest
import soundfile

from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.recognize import SPEECH, assign_splits, recognize_layout
from tfwave.data.layouts.speech import TIMIT_CORE_TEST, TIMIT_DEVELOPMENT
from tfwave.data.phonemes import TIMIT_61


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


def opened(folder, cache, *rate, **options):
    return open_corpus(folder, cache, *rate, layouts=SPEECH, progress=False, **options)


def by_split(folder):
    """Names of the files of each split of a folder, before anything is decoded."""
    layout = recognize_layout(folder, SPEECH)
    numbers, _ = assign_splits(layout, range(len(layout.recordings)))
    return {
        split: sorted(layout.recordings[n].path.split("/")[-1] for n in numbers[split])
        for split in numbers
    }


@pytest.mark.parametrize("upper", [True, False])
def test_timit_has_its_own_folders_and_phonemes(tmp_path, upper):
    folder = tmp_path / "data" / ("TIMIT" if upper else "timit")
    train = [f"TRAIN/DR{n % 8 + 1}/FAA{'ABCDEFGH'[n]}0" for n in range(8)]
    write_timit(folder, [*train, "TEST/DR1/MBBB0"], upper)
    corpus = opened(tmp_path / "data", tmp_path / "cache")
    assert {split: len(part) for split, part in corpus.splits.items()} == {
        "train": 15,
        "valid": 1,
        "test": 2,
    }
    assert corpus.phonemes == TIMIT_61 and len(corpus.speakers) == 9
    assert "TIMIT without its SA" in corpus.description
    assert "9 other audio files are not used" in corpus.description
    test = corpus.splits["test"]
    assert {corpus.speakers[n] for n in test.speaker} == {"mbbb0"}
    for rows in test.phonemes:
        names = [TIMIT_61[n] for n in rows[:, 2]]
        assert names == ["h#", "sh", "h#"] and rows[1, :2].tolist() == [400, 1200]
    assert test.store.waveform(0).shape == (1600, 1)


def test_timit_core_test_set(tmp_path):
    assert len(set(TIMIT_CORE_TEST)) == 24 and len(set(TIMIT_DEVELOPMENT)) == 50
    assert not set(TIMIT_CORE_TEST) & set(TIMIT_DEVELOPMENT)
    others = ("mxxx0", "fdac1", "faks0")
    places = [f"TEST/DR2/{name.upper()}" for name in (*TIMIT_CORE_TEST, *others)]
    write_timit(tmp_path, ["TRAIN/DR1/FCJF0", *places], names=("SX1",))
    layout = recognize_layout(tmp_path)
    assert layout.key == "timit" and layout.ignored == 1
    speakers = {split: set() for split in ("train", "valid", "test")}
    for item in layout.recordings:
        speakers[item.split].add(item.speaker)
    assert speakers["test"] == set(TIMIT_CORE_TEST)
    assert speakers["valid"] == {"fdac1", "faks0"} and speakers["train"] == {"fcjf0"}


def test_timit_copies_and_missing_labels(tmp_path):
    write_timit(tmp_path, ["TRAIN/DR1/FCJF0", "TRAIN/DR1/FDAW0", "TEST/DR1/MBBB0"])
    write(tmp_path / "TRAIN/DR1/FCJF0/SX7.WAV.wav")
    (tmp_path / "TEST/DR1/MBBB0/SX7.PHN").unlink()
    corpus = opened(tmp_path, tmp_path / "cache", 8000)
    assert sum(len(part) for part in corpus.splits.values()) == 6
    assert "1 files have no phoneme labels" in corpus.description
    test = corpus.splits["test"]
    assert sorted(len(rows) for rows in test.phonemes) == [0, 3]
    longest = max(test.phonemes, key=len)
    assert longest[1, :2].tolist() == [200, 600]
    (tmp_path / "TEST/DR1/MBBB0/SI1000.PHN").write_text("0 400 zz\n")
    with pytest.raises(ValueError, match="SI1000.PHN: line 1 .*'zz'"):
        opened(tmp_path, tmp_path / "cache", 8000)


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
    texts = tmp_path / ("txt" if trimmed else "VCTK-Corpus/txt") / "p226"
    texts.mkdir(parents=True)
    (texts / "p226_007.txt").write_text("Ask her to bring these things.\n")
    corpus = opened(tmp_path, tmp_path / "cache")
    assert corpus.speakers == ("p225", "p226", "s5") and corpus.phonemes == ()
    assert {split: len(part) for split, part in corpus.splits.items()} == {
        "train": 54,
        "valid": 3,
        "test": 3,
    }
    said = {}
    for part in corpus.splits.values():
        said.update(zip(part.store.names, part.text, strict=True))
    ((name, text),) = [(name, text) for name, text in said.items() if text]
    assert "p226_007" in name and text == "Ask her to bring these things."
    # Held out evenly over the speakers, whatever has a text.
    for split in ("valid", "test"):
        assert sorted(corpus.splits[split].speaker) == [0, 1, 2]
    assert corpus.splits["train"].phonemes is None
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
    layout = recognize_layout(tmp_path)
    assert layout.title == "LJSpeech" and len(layout.recordings) == 40 and layout.ignored == 1
    splits = by_split(tmp_path)
    assert {split: len(part) for split, part in splits.items()} == {
        "train": 36,
        "valid": 2,
        "test": 2,
    }
    assert layout.names("speaker") == () and layout.counts() == {"texts": 40}
    assert recognize_layout(tmp_path) == layout and by_split(tmp_path) == splits
    # A file's split hardly depends on the others.
    (tmp_path / f"{place}LJ001-0003.wav").unlink()
    fewer = by_split(tmp_path)
    assert len(set(fewer["train"]) - set(splits["train"])) <= 2


def test_any_folder_with_and_without_speakers(tmp_path):
    for speaker in ("ann", "bob"):
        for number in range(6):
            write(tmp_path / "a" / speaker / "deep" / f"{number}.wav")
    layout = recognize_layout(tmp_path / "a")
    assert layout.title == "a folder of audio" and layout.names("speaker") == ("ann", "bob")
    assert layout.names("domain") == ()
    assert [len(part) for part in by_split(tmp_path / "a").values()] == [10, 1, 1]
    # One folder tells nobody apart, and neither do folders beside loose files.
    assert recognize_layout(tmp_path / "a" / "ann").names("speaker") == ()
    write(tmp_path / "a" / "loose.flac")
    assert recognize_layout(tmp_path / "a").names("speaker") == ()


def test_split_folders_are_kept(tmp_path):
    for split, speaker in (("train", "ann"), ("train", "bob"), ("valid", "ann"), ("extra", "eve")):
        for number in range(3):
            write(tmp_path / split / speaker / f"{number}.wav")
    layout = recognize_layout(tmp_path)
    counts = {split: len(part) for split, part in by_split(tmp_path).items()}
    assert counts == {"train": 5, "valid": 3, "test": 1} and layout.ignored == 3
    assert layout.names("speaker") == layout.names("domain") == ("ann", "bob")


def test_files_that_hold_nothing_are_counted_and_named(tmp_path, caplog):
    for number in range(5):
        write(tmp_path / f"{number}.wav")
    write(tmp_path / "empty.wav", samples=0)
    corpus = opened(tmp_path, tmp_path / "cache")
    assert "1 files cannot be decoded and are left out" in corpus.description
    assert "empty.wav" in caplog.text and "no samples" in caplog.text
    assert sum(len(part) for part in corpus.splits.values()) == 5


def test_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        recognize_layout(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="there is no audio"):
        recognize_layout(tmp_path)
    write(tmp_path / "one.wav")
    with pytest.raises(ValueError, match="1 files are too few"):
        opened(tmp_path, tmp_path / "cache")


def test_recorded_sentences(root, tmp_path):
    folder = root.parent / "shared" / "data" / "ljspeech_mini"
    if not folder.is_dir():
        pytest.skip(f"recordings are not there: {folder}")
    corpus = opened(folder, tmp_path, 16000)
    assert corpus.description.startswith("LJSpeech: 30 train, 1 valid, 1 test files")
    assert not corpus.synthetic and corpus.speakers == ()
    assert corpus.splits["train"].store.lengths.min() > 16000


def test_unseen_speakers_are_heard_in_no_other_split(tmp_path):
    for speaker in "abcd":
        for number in range(3):
            write(tmp_path / "corpus" / speaker / f"{number}.wav")
    corpus = opened(tmp_path / "corpus", tmp_path / "cache", unseen_speakers=True)
    heard = {name: set(split.speaker.tolist()) for name, split in corpus.splits.items()}
    assert [len(heard[name]) for name in ("train", "valid", "test")] == [2, 1, 1]
    assert not heard["test"] & (heard["train"] | heard["valid"])
    assert "divided by speakers" in corpus.description


def test_one_speaker_cannot_be_unseen(tmp_path):
    for number in range(4):
        write(tmp_path / "corpus" / f"{number}.wav")
    corpus = opened(tmp_path / "corpus", tmp_path / "cache", unseen_speakers=True)
    assert len(corpus.splits["test"]) == 1 and "heard in training" in corpus.description
