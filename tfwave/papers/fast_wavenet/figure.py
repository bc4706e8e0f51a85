"""The generation-cost figure of "Fast Wavenet Generation Algorithm" (arXiv:1611.09482).

Seconds of one sample against the number of layers, whose dilations double: by a pass over the whole
receptive field, which doubles with every layer, and by queues. The paper plots both and prints no
numbers; every number here was measured by the run that prints it.
"""

import dataclasses
import statistics
import time

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfwave import files
from tfwave.models.sampler import BLOCK
from tfwave.models.wavenet import generation as wavenet_generation
from tfwave.models.wavenet import queues as wavenet_queues
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.repro import results as runner
from tfwave.repro.plan import Plan
from tfwave.repro.report import figures


@dataclasses.dataclass(frozen=True)
class Preset:
    """What is measured.

    Attributes:
      name: of the preset.
      layers: numbers of layers; layer i has dilation 2**i.
      channels: residual channels; the gates have twice, the skips as many.
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


def measure(preset, out_dir, seed=0, say=print):
    """Measure every number of layers that the folder does not hold yet, and draw the figure.

    Args:
      preset: `Preset`.
      out_dir: result folder; gets figure.png, figure.pdf, table.md and results.json.
      seed: of the weights.
      say: function that is given one line of progress.

    Returns:
      Rows {layers, receptive_field, naive, queues}, the last two {median, min, max} in seconds.

    Raises:
      ValueError: the folder holds another configuration.
      OSError: it cannot be written to.
    """
    settings = {"figure": "fast_wavenet", "preset": dataclasses.asdict(preset), "seed": seed}
    results = runner.open_results(out_dir, settings)
    plan = Plan({f"layers_{n:02d}": (f"{n} layers", 1) for n in preset.layers}, say)
    rows = []
    for layers in preset.layers:
        slug = f"layers_{layers:02d}"
        row = results.load(slug, {"layers": layers})
        if row:
            plan.cached(slug)
        else:
            plan.start(slug)
            row = _measured(preset, layers, seed)
            results.save(slug, {"layers": layers}, row)
            plan.finish(slug)
        rows.append({name: row[name] for name in ("layers", "receptive_field", "naive", "queues")})
        _report(results, rows)
    return rows


def _measured(preset, layers, seed):
    config = WaveNetConfig(
        dilations=tuple(2**i for i in range(layers)),
        residual_channels=preset.channels,
        gate_channels=2 * preset.channels,
        skip_channels=preset.channels,
    )
    network = WaveNet(config, seed).averaged
    codes = np.random.default_rng(seed).integers(0, 256, [1, config.receptive_field])
    codes = tf.constant(codes, tf.int32)
    whole = tf.function(lambda: wavenet_queues.naive(network, codes), autograph=False)
    pieces = wavenet_generation.stream(network, 10**9, seed=seed)
    sides = {"naive": (lambda: whole().numpy(), 1), "queues": (lambda: next(pieces).numpy(), BLOCK)}
    row = {"layers": layers, "receptive_field": config.receptive_field}
    for name, (make, samples) in sides.items():
        make()  # traces and compiles
        seconds = []
        for _ in range(preset.runs):
            begin = time.perf_counter()
            make()
            seconds.append((time.perf_counter() - begin) / samples)
        row[name] = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}
    return row


def table(rows, preset):
    """Return the numbers as Markdown."""
    lines = [
        "# Generation cost of WaveNet: a pass over the receptive field against queues",
        "",
        f"Preset {preset['name']}: {preset['channels']} residual channels, one clip, median of "
        f"{preset['runs']} runs (smallest to largest). \u201cFast Wavenet Generation "
        "Algorithm\u201d (arXiv:1611.09482) draws this figure and prints no numbers.",
        "",
        "| layers | receptive field | naive, \u00b5s per sample | queues, \u00b5s per sample "
        "| ratio |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        ratio = row["naive"]["median"] / row["queues"]["median"]
        lines.append(
            f"| {row['layers']} | {row['receptive_field']:,} | {_spread(row['naive'])} "
            f"| {_spread(row['queues'])} | {ratio:,.1f} |"
        )
    return "\n".join(lines) + "\n"


def _spread(seconds):
    low, median, high = (1e6 * seconds[name] for name in ("min", "median", "max"))
    return f"{median:,.1f} ({low:,.1f} to {high:,.1f})"


def _report(results, rows):
    preset = results.settings["preset"]
    files.write_json(results.path / "results.json", {"settings": results.settings, "rows": rows})
    files.atomic_write(results.path / "table.md", table(rows, preset).encode("utf-8"))
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
