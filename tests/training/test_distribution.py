import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.training import tiny_training
from tfwave.training import distribution
from tfwave.training.rows import read_rows

SCRIPT = pathlib.Path(tiny_training.__file__)


def test_unknown_strategy_is_named():
    with pytest.raises(ValueError, match="'multi_worker', not 'tpu'"):
        distribution.open_strategy("tpu")


@pytest.mark.parametrize("value", ["", "{", "{}", '{"cluster": {"worker": []}}'])
def test_multi_worker_needs_tf_config(monkeypatch, value):
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(ValueError, match="TF_CONFIG must be JSON with"):
        distribution.open_strategy("multi_worker")


def test_one_device():
    strategy = distribution.open_strategy("one")
    assert strategy.num_replicas_in_sync == 1
    assert distribution.is_chief(strategy) and distribution.worker_count(strategy) == 1
    assert distribution.value_of_chief(strategy, 1.5) == 1.5
    batches = distribution.ReplicaBatches(strategy, tiny_training.batches, 3)
    expected = iter(tiny_training.batches(3, 0, 1))
    for _ in range(2):
        np.testing.assert_array_equal(batches.next()["waveform"], next(expected)["waveform"])


def test_a_batch_must_be_shared_equally():
    class Three:
        num_replicas_in_sync = 3

    distribution.check_batch_size(Three(), 6)
    with pytest.raises(ValueError, match="batch_size 8 cannot be shared by 3 replicas"):
        distribution.check_batch_size(Three(), 8)


def start(directory, environment=None, **options):
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.Popen(
        [sys.executable, SCRIPT, directory, *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    outputs = []
    try:
        for process in processes:
            outputs.append(process.communicate(timeout=300)[0])
            assert process.returncode == 0, outputs[-1]
    finally:
        for process in processes:
            process.kill()
    return outputs


def start_workers(directory, **options):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    workers = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return [
        start(
            directory,
            {
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
                )
            },
            strategy="auto",
            **options,
        )
        for index in range(2)
    ]


def assert_same_losses(one, other, tolerance=1e-4):
    """The loss curves agree; norms of gradients belong to a replica's share and may differ."""
    one, other = read_rows(one), read_rows(other)
    assert [row["step"] for row in one] == [row["step"] for row in other]
    for a, b in zip(one, other, strict=True):
        for name in ("D_loss", "G_loss", "gradient_penalty", "x_rms", "G_z_rms"):
            if name in a:
                np.testing.assert_allclose(a[name], b[name], tolerance, err_msg=f"{name} of {a}")


CONFIG = {"steps": 12, "log_every": 1, "score_every": 6, "media_every": 6, "checkpoint_every": 5}


# Plain gradient descent shows any gradient that was summed twice or not at all. Adam divides a
# gradient by its own size: it hides a wrong scale and makes rounding errors grow from step to step.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "tolerance"), [("tiny", 1e-4), ("wavegan-sgd", 1e-4), ("wavegan", 1e-2)]
)
def test_several_replicas_and_workers_train_like_one(tmp_path, system, tolerance):
    common = {"system": system, "config": json.dumps(CONFIG)}
    finish(start(tmp_path / "one", **common))
    finish(start(tmp_path / "mirrored", strategy="mirrored", cpus=2, **common))
    finish(*start_workers(tmp_path / "workers", **common))
    assert_same_losses(tmp_path / "one", tmp_path / "mirrored", tolerance)
    assert_same_losses(tmp_path / "one", tmp_path / "workers", tolerance)
    assert len(list((tmp_path / "workers").glob("events*"))) == 1


@pytest.mark.slow
def test_workers_stop_together_and_resume(tmp_path):
    common = {"config": json.dumps({**CONFIG, "steps": 400}), "delay": 0.02}
    workers = start_workers(tmp_path / "workers", **common)
    while not read_rows(tmp_path / "workers"):
        assert workers[0].poll() is None, workers[0].communicate()[0]
    workers[1].terminate()
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [143, 143], outputs
    assert all("stopped at step" in output for output in outputs)
    common["delay"] = 0.0
    finish(*start_workers(tmp_path / "workers", **common))
    # Against workers, not one process, whose other rounding two opponents blow up in 400 steps.
    finish(*start_workers(tmp_path / "whole", **common))
    assert_same_losses(tmp_path / "whole", tmp_path / "workers", 1e-6)
