"""NSynth: notes with pitch, velocity, instrument, family and qualities."""

import json

import numpy as np
import pytest
import soundfile

from tfwave.data.corpus import open_corpus
from tfwave.data.layouts.notes import FAMILIES, QUALITIES
from tfwave.data.layouts.recognize import recognize_layout


def note(number, pitch, family=3):
    name = FAMILIES[family]
    return {
        "note": number,
        "note_str": f"{name}_acoustic_00{number % 2}-{pitch:03d}-100",
        "pitch": pitch,
        "velocity": 100,
        "instrument": 7,
        "instrument_str": f"{name}_acoustic_00{number % 2}",
        "instrument_family": family,
        "instrument_family_str": name,
        "qualities": [int(q == number % 10) for q in range(10)],
        "sample_rate": 16000,
    }


def write_set(folder, notes, listed=None):
    """Write the audio of notes, and examples.json with them or with what is `listed`."""
    (folder / "audio").mkdir(parents=True)
    for item in notes:
        tone = 0.3 * np.sin(0.01 * item["pitch"] * np.arange(800))
        soundfile.write(folder / "audio" / f"{item['note_str']}.wav", tone, 16000)
    entries = {item["note_str"]: item for item in notes} if listed is None else listed
    (folder / "examples.json").write_text(json.dumps(entries))


def test_its_three_sets_are_the_splits(tmp_path):
    folder = tmp_path / "nsynth"
    write_set(folder / "nsynth-train", [note(n, 40 + n) for n in range(6)])
    write_set(folder / "nsynth-valid", [note(1, 60, family=10)])
    write_set(folder / "nsynth-test", [note(0, 61, family=0), note(1, 62, family=0)])
    soundfile.write(folder / "nsynth-test" / "audio" / "stray.wav", np.zeros(9), 16000)
    corpus = open_corpus(folder, tmp_path / "cache", progress=False)
    assert corpus.layout == "nsynth" and corpus.description.startswith(
        "NSynth: 6 train, 1 valid, 2 test files"
    )
    assert "1 other audio files are not used" in corpus.description
    assert corpus.classes == tuple(FAMILIES) and corpus.qualities == tuple(QUALITIES)
    train, test = corpus.splits["train"], corpus.splits["test"]
    assert train.columns == ("label", "pitch", "instrument", "velocity", "qualities")
    for name, pitch, instrument, qualities in zip(
        train.store.names, train.pitch, train.instrument, train.qualities, strict=True
    ):
        assert f"{corpus.instruments[instrument]}-{pitch:03d}-100.wav" == name.split("/")[-1]
        assert qualities.tolist() == [int(q == pitch - 40) for q in range(10)]
    assert test.pitch.tolist() == [61, 62] and set(test.velocity) == {100}
    assert [corpus.classes[label] for label in test.label] == ["bass", "bass"]
    other = [note(n, 40 + n) for n in range(6)]
    other[2]["pitch"] = 99
    (folder / "nsynth-train" / "examples.json").write_text(
        json.dumps({item["note_str"]: item for item in other})
    )
    again = open_corpus(folder, tmp_path / "cache", progress=False).splits
    assert again["train"].fingerprint != train.fingerprint
    assert again["test"].fingerprint == test.fingerprint


def test_one_of_its_sets_has_files_held_out(tmp_path):
    write_set(tmp_path / "nsynth-valid", [note(n, 30 + n) for n in range(40)])
    corpus = open_corpus(tmp_path / "nsynth-valid", tmp_path / "cache", progress=False)
    assert [len(part) for part in corpus.splits.values()] == [36, 2, 2]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pitch": None}, "examples.json: the note guitar_.*-040-100 lacks NSynth's pitch"),
        ({"instrument_family": 11}, "lacks"),
        ({"qualities": [0, 1]}, "lacks"),
    ],
)
def test_broken_descriptions_are_named(tmp_path, change, message):
    item = note(0, 40)
    write_set(tmp_path, [item], {item["note_str"]: {**item, **change}})
    with pytest.raises(ValueError, match=message):
        recognize_layout(tmp_path)
    (tmp_path / "examples.json").write_text("{")
    with pytest.raises(ValueError, match="examples.json: is not JSON"):
        recognize_layout(tmp_path)


def test_other_folders_of_audio_are_no_notes(tmp_path):
    write_set(tmp_path, [note(n, 40 + n) for n in range(5)], listed=["something", "else"])
    assert recognize_layout(tmp_path).key == "folder"
    (tmp_path / "examples.json").unlink()
    assert recognize_layout(tmp_path).key == "folder"
