"""The doctor says in words what is in a folder and what the pipeline makes of it."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from tests.data.layouts.tiny_corpora import TINY

RATE = 16000
DOCTOR = "tools/doctor.py"


def tone(seconds, rate=RATE, level=0.5, frequency=440.0):
    phase = 2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate
    return (level * np.sin(phase)).astype(np.float32)


@pytest.fixture
def patient(tmp_path):
    """A folder with one file for every remark."""
    folder = tmp_path / "patient"
    folder.mkdir()

    def write(name, waveform, rate=RATE, subtype="PCM_16"):
        soundfile.write(folder / name, waveform, rate, subtype=subtype)

    write("good.wav", tone(1.024))
    write("short.wav", tone(0.3, frequency=300))
    write("long.wav", tone(2.5, frequency=310))
    write("silent.wav", np.zeros(16384, np.float32))
    write("quiet.wav", tone(1.024, level=0.01))
    write("clipped.wav", np.clip(tone(1.024, level=3.0), -1, 1))
    write("over.wav", tone(1.024, level=1.7), subtype="FLOAT")
    write("stereo.wav", np.stack([tone(1.024), tone(1.024, frequency=200)], axis=1))
    write("rate.wav", tone(1.024, 8000), 8000)
    write("pause.wav", np.concatenate([np.zeros(6400), tone(0.3), np.zeros(4800)]))
    shutil.copy(folder / "good.wav", folder / "twin.wav")
    (folder / "broken.wav").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def doctor(load_script):
    return load_script(DOCTOR)


def test_everything_is_named(patient, doctor):
    summary, found = doctor.consult(patient, first_slice=True, pad_end=True)
    assert (summary["files"], summary["readable"], summary["slices"]) == (12, 11, 11)
    assert summary["sample_rates"] == {"8000": 1, "16000": 10}
    assert summary["channels"] == {"1": 10, "2": 1}
    expected = {
        "broken": {"broken.wav": "is empty (0 bytes): left out"},
        "duplicate": {"twin.wav": "same audio as good.wav: both are used"},
        "silent": {"silent.wav": "peak -180 dB: used as it is"},
        "quiet": {"quiet.wav": "peak -40 dB: used as it is"},
        "over": {"over.wav": "peak 1.70: used as it is"},
        "long": {"long.wav": "2.50 s: cut to the first 16384 samples"},
        "rate": {"rate.wav": "8000 Hz: resampled to 16000 Hz"},
        "channels": {"stereo.wav": "2 channels: averaged to one"},
        "leading_silence": {"pause.wav": "0.40 s before the sound: kept"},
        "trailing_silence": {"pause.wav": "0.30 s after the sound: kept"},
        "unused": {},
        "leak": {},
        "channels_refused": {},
    }
    for key, wanted in expected.items():
        assert dict(found[key]) == wanted, key
    assert dict(found["short"])["short.wav"] == "0.30 s: 0.72 s of zeros added"
    assert set(dict(found["clipped"])) == {"clipped.wav", "over.wav"}


def test_channels_that_cannot_be_converted(patient, doctor):
    _, found = doctor.consult(patient, channels=3)
    assert dict(found["channels_refused"]) == {"stereo.wav": "2 channels, not 1 or 3: left out"}
    assert dict(found["channels"])["good.wav"] == "1 channel: copied to 3"


def test_the_command(patient, run_script):
    done = run_script(DOCTOR, patient, "--strict")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == str(patient) and lines[1] == "recognised as a folder of audio"
    assert lines[2].startswith("12 audio files")
    assert "  broken.wav: is empty (0 bytes): left out" in lines
    assert "  short.wav: 0.30 s: skipped, --pad_end would use it" in lines
    assert "  long.wav: 2.50 s: cut into 2 slices" in lines
    (patient / "broken.wav").unlink()
    done = run_script(DOCTOR, patient, "--strict", "--json", "--pad_end")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["pipeline"]["pad_end"] and not report["remarks"]["broken"]
    assert report["remarks"]["rate"] == [
        {"file": "rate.wav", "remark": "8000 Hz: resampled to 16000 Hz"}
    ]


def test_long_lists_are_cut_unless_all_is_asked_for(tmp_path, doctor):
    for number in range(14):
        soundfile.write(tmp_path / f"{number:02d}.wav", tone(0.5, frequency=200 + number), RATE)
    summary, found = doctor.consult(tmp_path)
    short = doctor.describe(summary, found, every=False)
    assert "09.wav" in short and "10.wav" not in short and "and 4 more (--all" in short
    assert "NOTHING TO TRAIN ON" in short
    assert "13.wav" in doctor.describe(summary, found, every=True)


def test_same_audio_in_two_splits_is_a_leak(tmp_path, doctor):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        soundfile.write(tmp_path / split / "a.wav", tone(1.5), RATE)
    summary, found = doctor.consult(tmp_path)
    assert found["leak"] == [("train/a.wav", "same audio as test/a.wav: both are used")]
    assert summary["splits"] == {"train": 1, "test": 1}


@pytest.mark.parametrize("key", TINY)
def test_every_layout_is_read_with_its_columns(tmp_path, doctor, key):
    write, sizes, columns = TINY[key]
    write(tmp_path)
    summary, found = doctor.consult(tmp_path)
    assert summary["readable"] == summary["files"] == sum(sizes) and not found["broken"]
    assert summary["columns"].items() >= columns.items()
    assert summary["labels"] == columns.get("labels", {})
    json.dumps(summary)
    report = doctor.describe(summary, found, every=False).splitlines()
    facts = dict(line.split(maxsplit=1) for line in report if " " in line)
    for name, counts in columns.items():
        if isinstance(counts, dict):
            assert facts[name].startswith(f"{len(counts)} (")
            assert all(f"{value}: {count}" in facts[name] for value, count in counts.items())
        else:
            assert facts[name] == f"{counts} of {sum(sizes)} files"


def test_many_speakers_are_abbreviated_unless_all_are_asked_for(tmp_path, doctor):
    for number in range(12):
        (tmp_path / f"p{number:02d}").mkdir()
        soundfile.write(tmp_path / f"p{number:02d}" / "a.wav", tone(0.1), RATE)
    summary, found = doctor.consult(tmp_path)
    short = doctor.describe(summary, found, every=False)
    assert "speakers    12 (p00: 1, p01: 1" in short and "p09: 1, ...)" in short
    assert "p11: 1)" in doctor.describe(summary, found, every=True)


def test_nothing_readable(tmp_path, doctor):
    (tmp_path / "a.wav").write_bytes(b"")
    text = doctor.describe(*doctor.consult(tmp_path), every=False)
    assert "       1  unreadable" in text and "NOTHING TO TRAIN ON" in text


def test_nothing_to_remark_on(tmp_path, doctor):
    soundfile.write(tmp_path / "a.wav", tone(1.024)[:16384], RATE)
    text = doctor.describe(*doctor.consult(tmp_path), every=False)
    assert text.endswith("nothing to remark on")


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["{}/nowhere"], "nowhere: there is no such folder"),
        (["{}"], "there is no audio (wav, flac, mp3, ogg) in this folder"),
        ([], "give one folder to examine"),
        (["{}", "--overlap=2"], "there is no audio"),
        (["{}", "--slice_len=0"], "--slice_len"),
        (["{}", "--sice_len=5"], "sice_len"),
    ],
)
def test_mistakes_are_one_line(tmp_path, run_script, arguments, sentence):
    done = run_script(DOCTOR, *[argument.format(tmp_path) for argument in arguments])
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("doctor.py: error: ") and sentence in last
    assert "Traceback" not in done.stderr


def test_runs_are_counted_per_channel(doctor):
    marked = np.array([[0, 1], [1, 1], [1, 1], [1, 0], [0, 1], [1, 1], [1, 1]], bool)
    assert doctor.count_runs(marked, 3) == 3
    assert doctor.count_runs(marked, 4) == 0
    assert doctor.count_runs(np.zeros([5, 1], bool), 1) == 0


def test_real_recordings(real_speech, doctor):
    summary, found = doctor.consult(real_speech)
    assert summary["splits"] == {"train": 2400, "valid": 300, "test": 300}
    assert summary["sample_rates"] == {"8000": 3000} and summary["slices"] == 3000
    assert len(found["short"]) > 2900 and not found["broken"]
