"""Measure speed and memory against a named baseline in the same run.

    python tools/benchmark.py wavegan
    python tools/benchmark.py wavegan --batch_sizes=16 --runs=7 --json
    python tools/benchmark.py wavenet

Every figure is the median of the runs, with their spread. Sides of a comparison run in turn, each
in a process of its own; on a busy machine look at the ratios.
"""

import os
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[i]) for i in (0, 1)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import flags  # noqa: E402
from benchmarks import measure, wavegan, wavenet  # noqa: E402

from tfwave import cli  # noqa: E402

BENCHMARKS = {"wavegan": wavegan.figures, "wavenet": wavenet.figures}
DEFAULT_BATCH_SIZES = {"wavegan": [16, 64], "wavenet": [1, 8, 64]}

FLAGS = flags.FLAGS
flags.DEFINE_integer("runs", 5, "Counted runs of each side.", lower_bound=1)
flags.DEFINE_list(
    "batch_sizes", [],
    "Clips in a batch of training (wavegan: 16,64) or of generation (wavenet: 1,8,64).")
flags.DEFINE_integer(
    "model_dim", 64, "WaveGAN's size d and WaveNet's residual channels; 64 is the published one.",
    lower_bound=1)
flags.DEFINE_bool("json", False, "Print one JSON object of named figures.")


def main(argv):
    names = argv[1:]
    if len(names) != 1 or names[0] not in BENCHMARKS:
        raise ValueError(f"name one benchmark of: {', '.join(BENCHMARKS)}")
    try:
        batch_sizes = [int(size) for size in FLAGS.batch_sizes] or DEFAULT_BATCH_SIZES[names[0]]
    except ValueError:
        batch_sizes = [0]
    if min(batch_sizes) < 1:
        raise ValueError("--batch_sizes takes whole numbers of 1 or more, with commas between")
    figures = BENCHMARKS[names[0]](FLAGS.runs, batch_sizes, FLAGS.model_dim)
    measure.show(figures, FLAGS.json)


if __name__ == "__main__":
    cli.run(main)
