"""The generation-cost figure of "Fast Wavenet Generation Algorithm" (arXiv:1611.09482).

Seconds of one sample against the number of layers, whose dilations double: by a pass over the whole
receptive field, which doubles with every layer, and by queues. The paper plots both and prints no
numbers; every number here was measured by the run that prints it.
"""

from tfwave.repro.plan import counted
from tfwave.repro.published import Column
from tfwave.repro.rows import make_row
from tfwave.repro.table import TIMING_FLAGS, TIMING_PRESETS, Table, on_demand

_MICROSECONDS = ("\u00b5s per sample", "lower", "measurement", 1)

FIGURE = Table(
    key="fast_wavenet_figure",
    protocol=1,
    paper="fast_wavenet",
    title="Generation cost of WaveNet: a pass over the receptive field against queues",
    rows=tuple(
        make_row(
            f"layers_{layers:02d}",
            f"{counted(layers, 'layer')}, receptive field {2**layers + 1:,}",
            layers=layers,
        )
        for layers in range(1, 16)
    ),
    presets=on_demand("fast_wavenet.figure", "PRESETS"),
    experiment=on_demand("fast_wavenet.figure", "FigureExperiment"),
    columns=(
        Column("naive", "Naive", *_MICROSECONDS),
        Column("queues", "Queues", *_MICROSECONDS),
        Column("ratio", "Ratio", better="higher", digits=1),
    ),
    notes=(
        "Layer i has dilation 2 to the power of i; one clip. Medians over runs after a first one, "
        "which compiles, \u00b1 half the range. The paper draws this figure and prints no numbers.",
    ),
    flags=(*TIMING_FLAGS, "seed"),
    preset_help=TIMING_PRESETS,
    with_page=False,
)
