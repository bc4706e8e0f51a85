"""`tools/benchmark.py wavenet`: generation against layers, batch and precision; training."""

import numpy as np
from benchmarks import measure

NAIVE = "naive: a pass over the receptive field for each sample"
PLAIN = "plain: Keras' dilated Conv1D layers"
TRAINING_SAMPLES = 4000


def figures(runs: int, batch_sizes: list[int], model_dim: int) -> dict:
    """Measure everything.

    Args:
      runs: counted runs of each side.
      batch_sizes: clips generated at a time.
      model_dim: residual channels of the small variant; 64 is the quoted size.

    Returns:
      {name: figure} as `measure.summary` makes them.
    """
    results = {}
    for variant in ("small", "ibab"):
        for clips in batch_sizes:
            results.update(_generation(runs, variant, clips, model_dim))
    results.update(_against_naive(runs, model_dim))
    results.update(_growth(runs, model_dim))
    results.update(_training(runs, model_dim))
    return results


def variant_config(variant: str, model_dim: int, layers: int = 30, dilation_limit: int = 512):
    """Return a configuration to measure.

    Args:
      variant: "small" (gates twice and skips four times as wide as the residuals, `layers` layers)
        or "ibab" (the defaults of ibab/tensorflow-wavenet, 50 layers).
      model_dim: residual channels of the small variant.
      layers: its layers.
      dilation_limit: its largest dilation.
    """
    from tfwave.models.wavenet.config import STACK, WaveNetConfig

    if variant == "ibab":
        return WaveNetConfig()
    dilations = [min(STACK[i % len(STACK)], dilation_limit) for i in range(layers)]
    return WaveNetConfig(
        dilations=tuple(dilations),
        residual_channels=model_dim,
        gate_channels=2 * model_dim,
        skip_channels=4 * model_dim,
    )


def _generation(runs, variant, clips, model_dim):
    """Measure the samples per second of all clips together, in each precision."""
    from tfwave.models.sampler import BLOCK

    results = {}
    for precision in ("float32", "mixed_bfloat16"):
        config = variant_config(variant, model_dim)
        side = measure.Side(prepare_generation, config, clips, precision)
        rates = [clips * BLOCK / side.run() for _ in range(runs)]
        name = f"{variant}, {clips} clips, {precision}"
        results[name] = measure.summary(rates, "samples/s")
        results[f"{name}, process start to first block"] = measure.summary([side.first], "s")
        side.close()
    return results


def _against_naive(runs, model_dim):
    from tfwave.models.sampler import BLOCK

    config = variant_config("small", model_dim)
    sides = {
        NAIVE: measure.Side(prepare_naive, config),
        "queues": measure.Side(prepare_generation, config, 1, "float32"),
    }
    seconds = measure.alternate(sides, runs)
    for side in sides.values():
        side.close()
    naive = [1 / second for second in seconds[NAIVE]]
    pairs = zip(naive, seconds["queues"], strict=True)
    return {
        f"small, 1 clip, {NAIVE}": measure.summary(naive, "samples/s"),
        "small, 1 clip, queues, speed-up": measure.summary(
            [BLOCK / second / rate for rate, second in pairs], "times", NAIVE
        ),
    }


def _growth(runs, model_dim):
    """Measure the microseconds of a sample as layers grow, and as the receptive field grows."""
    from tfwave.models.sampler import BLOCK

    results = {}
    for layers, limit in ((10, 512), (20, 512), (30, 512), (40, 512), (30, 1), (30, 32)):
        config = variant_config("small", model_dim, layers, limit)
        side = measure.Side(prepare_generation, config, 1, "float32")
        costs = [1e6 * side.run() / BLOCK for _ in range(runs)]
        side.close()
        name = f"small, {layers} layers, receptive field {config.receptive_field}"
        results[name] = measure.summary(costs, "us/sample")
    return results


def _training(runs, model_dim):
    """Measure the seconds of an update on two slices of a quarter of a second."""
    config = variant_config("small", model_dim)
    sides = {
        PLAIN: measure.Side(prepare_plain_training, config),
        "tfwave": measure.Side(prepare_training, config),
    }
    seconds = measure.alternate(sides, runs)
    results = {}
    for name, side in sides.items():
        results[f"training, {name}"] = measure.summary(seconds[name], "s")
        results[f"training, {name}, peak memory"] = measure.summary([side.close()], "GiB")
    pairs = zip(seconds[PLAIN], seconds["tfwave"], strict=True)
    ratios = [theirs / ours for theirs, ours in pairs]
    results["training, tfwave, speed-up"] = measure.summary(ratios, "times", PLAIN)
    return results


def prepare_generation(config, clips, precision):
    """Prepare one block of samples, as a stream makes them."""
    from tfwave.models.wavenet.generation import stream
    from tfwave.models.wavenet.wavenet import WaveNet

    network = WaveNet(config).averaged
    pieces = stream(network, 10**9, clips=clips, precision=precision)
    return lambda: next(pieces).numpy()


def prepare_naive(config):
    """Prepare one sample from the whole network over a receptive field."""
    import tensorflow as tf

    from tfwave.models.wavenet import queues as wavenet_queues
    from tfwave.models.wavenet.wavenet import WaveNet

    network = WaveNet(config).averaged
    rng = np.random.default_rng(0)
    codes = tf.constant(rng.integers(0, 256, [1, config.receptive_field]), tf.int32)
    predict = tf.function(lambda: wavenet_queues.naive(network, codes), autograph=False)
    return lambda: predict().numpy()


def prepare_training(config):
    """Prepare tfwave's update."""
    import tensorflow as tf

    from tfwave.models.wavenet.wavenet import WaveNet

    model = WaveNet(config)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    batch = {"waveform": tf.constant(_slices(config))}
    return lambda: step(batch)["loss"].numpy()


def prepare_plain_training(config):
    """Prepare the same network and update in the layers that Keras has for them."""
    from benchmarks.wavenet_plain import training_step

    step = training_step(config)
    slices = _slices(config)
    return lambda: step(slices)


def _slices(config):
    rng = np.random.default_rng(0)
    return rng.uniform(-0.5, 0.5, [2, config.receptive_field + TRAINING_SAMPLES]).astype(np.float32)
