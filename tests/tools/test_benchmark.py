"""The benchmark at a tiny size: every figure is there, and the baseline computes what ours does."""

import json

import numpy as np
import pytest


@pytest.mark.slow
def test_json_has_every_figure(run_script):
    done = run_script(
        "tools/benchmark.py", "wavegan", "--json", "--runs=2", "--batch_sizes=2", "--model_dim=1",
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    for part in ("", ", speed-up", ", peak memory", ", process start to first iteration"):
        assert figures[f"iteration, batch 2, float32{part}"]["median"] > 0
        assert f"iteration, batch 2, default{part}" in figures
    speed_up = figures["iteration, batch 2, default, speed-up"]
    assert speed_up["baseline"].startswith("the authors' graph")
    assert set(speed_up) == {"unit", "median", "min", "max", "runs", "baseline"}
    assert figures["loading, batch 2"]["unit"] == "clips/s"


@pytest.mark.slow
def test_wavenet_has_every_figure(run_script):
    done = run_script(
        "tools/benchmark.py", "wavenet", "--json", "--runs=1", "--batch_sizes=2", "--model_dim=2",
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    for variant in ("small", "ibab"):
        for precision in ("float32", "bfloat16"):
            assert figures[f"{variant}, 2 clips, {precision}"]["unit"] == "samples/s"
    assert figures["small, 1 clip, queues, speed-up"]["baseline"].startswith("naive")
    assert figures["small, 40 layers, receptive field 4094"]["median"] > 0
    assert figures["training, tfwave, speed-up"]["baseline"].startswith("plain")


def test_an_unknown_benchmark_is_one_sentence(run_script):
    done = run_script("tools/benchmark.py", "nothing")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].endswith("name one benchmark of: wavegan, wavenet")


def test_the_baseline_learns(load_script):
    """Its critic loss falls from the penalty of an untrained critic, as ours does."""
    load_script("tools/benchmark.py")
    from benchmarks.wavegan_tf1_graph import training_iteration

    iterate = training_iteration(1, 2)
    reals = np.random.default_rng(0).normal(0, 0.1, [5, 2, 16384, 1]).astype(np.float32)
    first = iterate(reals)
    assert 5 < first < 12
    for _ in range(20):
        last = iterate(reals)
    assert last < first
