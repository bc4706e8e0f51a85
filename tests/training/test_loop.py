import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.training import tiny_training
from tfwave.training import checkpoints
from tfwave.training.config import TrainingConfig
from tfwave.training.guard import NonFiniteError
from tfwave.training.interrupts import Interrupted
from tfwave.training.loop import train
from tfwave.training.rows import read_rows

SCRIPT = pathlib.Path(tiny_training.__file__)
RHYTHM = {
    "batch_size": 8,
    "log_every": 3,
    "score_every": 4,
    "checkpoint_every": 5,
    "media_every": 6,
}


def run(directory, steps, batches=tiny_training.batches, broken_at=None, **changes):
    return train(
        directory,
        lambda: tiny_training.make_model(broken_at=broken_at),
        batches,
        TrainingConfig(steps=steps, **{**RHYTHM, **changes}),
        {"seed": 0},
        score_fn=tiny_training.score,
        progress=False,
    )


def assert_same_run(one, other, result_one, result_other):
    """Weights, optimisers, best weights and logged rows are equal to the last bit."""
    for a, b in zip(
        tiny_training.weights(result_one.model),
        tiny_training.weights(result_other.model),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert read_rows(one) == read_rows(other)
    assert checkpoints.read_best(one) == checkpoints.read_best(other)
    best = [tiny_training.make_model(), tiny_training.make_model()]
    assert checkpoints.restore(one, best[0]) == checkpoints.restore(other, best[1])
    for a, b in zip(best[0].variables, best[1].variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    return directory, run(directory, 20)


def events(directory):
    """(step, tag) of everything in the event files."""
    found = []
    for path in sorted(pathlib.Path(directory).glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found.extend((event.step, value.tag) for value in event.summary.value)
    return found


def test_a_run_writes_rows_best_and_checkpoints(uninterrupted):
    directory, result = uninterrupted
    assert result.step == 20 and int(tf.convert_to_tensor(result.model.step)) == 20
    rows = read_rows(directory)
    assert [row["step"] for row in rows] == [1, 3, 4, 6, 8, 9, 12, 15, 16, 18, 20]
    scored = {row["step"]: row["score"] for row in rows if "score" in row}
    assert sorted(scored) == [4, 8, 12, 16, 20]
    assert result.best_score == max(scored.values()) == scored[result.best_step]
    assert sorted(os.listdir(directory / "checkpoints")) == ["step_00000015", "step_00000020"]
    assert os.listdir(directory / "best").count(f"step_{result.best_step:08d}") == 1


def test_best_weights_have_the_best_score(uninterrupted):
    directory, result = uninterrupted
    model = tiny_training.make_model()
    assert checkpoints.restore(directory, model, "best") == result.best_step
    assert tiny_training.score(model) == result.best_score
    assert checkpoints.restore(directory, model, "latest") == 20


def test_two_runs_are_identical(uninterrupted, tmp_path):
    assert_same_run(uninterrupted[0], tmp_path, uninterrupted[1], run(tmp_path, 20))


@pytest.mark.parametrize("other_rhythm", [{"checkpoint_every": 3}, {"checkpoint_every": 0}])
def test_weights_do_not_depend_on_when_checkpoints_are_written(
    uninterrupted, tmp_path, other_rhythm
):
    result = run(tmp_path, 20, **other_rhythm)
    assert_same_run(uninterrupted[0], tmp_path, uninterrupted[1], result)


def test_resuming_after_an_error_converges_to_the_same_run(uninterrupted, tmp_path):
    def failing(*where):
        def fail(clips):
            failing.count += 1
            if failing.count > 13:
                raise RuntimeError("the power is gone")
            return clips

        failing.count = 0
        return tiny_training.batches(*where).map(
            lambda data: {
                "waveform": tf.ensure_shape(
                    tf.numpy_function(fail, [data["waveform"]], tf.float32), data["waveform"].shape
                )
            }
        )

    with pytest.raises(tf.errors.OpError):
        run(tmp_path, 20, batches=failing)
    assert read_rows(tmp_path)[-1]["step"] > 10
    assert_same_run(uninterrupted[0], tmp_path, uninterrupted[1], run(tmp_path, 20))


def test_resuming_leaves_every_summary_once(uninterrupted, tmp_path):
    with pytest.raises(NonFiniteError):
        run(tmp_path, 20, broken_at=14)
    run(tmp_path, 20)
    found = events(tmp_path)
    assert sorted(found) == sorted(events(uninterrupted[0]))
    assert len(found) == len(set(found))


def test_a_finished_run_is_not_trained_again(uninterrupted, tmp_path):
    run(tmp_path, 20)
    before = read_rows(tmp_path)

    def no_batches(*where):
        raise AssertionError(where)

    result = run(tmp_path, 20, batches=no_batches)
    assert result.step == 20 and read_rows(tmp_path) == before


def test_tensorboard_has_scalars_media_and_texts(uninterrupted):
    found = set(events(uninterrupted[0]))
    for tag in ("D_loss", "G_loss", "clips_per_second"):
        assert (3, f"scalars/{tag}") in found
    assert (4, "scalars/score") in found
    assert (6, "clips/real") in found
    assert {(0, "command"), (0, "config")} <= found


def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(tmp_path):
    with pytest.raises(NonFiniteError) as caught:
        run(tmp_path, 40, broken_at=14, log_every=40, checkpoint_every=5)
    assert str(caught.value) == (
        "training stopped at step 14: G_loss is nan "
        "(batches 26 to 27, whose samples are all finite)"
    )
    assert checkpoints.restore(tmp_path, tiny_training.make_model(), "latest") == 10


def test_clips_that_are_not_finite_are_named(tmp_path):
    def bad(*where):
        return tiny_training.batches(*where, bad_step=6)

    with pytest.raises(NonFiniteError, match="step 7: D_loss is nan.*batch 13 holds 256 non-fin"):
        run(tmp_path, 20, batches=bad)
    model = tiny_training.make_model()
    assert checkpoints.restore(tmp_path, model, "latest") == 5
    assert all(np.isfinite(array).all() for array in tiny_training.weights(model))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    class Silent(tiny_training.TinyGAN):
        """Spoils a weight without any metric noticing."""

        def train_step(self, reals):
            metrics = super().train_step(reals)
            spoiled = tf.where(self.step >= 7, np.inf, 0.0)
            self.discriminator.layers[-1].bias.assign_add(tf.reshape(spoiled, [1]))
            return {name: tf.zeros_like(value) for name, value in metrics.items()}

    def silent_model():
        model = Silent()
        model.compile()
        return model

    config = TrainingConfig(steps=20, **{**RHYTHM, "score_every": 0})
    with pytest.raises(NonFiniteError, match="step 10: the variable .* holds non-finite"):
        train(tmp_path, silent_model, tiny_training.batches, config, {}, progress=False)
    assert checkpoints.restore(tmp_path, tiny_training.make_model(), "latest") == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(uninterrupted, tmp_path, number):
    def stopping(*where):
        def stop(step):
            if step == 7:
                os.kill(os.getpid(), number)
            return step

        ticks = tf.data.Dataset.counter(start=where[0]).map(
            lambda step: tf.numpy_function(stop, [step], tf.int64)
        )
        joined = tf.data.Dataset.zip((tiny_training.batches(*where), ticks))
        return joined.map(lambda clips, tick: clips)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="stopped at step .* of 20.*same command") as caught:
        run(tmp_path, 20, batches=stopping)
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
    step = checkpoints.restore(tmp_path, tiny_training.make_model(), "latest")
    assert 5 < step < 20
    assert_same_run(uninterrupted[0], tmp_path, uninterrupted[1], run(tmp_path, 20))


def test_checkpoints_by_time(tmp_path):
    with pytest.raises(NonFiniteError):
        run(tmp_path, 20, checkpoint_every=0, checkpoint_every_seconds=1e-6, broken_at=14)
    assert checkpoints.restore(tmp_path, tiny_training.make_model(), "latest") == 13


def test_a_second_process_is_refused(tmp_path):
    def nested(*where):
        with pytest.raises(OSError, match=f"in use by process {os.getpid()} on"):
            run(tmp_path, 20)
        return tiny_training.batches(*where)

    assert run(tmp_path, 2, batches=nested).step == 2


def test_the_step_is_traced_once(tmp_path):
    class Counting(tiny_training.TinyGAN):
        traces = 0

        def train_step(self, reals):
            Counting.traces += 1
            return super().train_step(reals)

    def counting_model():
        model = Counting()
        model.compile()
        return model

    config = TrainingConfig(steps=12, **{**RHYTHM, "score_every": 0})
    train(tmp_path, counting_model, tiny_training.batches, config, {}, progress=False)
    assert Counting.traces == 1


def test_hyperparameters_are_shown(tmp_path):
    config = TrainingConfig(steps=2, **RHYTHM)
    train(
        tmp_path,
        tiny_training.make_model,
        tiny_training.batches,
        config,
        {},
        hparams={"loss": "lsgan", "upsample": None, "phase_shuffle": 2},
        progress=False,
    )
    tags = [tag for _, tag in events(tmp_path)]
    assert "_hparams_/session_start_info" in tags and "_hparams_/session_end_info" in tags


@pytest.mark.parametrize("last", [3, 9])
def test_profile_of_some_steps(tmp_path, last):
    run(tmp_path, 4, profile_steps=(2, last), score_every=0)
    assert list((tmp_path / "plugins" / "profile").rglob("*.xplane.pb"))


def start(directory, steps, weights="", delay=0.0, system="tiny"):
    config = json.dumps({**RHYTHM, "steps": steps})
    return subprocess.Popen(
        [
            sys.executable,
            SCRIPT,
            directory,
            "--config",
            config,
            "--delay",
            str(delay),
            "--weights",
            weights,
            "--system",
            system,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


def wait_for_a_row(directory, process):
    """Wait until a process has logged something; tell whether it is still running."""
    seen = len(read_rows(directory))
    deadline = time.monotonic() + 120
    while len(read_rows(directory)) <= seen and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process.poll() is None


@pytest.mark.slow
@pytest.mark.parametrize(("system", "steps", "kills"), [("tiny", 120, 10), ("wavegan", 24, 3)])
def test_killed_at_random_moments_and_resumed_is_the_same_run(tmp_path, system, steps, kills):
    random = np.random.default_rng(0)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(start(whole, steps, tmp_path / "whole.npz", system=system))[0] == 0
    done = 0
    while done < kills:
        process = start(killed, steps, delay=0.02, system=system)
        # Any moment from the first row on: while training, scoring or writing.
        if wait_for_a_row(killed, process):
            time.sleep(random.uniform(0.0, 0.4))
        if process.poll() is None:
            process.kill()
            done += 1
        process.communicate()
        assert process.returncode != 0, f"finished after {done} kills"
    code, errors = finish(start(killed, steps, tmp_path / "killed.npz", system=system))
    assert code == 0 and "continuing from step" in errors
    with np.load(tmp_path / "whole.npz") as one, np.load(tmp_path / "killed.npz") as other:
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
    assert read_rows(whole) == read_rows(killed)
    assert checkpoints.read_best(whole) == checkpoints.read_best(killed)
    assert sorted(events(whole)) == sorted(events(killed))


def test_sigterm_of_a_script_exits_with_143(tmp_path):
    process = start(tmp_path, 100000, delay=0.05)
    while not read_rows(tmp_path):
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    code, errors = finish(process)
    assert code == 128 + signal.SIGTERM
    assert errors.strip().splitlines()[-1].startswith("stopped at step")
    assert checkpoints.restore(tmp_path, tiny_training.make_model(), "latest") >= 1
