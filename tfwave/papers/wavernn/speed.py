"""Speeds of WaveRNN (arXiv:1802.08435): Tables 2 and 4, and the speeds in its text.

Speeds do not depend on what a model has learnt: weights are initial, and pruned as if training had
come to its end. Products are those of `block_sparsity.product`, one after the other inside one
compiled loop, as generation makes them.
"""

import dataclasses
import math

import tensorflow as tf

from tfwave.layers.block_sparsity import PruningConfig, expand, product, strongest, to_blocks
from tfwave.layers.gru import gates
from tfwave.models.sampler import BLOCK
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn import generation
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.subscale import SubscaleWaveRNN
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.papers.wavernn import rows as wavernn_rows
from tfwave.repro.rows import make_row
from tfwave.repro.speed import SpeedTable, spread, timed

_RATE = wavernn_rows.SAMPLE_RATE / 1000  # kHz


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much is measured.

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
    def shrink(self):
        """What widths are divided by."""
        return wavernn_rows.PRESETS[self.sizes].shrink


PRESETS = {
    "paper": Preset(),
    "quick": Preset("quick", 7, 1, 4, 2e8),
    "smoke": Preset("smoke", 2, 1, 1, 1e4, "smoke"),
}


def seconds_each(function, operands, start, count, runs):
    """Time a function inside a compiled loop that feeds it what it gave.

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


def product_seconds(matrix, inputs, preset):
    """Seconds of the product of a row vector and a matrix, dense or `Blocks`, in each run."""
    values = matrix if isinstance(matrix, tf.Tensor) else matrix.values

    def again(x, matrix):
        made = product(x, matrix)
        made = tf.tile(made, [1, -(-inputs // made.shape[1])])[:, :inputs]
        # Bounded, and far from the subnormal numbers that slow a CPU down.
        return 1.0 + 1e-3 * made

    count = max(10, round(preset.work / values.shape.num_elements()))
    return seconds_each(again, matrix, tf.ones([1, inputs]), count, preset.runs)


def random_matrix(side, sparsity, block):
    """A square matrix of noise, of which the strongest blocks are left, dense where none is cut."""
    kernel = tf.random.stateless_normal([side, side], [0, 0]) / math.sqrt(side)
    if not sparsity:
        return kernel
    return to_blocks(kernel * expand(strongest(kernel, sparsity, block), block))


_SIZES = ((512, 0.8), (1024, 0.95), (2048, 0.964))
_TABLE4_ROWS = (
    *(
        make_row(f"dense_{side}", f"{side}, dense", side=side, sparsity=0.0, block="element")
        for side in (224, 384, 1024)
    ),
    *(
        make_row(
            f"{printed}_{side}",
            f"{side}, {100 * sparsity:g} %, {printed}",
            side=side,
            sparsity=sparsity,
            block=block,
        )
        for printed, block in (("1x1", "element"), ("4x4", "4x4"), ("16x1", "16x1"))
        for side, sparsity in _SIZES
    ),
)


def measure_product(row, preset):
    """Time the products of a row of Table 4; see `SpeedTable.measure`."""
    how = dict(row.changes)
    side = how["side"] // preset.shrink
    seconds = product_seconds(random_matrix(side, how["sparsity"], how["block"]), side, preset)
    work = 2 * side**2 * (1 - how["sparsity"])
    scores = {"cpu_gflops": spread(work / seconds / 1e9), "cpu_products": spread(1 / seconds / 1e3)}
    return scores, {"Side": side}, f"{preset.runs} runs"


def pruned(config):
    """A WaveRNN with its initial weights, pruned as at the end of training."""
    model = WaveRNN(config)
    last = PruningConfig(0.0)
    model.network.cell.prune(tf.constant(last.start + last.steps, tf.int64))
    return model


def speak_seconds(model, samples, runs, clips=1, **how):
    """Seconds of each run of a conditioned model; its features are noise."""
    config = model.config.conditioning if isinstance(model, WaveNet) else model.config
    frames = -(-samples // config.hop_length) + 2 * config.frame_padding + 1
    features = tf.random.stateless_normal([clips, frames, config.channels], [0, 0])
    _, _, seconds = timed(
        lambda: model.generate(samples=samples, features=features, **how).numpy(), runs
    )
    return seconds


def _samples(preset):
    return preset.blocks * BLOCK


def gate_seconds(units, preset):
    """Seconds of the non-linearities of the gates of one sample, in each run."""

    def again(h, terms):
        u, _, e = gates(tf.tile(h, [1, 3]), terms)
        return e + u * (h - e)

    count = max(10, round(preset.work / (30 * units)))
    return seconds_each(again, tf.ones([1, 3 * units]), tf.ones([1, units]), count, preset.runs)


_TABLE2_ROWS = tuple(
    make_row(f"blocks_{block}", f"Sparse WR Mobile, {block}", block=block)
    for block in ("4x4", "16x1")
)


def measure_mobile(row, preset):
    """Run Sparse WaveRNN Mobile, and time its products; see `SpeedTable.measure`."""
    block, units = dict(row.changes)["block"], 1024 // preset.shrink
    model = pruned(
        WaveRNNConfig(
            units=units,
            conditioning="features",
            pruning=PruningConfig(0.95, block),
            output_pruning=PruningConfig(0.8, block),
        )
    )
    samples = _samples(preset)
    run = spread(samples / 1e3 / speak_seconds(model, samples, preset.runs))
    weights = generation.fold(model.network.cell, sparse=None)
    half, hidden = units // 2, model.config.hidden
    parts = {"R": product_seconds(weights.recurrent, units, preset)}
    sizes = (half, hidden) * 2
    for number, (matrix, inputs) in enumerate(zip(weights.outputs, sizes, strict=True)):
        parts[f"O{number + 1}"] = product_seconds(matrix, inputs, preset)
    parts["the gates' non-linearities"] = gate_seconds(units, preset)
    scores = {"run_khz": run, "sum_khz": spread(1e-3 / sum(parts.values()))}
    facts = {
        f"Microseconds of {name}": 1e6 * spread(seconds)["mean"] for name, seconds in parts.items()
    }
    return scores, facts, f"{preset.runs} runs of {samples:,} samples"


_KNOWN = {row.slug: row for row in wavernn_rows.ROWS}
_TEXT_ROWS = (
    _KNOWN["wavernn_896"],
    make_row("wavernn_896_batch_4", "WaveRNN 896, batch of 4", "wavernn", units=896, clips=4),
    make_row(
        "wavernn_896_tensorflow",
        "WaveRNN 896, ordinary TensorFlow",
        "wavernn",
        units=896,
        xla=False,
    ),
    _KNOWN["wavenet"],
    make_row("wavenet_tensorflow", "WaveNet 512 (60), ordinary TensorFlow", "wavenet", xla=False),
    *(_KNOWN[slug] for slug in ("subscale_16", "fused_2", "sparse_mobile", "sparse_384")),
)


def measure_speaking(row, preset):
    """Run the model of a row of the text; see `SpeedTable.measure`."""
    how = {name: value for name, value in row.changes if name in ("clips", "xla")}
    clips, runs, samples, facts = how.get("clips", 1), preset.slow_runs, _samples(preset), {}
    # All steps of the paper, so that `pruned` finds its schedule.
    sizes = dataclasses.replace(
        wavernn_rows.PRESETS[preset.sizes], steps=wavernn_rows.PRESETS["paper"].steps
    )
    config = wavernn_rows.configuration(row, sizes)
    if row.system == "wavenet":
        # Padded layers need no field of silence first; a sample costs the same.
        model, samples = WaveNet(dataclasses.replace(config, padding="causal")), BLOCK
    elif row.system == "subscale":
        model = SubscaleWaveRNN(config)
        samples = config.tensors * config.future
    else:
        model, runs = pruned(config), preset.runs
    seconds = speak_seconds(model, samples, runs, **how)
    rates = samples / 1e3 / seconds
    if row.system == "subscale":
        facts["Thousand samples per second from the first to the last"] = spread(rates)["mean"]
        rates *= _steps_run(config, samples) / (samples // config.tensors)
    scores = {
        "khz": spread(rates),
        "real_time": spread(rates / _RATE),
        "weights_m": {"mean": wavernn_rows.weight_count(config) / 1e6},
    }
    if clips > 1:
        scores["total_khz"] = spread(clips * rates)
    if row.system == "wavernn":
        scores["products"] = {"mean": 1 + len(model.network.cell.outputs)}
    return scores, facts, f"{runs} runs of {samples:,} samples"


def _steps_run(config, samples):
    """Steps that batched generation makes: the lag of the last sub-tensor, then its samples."""
    steps = -(-config.reach // config.chunk) * config.chunk
    steps += (config.tensors - 1) * config.future + samples // config.tensors
    return -(-steps // config.chunk) * config.chunk


_PAPER = "\u201cEfficient Neural Audio Synthesis\u201d (WaveRNN)"
_MEDIANS = (
    "Medians over runs after a first one, which compiles; \u00b1 half the range between the "
    "quartiles. Weights and arithmetic are float32; nothing else should run on the machine."
)
_PRODUCTS = (
    "Products are made one after the other in one compiled loop, each from the outcome of the one "
    "before, by the code that generation uses."
)

TABLE2 = SpeedTable(
    name="wavernn_table2",
    protocol=2,
    paper="wavernn",
    published="table2",
    title=f"Table 2 of {_PAPER}",
    rows=_TABLE2_ROWS,
    presets=PRESETS,
    measure=measure_mobile,
    notes=(
        _MEDIANS,
        _PRODUCTS,
        "Run: the model, conditioned on features, makes one clip. Sum: the five products and the "
        "gates' non-linearities of a sample are timed each for itself and added, as the paper did.",
        "1024 units, gates pruned by 95 %, output matrices by 80 % (the sparsity of their size in "
        "Table 4; the paper does not say). Matrices whose blocks would be no faster are multiplied "
        "whole.",
    ),
)
TABLE4 = SpeedTable(
    name="wavernn_table4",
    protocol=2,
    paper="wavernn",
    published="table4",
    title=f"Table 4 of {_PAPER}",
    rows=_TABLE4_ROWS,
    presets=PRESETS,
    measure=measure_product,
    notes=(
        _MEDIANS,
        _PRODUCTS,
        "The paper's weights are float16 in memory, its arithmetic float32.",
    ),
)
TEXT = SpeedTable(
    name="wavernn_text",
    protocol=2,
    paper="wavernn",
    published="text",
    title=f"Numbers in the text of {_PAPER}",
    rows=_TEXT_ROWS,
    presets=PRESETS,
    measure=measure_speaking,
    status=wavernn_rows.NOT_BUILT,
    notes=(
        _MEDIANS,
        "Models are conditioned on features; one compiled loop, but op by op where a row says "
        "ordinary TensorFlow. Weights: without biases and conditioning, what is pruned left out.",
        "Subscale: the rate while all sub-tensors are made side by side, that is, in clips so long "
        "that the lag of the last sub-tensor counts for nothing.",
        "Sparse rows: blocks of 4x4; the paper gives no speeds of them on GPUs.",
    ),
)
