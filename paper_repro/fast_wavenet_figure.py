"""Measure the generation cost of WaveNet, naive and with queues (arXiv:1611.09482).

    python paper_repro/fast_wavenet_figure.py

Writes OUT_DIR/figure.png, figure.pdf, table.md and results.json. The same command goes on where it
was stopped. Nothing else should run on the machine.
"""

import os

from absl import flags

from tfwave import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("out_dir", "fast_wavenet_figure", "Result folder.")
flags.DEFINE_string("preset", "quick", "paper (hours), quick (minutes) or smoke (seconds).")
flags.DEFINE_integer("seed", 0, "Seed of the weights.", lower_bound=0, upper_bound=2**30)


def main(argv):
    """Measure and draw."""
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import dataclasses

    from tfwave.papers.fast_wavenet import figure

    if FLAGS.preset not in figure.PRESETS:
        known = ", ".join(figure.PRESETS)
        raise ValueError(f"--preset: there is no preset {FLAGS.preset!r}; there are {known}")
    preset = figure.PRESETS[FLAGS.preset]
    rows = figure.measure(preset, FLAGS.out_dir, FLAGS.seed)
    print(f"\n{figure.table(rows, dataclasses.asdict(preset))}\nFigure: {FLAGS.out_dir}/figure.png")


if __name__ == "__main__":
    cli.run(main)
