import json
import os

import numpy as np
import pytest
import tensorflow as tf

from tfwave.training.config import TrainingConfig
from tfwave.training.directory import open_directory, read_description
from tfwave.training.guard import NonFiniteError, check_metrics, check_variables
from tfwave.training.interrupts import stop_on_signals
from tfwave.training.progress import Progress
from tfwave.training.rows import RowWriter, read_curves, read_rows
from tfwave.training.summaries import Summaries, cut_events


def test_a_directory_keeps_its_description(tmp_path):
    description = {"model": {"name": "wavegan", "shape": (1, 2)}, "seed": 0}
    with open_directory(tmp_path / "a" / "b", description):
        pass
    with open_directory(tmp_path / "a" / "b", description):
        pass
    assert read_description(tmp_path / "a" / "b")["model"]["shape"] == [1, 2]


@pytest.mark.parametrize(
    ("new", "sentence"),
    [
        ({"model": {"dim": 2}, "seed": 0}, "model.dim is 1 there and 2 here"),
        ({"model": {"dim": 1}, "seed": 1}, "seed is 0 there and 1 here"),
        ({"model": {"dim": 1}}, "seed is 0 there and not set here"),
        ({"model": {"dim": 1, "a": "x"}, "seed": 9}, 'model.a is not set there and "x" here'),
    ],
)
def test_another_configuration_is_refused(tmp_path, new, sentence):
    with open_directory(tmp_path, {"model": {"dim": 1}, "seed": 0}):
        pass
    with pytest.raises(ValueError) as caught, open_directory(tmp_path, new):
        pass
    assert str(caught.value).startswith(f"{tmp_path}: belongs to another configuration: ")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert read_description(tmp_path)["seed"] == 0


def test_a_directory_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match="file/run: cannot write there"),
        open_directory(tmp_path / "file" / "run", {}),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="cannot write there"), open_directory(tmp_path / "x", {}):
        pass


def test_a_directory_without_a_run_is_named(tmp_path):
    with pytest.raises(OSError, match="not the directory of a run"):
        read_description(tmp_path)


def test_a_front_end_that_an_earlier_version_left_out_is_added(tmp_path):
    with open_directory(tmp_path, {"model": {"dim": 1}}):
        pass
    with open_directory(tmp_path, {"model": {"dim": 1}, "mel": {"n_mels": 80}}):
        pass
    assert read_description(tmp_path)["mel"] == {"n_mels": 80}
    with (
        pytest.raises(ValueError, match="mel.n_mels is 80 there and 40 here"),
        open_directory(tmp_path, {"model": {"dim": 1}, "mel": {"n_mels": 40}}),
    ):
        pass


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0),
        ("steps", 1.5),
        ("batch_size", -1),
        ("keep", 0),
        ("log_every", 0),
        ("score_every", -1),
        ("checkpoint_every_seconds", -1.0),
        ("profile_steps", (3, 2)),
    ],
)
def test_illegal_configuration_values_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        TrainingConfig(**{"steps": 1, field: value})


def test_rows_are_cut_at_the_step_that_is_continued_from(tmp_path):
    writer = RowWriter(tmp_path, 0)
    for step in (1, 2, 3):
        writer.append(step, {"D_loss": step * 0.1, "G_loss": float("nan")})
    writer.close()
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "D_lo')
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3]
    writer = RowWriter(tmp_path, 2)
    writer.append(3, {"D_loss": 7.0})
    writer.sync()
    writer.close()
    assert read_rows(tmp_path)[1:] == [
        {"step": 2, "D_loss": 0.2, "G_loss": None},
        {"step": 3, "D_loss": 7.0},
    ]
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        json.loads(line)


def test_curves_leave_out_what_was_not_finite(tmp_path):
    writer = RowWriter(tmp_path, 0)
    writer.append(1, {"loss": 2.0, "score": float("nan")})
    writer.append(2, {"loss": 1.5, "score": 0.5})
    writer.close()
    assert read_curves(tmp_path) == {"loss": [[1, 2.0], [2, 1.5]], "score": [[2, 0.5]]}


def test_no_rows_is_an_empty_list(tmp_path):
    assert read_rows(tmp_path) == []


def steps_in(directory):
    return [
        tf.compat.v1.Event.FromString(record.numpy()).step
        for path in sorted(directory.glob("events*"))
        for record in tf.data.TFRecordDataset(str(path))
    ]


def test_events_are_cut_at_the_step_that_is_continued_from(tmp_path):
    summaries = Summaries(str(tmp_path), 0, {"seed": 0})
    for step in (1, 2, 3):
        summaries.scalars(step, {"D_loss": 1.0})
    summaries.flush()
    summaries.close()
    path = next(tmp_path.glob("events*"))
    with open(path, "ab") as file:
        file.write(b"\x10\0\0\0\0\0\0\0half a record")
    cut_events(str(tmp_path), 2)
    assert steps_in(tmp_path)[-2:] == [1, 2]
    size = path.stat().st_size
    cut_events(str(tmp_path), 2)
    assert path.stat().st_size == size
    Summaries(str(tmp_path), 2, {"seed": 0}).close()
    assert steps_in(tmp_path).count(2) == 1
    cut_events(str(tmp_path), 0)
    assert not list(tmp_path.glob("events*"))


def test_summaries_without_a_directory_write_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    summaries = Summaries(None, 0, {}, {"a": 1})
    summaries.scalars(1, {"D_loss": 1.0})
    summaries.finish(1)
    summaries.flush()
    summaries.close()
    assert not os.listdir(tmp_path)


def test_finite_values_pass_the_guard():
    check_metrics(1, ["a", "b"], np.float32([0.0, 3e38]))
    check_variables(1, [tf.Variable([1.0]), tf.Variable(3, dtype=tf.int64)])


def test_the_guard_names_every_metric_that_broke():
    with pytest.raises(NonFiniteError, match="step 9: G_loss is inf, D_loss is nan$"):
        check_metrics(9, ["a", "G_loss", "D_loss"], np.float32([0.0, np.inf, np.nan]))


def test_signals_outside_the_main_thread_are_left_alone():
    import threading

    seen = []

    def body():
        with stop_on_signals() as request:
            seen.append(request.signum)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [0]


def test_progress_without_a_terminal_is_plain_lines(capsys):
    progress = Progress(True, 0, 4, ["D_loss", "G_loss"])
    progress.say("hello")
    for step in (1, 2, 4):
        progress.update(step, {"D_loss": -1.25, "G_loss": 0.5, "x_rms": 0.1}, 320.0)
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["hello", "step 4/4  D_loss -1.25  G_loss 0.5  320 clips/s  0:00:00 left"]


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress = Progress(True, 2, 4, ["D_loss", "G_loss"])
    progress.update(4, {"D_loss": -1.25}, 320.0)
    progress.close()
    text = capsys.readouterr().err
    assert "4/4" in text and "D_loss=-1.25" in text and "clips_per_s=320" in text


def test_progress_can_be_silent(capsys):
    progress = Progress(False, 0, 4)
    progress.say("hello")
    progress.update(4, {}, 1.0)
    progress.close()
    assert capsys.readouterr().err == ""
