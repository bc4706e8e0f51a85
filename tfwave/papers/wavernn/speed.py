"""Speeds of WaveRNN (arXiv:1802.08435): Tables 2 and 4, and the speeds in its text.

Speeds do not depend on the values of weights, which are initial, and pruned as at the end of
training. Products are those of `block_sparsity.product`, one after the other inside one compiled
loop, as generation makes them.
"""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfwave.layers.block_sparsity import PruningConfig, expand, product, strongest, to_blocks
from tfwave.layers.gru import gates
from tfwave.models.sampler import BLOCK
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn import generation
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.subscale import SubscaleWaveRNN
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.papers.wavernn import presets as sizes_of
from tfwave.repro.experiment import Measured
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.speed import SpeedExperiment, spread, timed

_RATE = sizes_of.SAMPLE_RATE / 1000  # kHz


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of the measurement.

    Attributes:
      name: of the preset.
      runs: counted runs of what takes less than seconds.
      slow_runs: counted runs of WaveNet and subscale.
      blocks: of 512 samples in a run of WaveRNN.
      work: multiplications in a run of products.
      sizes: name of the preset of Table 3 whose widths the models have.
    """

    name: str = "paper"
    runs: int = 11
    slow_runs: int = 5
    blocks: int = 20
    work: float = 1e9
    sizes: str = "paper"

    @property
    def shrink(self) -> int:
        """Return the divisor of widths."""
        return sizes_of.PRESETS[self.sizes].shrink

    @property
    def samples(self) -> int:
        """Return the samples in a run of WaveRNN."""
        return self.blocks * BLOCK


PRESETS = {
    "paper": Preset(),
    "quick": Preset("quick", 7, 1, 4, 2e8),
    "smoke": Preset("smoke", 2, 1, 1, 1e4, "smoke"),
}


def seconds_each(
    function: Callable, operands, start: tf.Tensor, count: int, runs: int
) -> np.ndarray:
    """Time a function inside a compiled loop that feeds it its own output.

    Args:
      function: of (x, operands) that returns the next x.
      operands: tensors, `Blocks`, or tuples of them.
      start: float32 tensor, the first x.
      count: applications in a run.
      runs: counted runs.

    Returns:
      Seconds of one application in each run, float array.
    """

    @tf.function(jit_compile=True, autograph=False)
    def repeat(operands):
        def body(i, x):
            return i + 1, function(x, operands)

        return tf.while_loop(lambda i, _: i < count, body, (tf.constant(0), start))[1]

    _, _, seconds = timed(lambda: repeat(operands).numpy(), runs)
    return seconds / count


def product_seconds(matrix, inputs: int, preset: Preset) -> np.ndarray:
    """Time the product of a row vector and a matrix, dense or `Blocks`; seconds of each run."""
    values = matrix if isinstance(matrix, tf.Tensor) else matrix.values

    def again(x, matrix):
        y = product(x, matrix)
        y = tf.tile(y, [1, -(-inputs // y.shape[1])])[:, :inputs]
        # Bounded, and far from the subnormal numbers that slow a CPU down.
        return 1.0 + 1e-3 * y

    count = max(10, round(preset.work / values.shape.num_elements()))
    return seconds_each(again, matrix, tf.ones([1, inputs]), count, preset.runs)


def gate_seconds(units: int, preset: Preset) -> np.ndarray:
    """Time the non-linearities of the gates of one sample; seconds of each run."""

    def again(h, terms):
        u, _, e = gates(tf.tile(h, [1, 3]), terms)
        return e + u * (h - e)

    count = max(10, round(preset.work / (30 * units)))
    return seconds_each(again, tf.ones([1, 3 * units]), tf.ones([1, units]), count, preset.runs)


def random_matrix(side: int, sparsity: float, block: str):
    """Draw a square matrix of noise; of a sparse one the strongest blocks are kept."""
    kernel = tf.random.stateless_normal([side, side], [0, 0]) / math.sqrt(side)
    if not sparsity:
        return kernel
    return to_blocks(kernel * expand(strongest(kernel, sparsity, block), block))


def pruned(config: WaveRNNConfig) -> WaveRNN:
    """Build a WaveRNN with its initial weights, pruned as at the end of training."""
    model = WaveRNN(config)
    last = PruningConfig(0.0)
    model.network.cell.prune(tf.constant(last.start + last.steps, tf.int64))
    return model


def generation_seconds(
    model: keras.Model, features_config, samples: int, runs: int, clips: int = 1, **kwargs
) -> np.ndarray:
    """Time the generation of a conditioned model from noise; seconds of each run.

    Args:
      model: with `generate`.
      features_config: the configuration with its hop_length, frame_padding and channels.
      samples: samples in a run.
      runs: counted runs.
      clips: clips that are generated at a time.
      **kwargs: arguments of `generate`.
    """
    frames = -(-samples // features_config.hop_length) + 2 * features_config.frame_padding + 1
    features = tf.random.stateless_normal([clips, frames, features_config.channels], [0, 0])
    _, _, seconds = timed(
        lambda: model.generate(samples=samples, features=features, **kwargs).numpy(), runs
    )
    return seconds


class MobileSpeed(SpeedExperiment):
    """Table 2: the speed of Sparse WaveRNN Mobile, and of its products."""

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        preset, block = self.preset, dict(row.changes)["block"]
        samples, units = preset.samples, 1024 // preset.shrink
        model = pruned(
            WaveRNNConfig(
                units=units,
                conditioning="features",
                pruning=PruningConfig(0.95, block),
                output_pruning=PruningConfig(0.8, block),
            )
        )
        seconds = generation_seconds(model, model.config, samples, preset.runs)
        parts = self._parts(model, units)
        return Measured(
            scores={
                "run_khz": spread(samples / 1e3 / seconds),
                "sum_khz": spread(1e-3 / sum(parts.values())),
            },
            facts={
                f"Microseconds of {name}": 1e6 * spread(seconds)["mean"]
                for name, seconds in parts.items()
            },
            counts=f"{preset.runs} runs of {samples:,} samples",
        )

    def _parts(self, model, units):
        """Return {part of a sample: seconds of each run}."""
        weights = generation.fold(model.network.cell, sparse=None)
        parts = {"R": product_seconds(weights.recurrent, units, self.preset)}
        inputs = (units // 2, model.config.hidden) * 2
        for number, (matrix, size) in enumerate(zip(weights.outputs, inputs, strict=True), 1):
            parts[f"O{number}"] = product_seconds(matrix, size, self.preset)
        parts["the gates' non-linearities"] = gate_seconds(units, self.preset)
        return parts


class ProductSpeed(SpeedExperiment):
    """Table 4: the speed of products of a vector and a square matrix."""

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        changes = dict(row.changes)
        side, sparsity = changes["side"] // self.preset.shrink, changes["sparsity"]
        matrix = random_matrix(side, sparsity, changes["block"])
        seconds = product_seconds(matrix, side, self.preset)
        work = 2 * side**2 * (1 - sparsity)
        return Measured(
            scores={
                "cpu_gflops": spread(work / seconds / 1e9),
                "cpu_products": spread(1 / seconds / 1e3),
            },
            facts={"Side": side},
            counts=f"{self.preset.runs} runs",
        )


class GenerationSpeed(SpeedExperiment):
    """The speeds in the text, measured by running the models."""

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        preset = self.preset
        kwargs = {name: value for name, value in row.changes if name in ("clips", "xla")}
        clips, runs, samples = kwargs.get("clips", 1), preset.slow_runs, preset.samples
        # All steps of the paper, so that `pruned` finds its schedule.
        steps = sizes_of.PRESETS["paper"].steps
        sizes = dataclasses.replace(sizes_of.PRESETS[preset.sizes], steps=steps)
        config = features_config = sizes_of.configuration(row, sizes)
        if row.system == "wavenet":
            # Padded layers need no field of silence first; a sample costs the same.
            model, samples = WaveNet(dataclasses.replace(config, padding="causal")), BLOCK
            features_config = config.conditioning
        elif row.system == "subscale":
            model = SubscaleWaveRNN(config)
            samples = config.tensors * config.future
        else:
            model, runs = pruned(config), preset.runs
        measured = Measured(counts=f"{runs} runs of {samples:,} samples")
        seconds = generation_seconds(model, features_config, samples, runs, **kwargs)
        rates = samples / 1e3 / seconds
        if row.system == "subscale":
            name = "Thousand samples per second from the first to the last"
            measured.facts[name] = spread(rates)["mean"]
            rates *= _steps_run(config, samples) / (samples // config.tensors)
        measured.scores = {
            "khz": spread(rates),
            "real_time": spread(rates / _RATE),
            "weights_m": {"mean": sizes_of.weight_count(config) / 1e6},
        }
        if clips > 1:
            measured.scores["total_khz"] = spread(clips * rates)
        if row.system == "wavernn":
            measured.scores["products"] = {"mean": 1 + len(model.network.cell.outputs)}
        return measured


def _steps_run(config, samples):
    """Count the steps of batched generation: the lag of the last sub-tensor, then its samples."""
    steps = -(-config.reach // config.chunk) * config.chunk
    steps += (config.tensors - 1) * config.future + samples // config.tensors
    return -(-steps // config.chunk) * config.chunk
