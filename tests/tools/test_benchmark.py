"""The benchmark at a tiny size: every figure is there, and the baseline computes what ours does."""

import functools
import importlib
import json
import sys
import time

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def benchmarks(load_script):
    """A function that imports a module of tools/benchmarks by its name."""
    load_script("tools/benchmark.py")
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.mark.slow
def test_json_has_every_figure(run_script):
    done = run_script(
        "tools/benchmark.py",
        "wavegan",
        "--json",
        "--runs=2",
        "--batch_sizes=2",
        "--model_dim=1",
        timeout=300,
    )
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
        "tools/benchmark.py",
        "wavenet",
        "--json",
        "--runs=1",
        "--batch_sizes=2",
        "--model_dim=2",
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    for variant in ("small", "ibab"):
        for precision in ("float32", "mixed_bfloat16"):
            assert figures[f"{variant}, 2 clips, {precision}"]["unit"] == "samples/s"
    assert figures["small, 1 clip, queues, speed-up"]["baseline"].startswith("naive")
    assert figures["small, 40 layers, receptive field 4094"]["median"] > 0
    assert figures["training, tfwave, speed-up"]["baseline"].startswith("plain")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, size, generated, trained",
    [
        ("melgan", 1, "generation of 400 frames, tfwave", "step, batch 1, tfwave"),
        (
            "waveglow",
            2,
            "2 channels, generation of 60 frames, tfwave",
            "2 channels, step, batch 1, tfwave",
        ),
        (
            "wavernn",
            32,
            "dual softmax, clips: 1, tfwave, dense",
            "mel-conditioned, step, batch 4, tfwave",
        ),
    ],
)
def test_vocoders_have_every_figure(run_script, name, size, generated, trained):
    done = run_script(
        "tools/benchmark.py",
        name,
        "--json",
        "--runs=1",
        "--batch_sizes=1",
        f"--model_dim={size}",
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    for part in ("", ", of real time", ", peak memory", ", process start to first call"):
        assert figures[generated + part]["median"] > 0
    speed_ups = [each for each in figures if each.startswith(f"{generated}, speed-up over ")]
    assert speed_ups
    for each in speed_ups:
        assert figures[each]["baseline"] == each.split(", speed-up over ")[1]
    assert figures[trained]["unit"] == "s"
    if name == "wavernn":
        for how in ("16x1", "16x1, outputs too", "4x4", "4x4, outputs too"):
            assert f"dual softmax, clips: 1, tfwave, 95 % pruned in {how}" in figures
        assert figures["subscale, 24000 samples, tfwave"]["unit"] == "samples/s"
    if name == "waveglow":
        assert "2 channels, generation of 60 frames, tfwave in bfloat16" in figures


@pytest.mark.slow
def test_serving_has_every_figure(run_script):
    pytest.importorskip("tensorflow_serving")
    done = run_script(
        "tools/benchmark.py",
        "serving",
        "--json",
        "--runs=1",
        "--batch_sizes=1,3",
        "--model_dim=1",
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    for name in ("clients: 1, gRPC", "clients: 1, REST", "clients: 3, gRPC", "clients: 3, REST"):
        assert figures[name]["unit"] == "requests/s"
        p50, p99 = (figures[f"{name}, latency {part}"]["median"] for part in ("p50", "p99"))
        assert 0 < p50 <= p99
    for batch in (1, 16):
        ratio = figures[f"generation, batch {batch}, SavedModel, speed-up over the Python model"]
        assert ratio["baseline"] == "the Python model" and ratio["median"] > 0
    for warm in ("with warm-up", "without warm-up"):
        assert (
            figures[f"first answer, {warm}"]["median"]
            < figures[f"server's start to first answer, {warm}"]["median"]
        )
    assert figures["export"]["unit"] == "s" and figures["SavedModel"]["unit"] == "MiB"


def test_an_unknown_benchmark_is_one_sentence(run_script):
    done = run_script("tools/benchmark.py", "nothing")
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("name one benchmark of: wavegan, wavenet, melgan, waveglow, wavernn, serving")
    )


def test_a_python_without_pytorch_is_one_sentence(run_script):
    done = run_script("tools/benchmark.py", "melgan", "--torch_python=/nowhere/python")
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("--torch_python: /nowhere/python cannot import torch")
    )


def test_sides_run_in_processes_of_their_own(benchmarks):
    measure = benchmarks("measure")
    sides = {
        name: measure.Side(functools.partial, time.sleep, seconds, python=sys.executable)
        for name, seconds in (("slow", 0.2), ("fast", 0.01))
    }
    figures = measure.compare("nap", sides, ("slow", "absent"), 3, ("naps/s", 1), 2.0)
    assert 0 < figures["nap, slow"]["median"] <= 5
    assert figures["nap, fast"]["unit"] == "naps/s"
    assert figures["nap, fast, of real time"]["max"] == 2 * figures["nap, fast"]["max"]
    assert 1 < figures["nap, fast, speed-up over slow"]["median"] <= 25
    # This process has TensorFlow; theirs do not.
    assert 0 < figures["nap, fast, peak memory"]["median"] < 0.1 < measure.peak_memory()
    first = figures["nap, slow, process start to first call"]
    assert first["median"] > 0.2 and first["unit"] == "s"
    assert not any("slow, speed-up" in name or "absent" in name for name in figures)


def test_a_side_that_fails_is_an_error(benchmarks, capfd):
    measure = benchmarks("measure")
    with pytest.raises(RuntimeError, match="one side of the benchmark died"):
        measure.Side(functools.partial, divmod, 1, 0)
    assert "ZeroDivisionError" in capfd.readouterr().err


def normal(shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 0])


def assert_same(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert np.std(ours) > 0
    np.testing.assert_allclose(theirs, ours, atol=1e-4 * np.max(np.abs(ours)))


def test_plain_melgan_is_melgan(benchmarks):
    from tfwave.models.melgan.config import MelGANConfig
    from tfwave.models.melgan.melgan import MelGAN

    config = MelGANConfig(channels=1, ratios=(16, 16), residual_blocks=2, discriminator_channels=4)
    model, features = MelGAN(config, seed=1).fold_weight_norm(), normal([2, 7, 80])
    generate = benchmarks("melgan_plain").generator(model)
    assert_same(model.generate(features), generate(features))


def test_plain_waveglow_is_waveglow(benchmarks):
    from tfwave.models.waveglow.config import WaveGlowConfig
    from tfwave.models.waveglow.waveglow import WaveGlow

    model = WaveGlow(WaveGlowConfig(channels=4, flows=2, early_every=1, layers=2), seed=1)
    for number, coupling in enumerate(model.network.couplings):
        for variable in (coupling.end_kernel, coupling.end_bias):
            variable.assign(0.1 * normal(variable.shape, number))
    model, features = model.fold_weight_norm(), normal([2, 3, 80])
    z = normal(model.noise_shape(features), 1)
    assert_same(model.invert(z, features), benchmarks("waveglow_plain").inverse(model)(z, features))


def test_plain_dual_softmax_is_wavernn(benchmarks):
    from tfwave.models.wavernn.cell import waveform_of
    from tfwave.models.wavernn.config import WaveRNNConfig
    from tfwave.models.wavernn.generation import WaveRNNSteps
    from tfwave.models.wavernn.wavernn import WaveRNN

    model = WaveRNN(WaveRNNConfig(units=16), seed=1)
    uniform = WaveRNNSteps(256, hop=1).noise(3, 0, 2)[:50]
    made = benchmarks("wavernn_plain").dual_softmax(model.network.cell, uniform)
    made = tf.transpose(waveform_of(made[..., 0], made[..., 1], 256))
    assert_same(model.generate(samples=50, count=2, seed=3)[..., 0], made)


def test_plain_mel_conditioned_is_the_public_model(benchmarks):
    from tfwave.models.fatchord_wavernn import generation
    from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
    from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN
    from tfwave.models.wavenet import outputs as wavenet_outputs

    model = FatchordWaveRNN(FatchordWaveRNNConfig(units=8, dense_units=8), seed=1)
    rows = normal([2, 40, 208])
    drawn = wavenet_outputs.draws(model.config, tf.constant(0), tf.constant(0), 2, 40)
    made = benchmarks("wavernn_plain").mel_conditioned(model.network, rows, drawn)
    assert_same(generation.run(model.network, rows, draws=drawn), made)


def test_pytorch_networks_have_the_published_sizes(benchmarks):
    pytest.importorskip("torch")

    def size(network):
        return sum(weights.numel() for weights in network.parameters())

    def bare(layer):
        return layer

    melgan, waveglow = benchmarks("melgan_torch"), benchmarks("waveglow_torch")
    assert size(melgan.generator(32, bare)) == 4260257
    assert size(melgan.Discriminators()) == 16924086
    assert size(waveglow.WaveGlow(256, bare)) == 87731816


def test_the_baseline_learns(benchmarks):
    """Its critic loss falls from the penalty of an untrained critic, as ours does.

    It has four channels, as with one the loss may fall by no more than it varies between batches.
    """
    iterate = benchmarks("wavegan_tf1_graph").training_iteration(4, 2)
    reals = np.random.default_rng(0).normal(0, 0.1, [5, 2, 16384, 1]).astype(np.float32)
    first = iterate(reals)
    assert 5 < first < 12
    for _ in range(30):
        last = iterate(reals)
    assert last < first / 2
