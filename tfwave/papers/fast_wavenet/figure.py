"""The measurements behind the figure of Fast Wavenet (arXiv:1611.09482), and its drawing."""

import dataclasses
import statistics
import time

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfwave.models.sampler import BLOCK
from tfwave.models.wavenet import generation as wavenet_generation
from tfwave.models.wavenet import queues as wavenet_queues
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.repro.experiment import Measured
from tfwave.repro.report import figures
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.speed import SpeedExperiment


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of the measurement.

    Attributes:
      name: of the preset.
      layers: numbers of layers; layer i has dilation 2**i.
      channels: residual channels; the gates have twice as many, the skips the same number.
      runs: counted runs of each side.
    """

    name: str
    layers: tuple
    channels: int
    runs: int = 5


PRESETS = {
    "paper": Preset("paper", tuple(range(1, 16)), 128),
    "quick": Preset("quick", tuple(range(2, 15, 2)), 32),
    "smoke": Preset("smoke", (1, 3), 4, 2),
}


class FigureExperiment(SpeedExperiment):
    """An experiment whose rows are numbers of layers, timed with and without queues."""

    def folder_settings(self) -> dict:
        return {**super().folder_settings(), "seed": self.options.seed}

    @property
    def rows(self) -> tuple[Row, ...]:
        layers = self.preset.layers
        return tuple(row for row in self.table.rows if dict(row.changes)["layers"] in layers)

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        layers, preset, seed = dict(row.changes)["layers"], self.preset, self.options.seed
        config = WaveNetConfig(
            dilations=tuple(2**i for i in range(layers)),
            residual_channels=preset.channels,
            gate_channels=2 * preset.channels,
            skip_channels=preset.channels,
        )
        network = WaveNet(config, seed).averaged
        codes = np.random.default_rng(seed).integers(0, 256, [1, config.receptive_field])
        codes = tf.constant(codes, tf.int32)
        naive = tf.function(lambda: wavenet_queues.naive(network, codes), autograph=False)
        pieces = wavenet_generation.stream(network, 10**9, seed=seed)
        sides = {
            "naive": seconds_per_sample(lambda: naive().numpy(), 1, preset.runs),
            "queues": seconds_per_sample(lambda: next(pieces).numpy(), BLOCK, preset.runs),
        }
        field = config.receptive_field
        return Measured(
            scores={
                "ratio": {"mean": sides["naive"]["median"] / sides["queues"]["median"]},
                **{name: microseconds(side) for name, side in sides.items()},
            },
            counts=f"{preset.runs} runs",
            extra={"layers": layers, "receptive_field": field, **sides},
        )

    def draw(self, results: Results) -> None:
        """Write figure.png and figure.pdf."""
        rows = [results.load(row.key) for row in self.rows]
        rows = [row for row in rows if row]
        if not rows:
            return
        figure = Figure(figsize=(6, 4), layout="constrained")
        axis = figure.subplots()
        for name, label in (("naive", "whole receptive field"), ("queues", "queues")):
            points = [
                [row["layers"], *(1e6 * row[name][key] for key in ("median", "min", "max"))]
                for row in rows
            ]
            layers, median, low, high = np.array(points).T
            axis.plot(layers, median, marker="o", markersize=4, label=label)
            axis.fill_between(layers, low, high, alpha=0.2, linewidth=0)
        axis.set_yscale("log")
        axis.set_xlabel("layers, dilations 1, 2, 4, ...")
        axis.set_ylabel("microseconds per sample")
        axis.legend(frameon=False)
        figures.save(figure, results.path / "figure")


def seconds_per_sample(make, samples: int, runs: int) -> dict[str, float]:
    """Time a function of a number of samples after a warm-up: {median, min, max} in seconds."""
    make()  # traces and compiles
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        make()
        seconds.append((time.perf_counter() - begin) / samples)
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def microseconds(side: dict[str, float]) -> dict[str, float]:
    """Convert a result of `seconds_per_sample` to a score."""
    return {"mean": 1e6 * side["median"], "pm": 1e6 * (side["max"] - side["min"]) / 2}
