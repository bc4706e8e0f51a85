"""The script of Table 1, from the command line to the report, at the smallest size."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from absl import flags

from tfwave import files
from tfwave.training.rows import read_rows

SCRIPT = "paper_repro/wavegan_table1.py"


@pytest.fixture(scope="module")
def script(root):
    """A function of command line arguments that runs the script in this process."""
    spec = importlib.util.spec_from_file_location("wavegan_table1_script", root / SCRIPT)
    module = importlib.util.module_from_spec(spec)
    before = set(flags.FLAGS)
    spec.loader.exec_module(module)
    own = set(flags.FLAGS) - before

    def run(*arguments):
        for name in own:
            flags.FLAGS[name].unparse()
        return module.main(flags.FLAGS([SCRIPT, *arguments]))

    yield run
    # Other scripts define flags of the same names.
    for name in own:
        delattr(flags.FLAGS, name)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def _flags(out, cache, *more):
    return (
        f"--out_dir={out}",
        f"--cache_dir={cache}",
        "--preset=smoke",
        "--precision=float32",
        *more,
    )


def _wait_for_content(path, process, seconds=240):
    """Wait until a file has content, while a process runs."""
    end = time.monotonic() + seconds
    while not path.exists() or not path.stat().st_size:
        assert process.poll() is None and time.monotonic() < end, f"{path} was not written"
        time.sleep(0.02)


@pytest.mark.slow
def test_interrupted_resumed_cached_and_refused(root, script, cache, tmp_path, capsys):
    """One story: SIGTERM while training, the same command to the end, again, then another one."""
    out = tmp_path / "out"
    arguments = _flags(out, cache, "--rows=wavegan")
    with open(tmp_path / "stderr", "w+", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, root / SCRIPT, *arguments],
            cwd=root,
            stderr=stderr,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        _wait_for_content(out / "rows/wavegan/train/metrics.jsonl", process)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=120)
        stderr.seek(0)
        said = stderr.read()
    assert code == 128 + signal.SIGTERM, said
    assert said.strip().endswith("the same command continues")
    rows = files.read_json(out / "results.json")["rows"]
    assert rows["real_train"]["status"] == "done"
    assert rows["wavegan"]["status"].startswith("interrupted")

    assert script(*arguments) == 0
    printed = capsys.readouterr()
    assert "continuing from step" in printed.err
    assert "Real (test): already done" in printed.out and "WaveGAN: done in" in printed.out
    assert "4.12 ± 0.03" in printed.out and "not the paper's numbers" in printed.out
    rows = files.read_json(out / "results.json")["rows"]
    result = rows["wavegan"]["result"]
    assert result["scores"]["inception_score"]["n"] == 40
    assert result["seeds"]["score_latents"] != result["seeds"]["selection_latents"]
    assert rows["real_test"]["values"]["noise"]["reproduced"]["mean"] == 1.0
    assert rows["real_train"]["values"]["d_train"]["reproduced"]["mean"] == 0.0
    assert len(list((out / "rows/wavegan/samples").glob("*.wav"))) == 4
    for name in ("table.md", "table.html", "figures/scores.png", "figures/wavegan_training.pdf"):
        assert (out / name).stat().st_size > 1000

    before = (out / "rows/wavegan/result.json").stat().st_mtime_ns
    assert script(*arguments) == 0
    printed = capsys.readouterr()
    assert "WaveGAN: already done, nothing to compute" in printed.out
    assert (out / "rows/wavegan/result.json").stat().st_mtime_ns == before

    with pytest.raises(ValueError, match="another configuration .seed is 0 there and 1 here"):
        script(*arguments, "--seed=1")
    with pytest.raises(ValueError, match="preset.name is .smoke. there and .quick. here"):
        script(*arguments, "--preset=quick")

    merged = tmp_path / "merged"
    assert script(f"--out_dir={merged}", f"--merge={out}") == 0
    assert "merged row wavegan" in capsys.readouterr().out
    assert files.read_json(merged / "results.json")["rows"]["wavegan"]["status"] == "done"


def test_unknown_names_are_refused_in_one_line(run_script):
    for argument, words in (
        ("--rows=wavegan,wavenet", "there is no row 'wavenet'; the rows are real_train"),
        ("--preset=slow", "there is no preset 'slow'; there are paper, quick, smoke"),
        ("--seed=-1", "seed"),
        ("--griffin_lim=best", "griffin_lim"),
    ):
        finished = run_script(SCRIPT, argument, fresh=True)
        assert finished.returncode == 2
        assert finished.stderr.startswith("wavegan_table1.py: error: ")
        assert words in finished.stderr and finished.stderr.count("\n") == 1


def test_bad_folders_are_refused_by_name(script, cache, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.txt").write_text("no audio")
    for name in ("missing", "empty", "text"):
        with pytest.raises((OSError, ValueError), match=name):
            script(*_flags(tmp_path / "out", cache, f"--data_dir={tmp_path / name}"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        script(*_flags(tmp_path / "file" / "out", cache))
    with pytest.raises(ValueError, match="not a result folder"):
        script(f"--out_dir={tmp_path / 'merged'}", f"--merge={empty}")
    with pytest.raises(ValueError, match="'extra' is not a flag"):
        script("extra")


def test_bad_classifier_is_refused_by_name(script, cache, tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("folder", "prefix"):
        arguments = _flags(tmp_path / "out", cache, f"--classifier={tmp_path / name}")
        with pytest.raises(ValueError, match=name):
            script(*arguments)


def test_strategy_is_checked(script, cache, tmp_path):
    with pytest.raises(ValueError, match="not 'many'"):
        script(*_flags(tmp_path / "out", cache, "--strategy=many"))


@pytest.mark.slow
def test_two_workers_train_and_report_like_one(root, cache, tmp_path):
    """Two processes on this machine share every batch; the first one scores and reports."""
    with socket.socket() as first, socket.socket() as second:
        for open_port in (first, second):
            open_port.bind(("localhost", 0))
        workers = [f"localhost:{s.getsockname()[1]}" for s in (first, second)]

    def start(out, *more, **environment):
        return subprocess.Popen(
            [sys.executable, root / SCRIPT, *_flags(out, cache, "--rows=wavegan_ps2", *more)],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
        )

    alone = start(tmp_path / "one")
    assert alone.communicate(timeout=300)[0] and alone.returncode == 0
    together = [
        start(
            tmp_path / "two",
            "--strategy=multi_worker",
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in (0, 1)
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in together]
    finally:
        for process in together:
            process.kill()
    assert [process.returncode for process in together] == [0, 0], said
    one, two = (read_rows(tmp_path / name / "rows/wavegan_ps2/train") for name in ("one", "two"))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for mine, theirs in zip(one, two, strict=True):
        assert theirs["D_loss"] == pytest.approx(mine["D_loss"], rel=1e-3, abs=1e-3)
    rows = files.read_json(tmp_path / "two/results.json")["rows"]
    assert rows["wavegan_ps2"]["status"] == "done"
