"""Measure speed and memory against a named baseline in the same run.

    python tools/benchmark.py wavegan
    python tools/benchmark.py wavegan --batch_sizes=16 --runs=7 --json
    python tools/benchmark.py wavenet
    python tools/benchmark.py melgan
    python tools/benchmark.py waveglow --torch_python=PATH
    python tools/benchmark.py wavernn
    python tools/benchmark.py serving

Every figure is the median of the runs, with their spread. Sides of a comparison run in turn, each
in a process of its own; on a busy machine look at the ratios. Progress and the time left go to
stderr. MelGAN, WaveGlow and WaveRNN are compared with PyTorch as well, where it is installed.
"""

import importlib
import os
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[i]) for i in (0, 1)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import flags
from benchmarks import measure

from tfwave import cli
from tfwave.errors import UserError

# Module of tools/benchmarks: default batch sizes, default sizes of the model, whether PyTorch is a
# baseline.
BENCHMARKS = {
    "wavegan": ((16, 64), (64,), False),
    "wavenet": ((1, 8, 64), (64,), False),
    "melgan": ((16,), (32,), True),
    "waveglow": ((1,), (256, 512), True),
    "wavernn": ((1, 8), (896,), True),
    "serving": ((1, 8, 32), (64,), False),
}

FLAGS = flags.FLAGS
flags.DEFINE_integer("runs", 5, "Counted runs of each side.", lower_bound=1)
flags.DEFINE_list(
    "batch_sizes",
    [],
    "Clips in a batch of training (wavegan: 16,64; melgan: 16; waveglow: 1) or of generation "
    "(wavenet: 1,8,64; wavernn: 1,8), or clients at a time (serving: 1,8,32).",
)
flags.DEFINE_integer(
    "model_dim",
    None,
    "WaveGAN's size d (64; also of serving), WaveNet's residual channels (64), MelGAN's channels "
    "at the sample rate (32), WaveGlow's channels (256 and 512), WaveRNN's units (896); in "
    "brackets the published ones, which are the default.",
    lower_bound=1,
)
flags.DEFINE_string(
    "torch_python",
    None,
    "A Python that has PyTorch, for melgan, waveglow and wavernn; by default this one, if it has.",
)
flags.DEFINE_bool("json", False, "Print one JSON object of named figures.")


def main(argv):
    names = argv[1:]
    if len(names) != 1 or names[0] not in BENCHMARKS:
        raise UserError(f"name one benchmark of: {', '.join(BENCHMARKS)}")
    batch_sizes, sizes, torch = BENCHMARKS[names[0]]
    benchmark = importlib.import_module(f"benchmarks.{names[0]}").figures
    try:
        batch_sizes = [int(size) for size in FLAGS.batch_sizes or batch_sizes]
    except ValueError:
        batch_sizes = [0]
    if min(batch_sizes) < 1:
        raise UserError("--batch_sizes takes whole numbers of 1 or more, with commas between")
    more = [measure.find_torch(FLAGS.torch_python)] if torch else []
    sizes = [FLAGS.model_dim] if FLAGS.model_dim else sizes

    def figures():
        found = {}
        for size in sizes:
            found |= benchmark(FLAGS.runs, batch_sizes, size, *more)
        return found

    measure.show(measure.with_progress(figures), FLAGS.json)


if __name__ == "__main__":
    cli.run(main)
