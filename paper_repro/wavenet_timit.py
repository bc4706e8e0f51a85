"""Rebuild the phone error rate of WaveNet (arXiv:1609.03499 section 3.4).

    python paper_repro/wavenet_timit.py
    python paper_repro/wavenet_timit.py --data_dir=TIMIT --preset=paper

Trains the recogniser on raw audio with its two losses and writes OUT_DIR/table.html, table.md,
results.json and figures. The same command goes on where it was stopped.
"""

import os
import sys

from absl import flags

from tfwave import cli

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "data_dir", "",
    "TIMIT, with its .PHN files; empty for built-in sentences, which are synthetic.")
flags.DEFINE_string("out_dir", "wavenet_timit", "Result folder.")
flags.DEFINE_string("preset", "quick", "paper, quick or smoke (seconds, meaningless numbers).")
flags.DEFINE_integer("seed", 0, "Seed of everything.", lower_bound=0, upper_bound=2**30)
flags.DEFINE_string("cache_dir", "", "Folder for decoded audio; empty for ~/.cache/tfwave.")
flags.DEFINE_bool("strict", False, "Stop at the first audio file that cannot be used.")
flags.DEFINE_string("strategy", "auto", "auto, one or mirrored.")


def main(argv):
    """Rebuild the table; returns the exit code."""
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf
    from absl import logging

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)

    from tfwave.data.sentence_corpora import open_sentences
    from tfwave.data.sentences import read_sentences
    from tfwave.papers import report, wavenet_timit
    from tfwave.training.distribution import open_strategy
    from tfwave.training.interrupts import Interrupted

    presets = wavenet_timit.PRESETS
    if FLAGS.preset not in presets:
        raise ValueError(
            f"--preset: there is no preset {FLAGS.preset!r}; there are {', '.join(presets)}")
    preset, cache = presets[FLAGS.preset], cli.cache_dir(FLAGS.cache_dir)
    try:
        if FLAGS.data_dir:
            corpus = open_sentences(FLAGS.data_dir, cache, strict=FLAGS.strict)
        else:
            corpus = read_sentences(cache, FLAGS.seed, dict(preset.sentences))
        made = wavenet_timit.reproduce(
            corpus, preset, FLAGS.out_dir, FLAGS.seed, open_strategy(FLAGS.strategy))
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    print(f"\n{report.terminal(made)}\n\nReport: {os.path.join(FLAGS.out_dir, 'table.html')}")
    return 0


if __name__ == "__main__":
    cli.run(main)
