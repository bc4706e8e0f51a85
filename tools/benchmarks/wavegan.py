"""`tools/benchmark.py wavegan`: training, generation, loading and memory of WaveGAN."""

import os
import tempfile

import numpy as np
from benchmarks import measure

BASELINE = "the authors' graph (TF1 style, float32)"
SLICE_LEN = 16384


def figures(runs: int, batch_sizes: list[int], model_dim: int) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      batch_sizes: clips in a batch.
      model_dim: d of the paper's tables; 64 is the published model.

    Returns:
      {name: figure} as `measure.summary` makes them.
    """
    from tfwave import compat

    precision = compat.default_precision()
    results = {}
    for batch_size in batch_sizes:
        results.update(_training(runs, batch_size, model_dim, precision))
    results.update(_generation(runs, model_dim, precision))
    results.update(_loading(runs, max(batch_sizes)))
    return results


def _training(runs, batch_size, model_dim, precision):
    """Time one iteration (five critic updates, one generator update) of each side in seconds."""
    sides = {BASELINE: measure.Side(prepare_tf1_graph, model_dim, batch_size)}
    sides["float32"] = measure.Side(prepare_training, model_dim, batch_size, "float32")
    if precision != "float32":
        sides["default"] = measure.Side(prepare_training, model_dim, batch_size, precision)
    results = measure.alternate(sides, runs)
    name = f"iteration, batch {batch_size}"
    found = {}
    for side, seconds in results.items():
        found[f"{name}, {side}"] = measure.summary(seconds, "s")
        found[f"{name}, {side}, peak memory"] = measure.summary([sides[side].close()], "GiB")
        if side == BASELINE:
            continue
        pairs = zip(results[BASELINE], seconds, strict=True)
        ratios = [theirs / ours for theirs, ours in pairs]
        found[f"{name}, {side}, speed-up"] = measure.summary(ratios, "times", BASELINE)
        found[f"{name}, {side}, process start to first iteration"] = measure.summary(
            [sides[side].first], "s"
        )
    if precision == "float32":  # the default path of this machine
        for part in ("", ", peak memory", ", speed-up", ", process start to first iteration"):
            found[f"{name}, default{part}"] = found[f"{name}, float32{part}"]
    return found


def _generation(runs, model_dim, precision):
    side = measure.Side(prepare_generation, model_dim, precision)
    rates = [64 / side.run() for _ in range(runs)]
    side.close()
    return {"generation, batch 64": measure.summary(rates, "clips/s")}


def _loading(runs, batch_size):
    side = measure.Side(prepare_loading, batch_size)
    rates = [50 * 5 * batch_size / side.run() for _ in range(runs)]
    side.close()
    return {f"loading, batch {batch_size}": measure.summary(rates, "clips/s")}


def prepare_training(model_dim, batch_size, precision):
    """Prepare tfwave's update on fixed clips, a fresh batch for each critic update."""
    import tensorflow as tf

    from tfwave.models.wavegan.config import WaveGANConfig
    from tfwave.models.wavegan.wavegan import WaveGAN

    model = WaveGAN(WaveGANConfig(model_dim=model_dim, precision=precision))
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    data = {"waveform": tf.constant(_clips(batch_size))}
    return lambda: step(data)["D_loss"].numpy()


def prepare_tf1_graph(model_dim, batch_size):
    """Prepare the baseline on the same clips."""
    from benchmarks.wavegan_tf1_graph import training_iteration

    iterate = training_iteration(model_dim, batch_size)
    reals = _clips(batch_size)
    return lambda: iterate(reals)


def prepare_generation(model_dim, precision):
    """Prepare 64 clips from latents."""
    from tfwave.models.wavegan.config import WaveGANConfig
    from tfwave.models.wavegan.wavegan import WaveGAN

    model = WaveGAN(WaveGANConfig(model_dim=model_dim, precision=precision))
    latents = model.sample_latents(64)
    return lambda: model.generate(latents=latents).numpy()


def prepare_loading(batch_size):
    """Prepare 50 elements of five batches, from a store of 2,000 one-second files."""
    from tfwave.data.corpus import Split
    from tfwave.data.slices import SliceConfig
    from tfwave.data.store import build_store
    from tfwave.data.windows import WindowConfig, Windows, training_batches

    folder = tempfile.TemporaryDirectory(prefix="tfwave-benchmark-")
    store = build_store(_wav_files(folder.name, 2000), folder.name, progress=False)
    slices = SliceConfig(first_slice=True, pad_end=True, random_offset=False)
    config = WindowConfig(SLICE_LEN, 0, columns=("waveform",), updates=5, channel_axis=True)
    windows = Windows(Split(store), config, slices=slices)
    batches = iter(training_batches(windows, batch_size, seed=0))

    def load(folder=folder):  # which is removed when the process ends
        for _ in range(50):
            next(batches)

    return load


def _wav_files(folder, count):
    from tfwave.audio.files import write_wav

    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        paths.append(os.path.join(folder, f"{i}.wav"))
        write_wav(paths[-1], rng.uniform(-0.5, 0.5, [16000, 1]).astype(np.float32), 16000)
    return paths


def _clips(batch_size):
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.1, [5, batch_size, SLICE_LEN, 1]).astype(np.float32)
