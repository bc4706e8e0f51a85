"""The tool that writes SavedModels: from what training wrote, and mistakes in one line."""

import dataclasses
import json
import subprocess
import sys

import pytest
import tensorflow as tf

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.serving.export import read_about
from tfwave.training import checkpoints
from tfwave.training.load import load_model

TOOL = "tools/export_saved_model.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The row of a table with a trained WaveRNN."""
    model = WaveRNN(WaveRNNConfig(units=8, bins=4), seed=1)
    model.compile()
    directory = tmp_path_factory.mktemp("rows") / "wavernn"
    (directory / "train").mkdir(parents=True)
    description = {"row": "wavernn", "model": dataclasses.asdict(model.config)}
    (directory / "train" / "config.json").write_text(json.dumps(description))
    checkpoints.save_newest(str(directory / "train"), model, 7, keep=2)
    return directory


def test_command_line(run_script, run, tmp_path):
    out = tmp_path / "models" / "rnn"
    done = run_script(TOOL, f"--train_dir={run}", f"--out={out}", "--which=latest", "--xla")
    assert done.returncode == 0, done.stderr
    assert f"{out}/1: " in done.stdout and f"{out}_xla/1: " in done.stdout
    assert "generate: count int32 [], samples int32 []" in done.stdout
    assert "-> wav_bytes string [?]" in done.stdout
    assert f"{tmp_path}/models/serve.sh serves rnn, rnn_xla" in done.stdout
    about = read_about(out / "1")
    assert (about["step"], about["weights"], about["system"]) == (7, "latest", "WaveRNN")
    assert tf.saved_model.contains_saved_model(str(out / "1"))


def test_mistakes_are_one_line(run, root, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (tmp_path / "file").write_text("")
    cases = [
        ([f"--train_dir={run}"], "--out"),
        ([f"--train_dir={foreign}", "--out={tmp}/m"], "not the directory of a run"),
        ([f"--train_dir={run}", "--out={tmp}/m"], "holds no best weights"),
        ([f"--train_dir={run}", "--which=latest", "--out={tmp}/file/m"], "cannot write there"),
        ([f"--train_dir={run}", "--which=worst", "--out={tmp}/m"], "which"),
    ]
    # In one process: importing TensorFlow takes longer than all of them.
    script = """
import json, runpy, sys
from absl import flags
for arguments in json.loads(sys.argv[1]):
    for flag in ("train_dir", "out", "which", "xla"):
        if flag in flags.FLAGS: delattr(flags.FLAGS, flag)
    sys.argv = ["tools/export_saved_model.py", *arguments]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        print("exit", end.code, file=sys.stderr)
"""
    arguments = [[a.format(tmp=tmp_path) for a in case] for case, _ in cases]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(arguments)],
        capture_output=True,
        text=True,
        cwd=root,
        env=None,
        timeout=200,
    )
    assert "Traceback" not in done.stderr, done.stderr
    lines = [x for x in done.stderr.splitlines() if x.startswith("export_saved_model.py: error: ")]
    assert len(lines) == len(cases) and done.stderr.count("exit 2") == len(cases), done.stderr
    for line, (_, wanted) in zip(lines, cases, strict=True):
        assert wanted in line


def test_finds_digit_classifiers(tmp_path):
    config = DigitClassifierConfig(slice_len=2048, frame_length=256, n_mels=16, filters=4)
    model = DigitClassifier(config, seed=3)
    (tmp_path / "config.json").write_text(json.dumps({"classifier": dataclasses.asdict(config)}))
    model.compile()
    weights = tf.train.Checkpoint(
        step=tf.Variable(9, dtype=tf.int64), weights=model.named_variables()
    )
    checkpoints.save_best(str(tmp_path), weights, 9, 0.5)
    state = tf.train.Checkpoint(weights=weights, optimizer=model.optimizer)
    checkpoints.save_newest(str(tmp_path), state, 11, keep=2)
    clips = tf.random.stateless_uniform([2, 2048], [1, 2])
    for which, step in (("best", 9), ("latest", 11)):
        loaded, _, found = load_model(str(tmp_path), which)
        assert found == step
        tf.debugging.assert_equal(loaded.logits(clips), model.logits(clips))
