"""Measure Table 1 of MelGAN (arXiv:1910.06711): parameters and speed of vocoders.

    python paper_repro/melgan_table1.py
    python paper_repro/melgan_table1.py --threads=2

Builds the published models, runs them on one thread of the CPU (as the paper did) and on a GPU
where there is one, and writes OUT_DIR/table.md and results.json. Nothing else should run on the
machine. The same command goes on where it was stopped.
"""

import os

from absl import flags

from tfwave import cli

FLAGS = flags.FLAGS

flags.DEFINE_string("out_dir", "melgan_table1", "Result folder.")
flags.DEFINE_string("preset", "quick", "paper, quick (fewer runs) or smoke (tiny models).")
flags.DEFINE_integer("threads", 1, "Threads of the CPU.", lower_bound=1)


def main(argv):
    """Measure and print the table."""
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(FLAGS.threads)
    tf.config.threading.set_inter_op_parallelism_threads(FLAGS.threads)

    from tfwave.papers import melgan_table1, report

    if FLAGS.preset not in melgan_table1.PRESETS:
        known = ", ".join(melgan_table1.PRESETS)
        raise ValueError(f"--preset: there is no preset {FLAGS.preset!r}; there are {known}")
    made = melgan_table1.reproduce(
        melgan_table1.PRESETS[FLAGS.preset], FLAGS.out_dir, FLAGS.threads
    )
    print(f"\n{report.terminal(made)}\n\nReport: {os.path.join(FLAGS.out_dir, 'table.md')}")


if __name__ == "__main__":
    cli.run(main)
