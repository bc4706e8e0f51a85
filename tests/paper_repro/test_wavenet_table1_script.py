"""The script of WaveNet's Table 1 and clips from its model, from the command line, tiny."""

import json
import os
import socket
import subprocess
import sys

import pytest
import soundfile

from tfwave.training.rows import read_rows

SCRIPT = "paper_repro/wavenet_table1.py"


@pytest.fixture(scope="module")
def table(run_script, tmp_path_factory):
    """A finished folder of the smoke preset and what the script printed."""
    folder = tmp_path_factory.mktemp("wavenet_table1")
    arguments = (
        SCRIPT,
        "--preset=smoke",
        f"--out_dir={folder / 'out'}",
        f"--cache_dir={folder / 'cache'}",
    )
    done = run_script(*arguments, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, arguments, done


def test_the_table_holds_what_was_measured(table):
    folder, _, done = table
    results = json.loads((folder / "out/results.json").read_text())
    row = results["rows"]["wavenet_lf"]
    bits = row["values"]["bits_per_sample"]["reproduced"]
    assert 4 < bits["mean"] < 9 and bits["n"] > 10_000
    assert row["values"]["mos_north_american_english"]["published"]["mean"] == 4.21
    assert row["values"]["mos_north_american_english"]["reproduced"] is None
    assert results["rows"]["lstm"]["status"] == "not published"
    assert "synthetic" in " ".join(results["warnings"])
    page = (folder / "out/table.html").read_text()
    assert page.count("<audio") == 6 and "Recording" in page and "digit" not in page
    assert (folder / "out/figures/wavenet_lf_training.png").exists()
    text = (folder / "out/table.md").read_text()
    assert "4.21" in text and "bits per sample" in text
    assert "Held-out likelihood" in done.stdout


def test_every_computed_row_has_clips(table):
    folder, _, _ = table
    for row in ("wavenet_lf", "natural_8bit", "natural_16bit"):
        clips = sorted((folder / "out/rows" / row / "samples").glob("*.wav"))
        assert len(clips) == 2
        assert soundfile.info(clips[0]).frames == 1600


def test_a_finished_table_is_not_computed_again(table, run_script):
    _, arguments, _ = table
    again = run_script(*arguments)
    assert again.returncode == 0
    assert again.stdout.count("already done") == 3


def test_another_configuration_is_refused(table, run_script):
    _, arguments, _ = table
    other = run_script(*arguments, "--seed=1")
    assert other.returncode == 2
    assert "holds results of another configuration (seed is 0 there and 1 here)" in other.stderr


def test_mistakes_are_one_sentence(run_script, tmp_path):
    missing = run_script(SCRIPT, f"--data_dir={tmp_path / 'none'}", f"--out_dir={tmp_path / 'o'}")
    assert missing.returncode == 2 and str(tmp_path / "none") in missing.stderr
    assert "Traceback" not in missing.stderr
    preset = run_script(SCRIPT, "--preset=huge")
    assert "there is no preset 'huge'" in preset.stderr


def test_clips_follow_a_mel_and_continue_a_recording(table, run_script, tmp_path):
    folder, _, _ = table
    run = folder / "out/rows/wavenet_lf"
    spoken = run / "samples/clip_00.wav"
    whole = run_script(
        "tools/generate.py", run, f"--mel={spoken}", "--count=2", f"--out_dir={tmp_path / 'whole'}"
    )
    assert whole.returncode == 0, whole.stderr[-2000:]
    assert "samples/s" in whole.stderr
    again = run_script(
        "tools/generate.py", run, f"--mel={spoken}", "--count=1", f"--out_dir={tmp_path / 'again'}"
    )
    first = (tmp_path / "whole/seed0_000000.wav").read_bytes()
    assert first == (tmp_path / "again/seed0_000000.wav").read_bytes(), again.stderr
    assert first != (tmp_path / "whole/seed0_000001.wav").read_bytes()
    # 1,600 samples have 9 centred frames of 200.
    assert soundfile.info(tmp_path / "whole/seed0_000000.wav").frames == 1800
    primed = run_script(
        "tools/generate.py",
        run,
        f"--mel={spoken}",
        f"--prime={spoken}",
        "--seconds=0.05",
        f"--out_dir={tmp_path / 'primed'}",
    )
    assert primed.returncode == 2
    assert "a clip of 0.05 s leaves nothing to generate after 0.1 s of --prime" in primed.stderr


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ((), "--mel: this model is conditioned on a mel spectrogram"),
        (("--temperature=0",), "--temperature must be above 0, not 0"),
        (("--mel=MEL", "--speaker=anna"), "--speaker: this model knows no speakers"),
        (("--mel=none.npy",), "--mel: none.npy: No such file"),
    ],
)
def test_wrong_requests_are_one_sentence(table, run_script, tmp_path, flags, sentence):
    folder, _, _ = table
    run = folder / "out/rows/wavenet_lf"
    flags = [flag.replace("MEL", str(run / "samples/clip_00.wav")) for flag in flags]
    done = run_script("tools/generate.py", run, *flags, f"--out_dir={tmp_path}")
    assert done.returncode == 2 and sentence in done.stderr, done.stderr


@pytest.mark.slow
def test_two_workers_train_and_the_chief_alone_writes(table, root, tmp_path):
    """By default they share every batch where TF_CONFIG is set; losses are those of one worker."""
    folder, arguments, _ = table
    with socket.socket() as first, socket.socket() as second:
        for open_port in (first, second):
            open_port.bind(("localhost", 0))
        workers = [f"localhost:{s.getsockname()[1]}" for s in (first, second)]
    out = tmp_path / "two"
    processes = [
        subprocess.Popen(
            [sys.executable, root / SCRIPT, arguments[1], f"--out_dir={out}", arguments[3]],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(root),
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
                ),
            },
        )
        for index in (0, 1)
    ]
    try:
        printed = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], printed
    assert "Held-out likelihood" in printed[0][0] and "Report" not in printed[1][0]
    one, two = (read_rows(path / "rows/wavenet_lf/train") for path in (folder / "out", out))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for mine, theirs in zip(one, two, strict=True):
        assert theirs.keys() == mine.keys()
        for name in {"bits_per_sample", "held_out_bits_per_sample"} & mine.keys():
            assert theirs[name] == pytest.approx(mine[name], rel=1e-3)
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert [rows[key]["status"] for key in ("wavenet_lf", "natural_16bit")] == ["done", "done"]
    assert len(list((out / "rows/wavenet_lf/train").glob("events*"))) == 1
