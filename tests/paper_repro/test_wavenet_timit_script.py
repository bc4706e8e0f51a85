"""The script of WaveNet's phone error rate, from the command line, tiny."""

import json

import numpy as np
import pytest
import soundfile

from tfwave.data.builtin.sentences import Sentence, SentenceReader

SCRIPT = "paper_repro/wavenet_timit.py"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_it_trains_scores_and_is_not_done_again(run_script, cache, tmp_path):
    arguments = (SCRIPT, "--preset=smoke", f"--out_dir={tmp_path}", f"--cache_dir={cache}")
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "results.json").read_text())
    row = results["rows"]["wavenet_two_losses"]
    rate = row["values"]["per"]
    assert rate["published"]["mean"] == 18.8
    assert 20 < rate["reproduced"]["mean"] < 500 and rate["reproduced"]["n"] > 20
    facts = row["result"]["facts"]
    edits = facts["Insertions"] + facts["Deletions"] + facts["Substitutions"]
    assert 100 * edits / rate["reproduced"]["n"] == pytest.approx(rate["reproduced"]["mean"])
    page = (tmp_path / "table.html").read_text()
    assert "Phone error rate" in page and "Judged by listeners" not in page
    again = run_script(*arguments)
    assert again.returncode == 0 and "already done" in again.stdout


def test_timit_is_trained_on_48_phones_and_scored_on_39(run_script, cache, tmp_path):
    rng = np.random.default_rng(0)
    for number, part in enumerate(("TRAIN", "TRAIN", "TRAIN", "TRAIN", "TEST", "TEST")):
        folder = tmp_path / f"TIMIT/{part}/DR1/M{number % 3}AB0".replace("M0", "MX").replace(
            "M1", "MY"
        ).replace("M2", "MZ")
        folder.mkdir(parents=True, exist_ok=True)
        name = folder / f"SI{100 + number}"
        soundfile.write(f"{name}.WAV", rng.normal(0, 0.1, 6400), 16000, format="WAV")
        name.with_suffix(".PHN").write_text("0 1600 h#\n1600 3200 ix\n3200 4800 q\n4800 6400 s\n")
    done = run_script(
        SCRIPT,
        "--preset=smoke",
        f"--data_dir={tmp_path / 'TIMIT'}",
        f"--out_dir={tmp_path / 'out'}",
        f"--cache_dir={cache}",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / "out/results.json").read_text())["rows"]["wavenet_two_losses"]
    facts = result["result"]["facts"]
    assert (facts["Phones trained"], facts["Phones scored"]) == (48, 39)
    # The glottal stop counts nowhere.
    assert result["values"]["per"]["reproduced"]["n"] == 2 * 3


@pytest.mark.slow
def test_transcripts_are_enough(run_script, cache, tmp_path):
    folder, lines = tmp_path / "speech", []
    folder.mkdir()
    texts = ("The sun sets.", "A red fox, asleep.", "Ten of 12 ships.", "No transcript.")
    with SentenceReader() as reader:
        for number, text in enumerate(texts):
            samples, _ = reader.read(Sentence(text, "f1", 60, 160))
            soundfile.write(folder / f"{number}.wav", samples, 22050)
            lines.append(f"{number}|{text}|{text}")
    (folder / "metadata.csv").write_text("\n".join(lines[:3]) + "\n3\n")
    arguments = (
        SCRIPT,
        "--preset=smoke",
        f"--data_dir={folder}",
        f"--out_dir={tmp_path / 'out'}",
        f"--cache_dir={cache}",
    )
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 of 4 recordings are without a transcript" in done.stderr and "3.wav" in done.stderr
    result = json.loads((tmp_path / "out/results.json").read_text())["rows"]["wavenet_two_losses"]
    assert 5 < result["values"]["per"]["reproduced"]["n"] < 25
    assert "eSpeak NG's reading" in result["result"]["facts"]["Labels"]
    assert "not to what a listener heard" in (tmp_path / "out/table.md").read_text()
    assert len(list(cache.glob("alignment-*.json"))) == 1
    again = run_script(*arguments)
    assert again.returncode == 0 and "already done" in again.stdout
    assert "aligning" not in again.stderr


def test_recordings_without_labels_are_refused(run_script, cache, tmp_path):
    (tmp_path / "speech").mkdir()
    for name in "abcd":
        soundfile.write(tmp_path / f"speech/{name}.wav", np.full(16000, 0.1), 16000)
    done = run_script(
        SCRIPT,
        f"--data_dir={tmp_path / 'speech'}",
        f"--out_dir={tmp_path / 'out'}",
        f"--cache_dir={cache}",
    )
    assert done.returncode == 2
    assert "no phoneme labels" in done.stderr and "no transcripts" in done.stderr
    assert "Traceback" not in done.stderr
