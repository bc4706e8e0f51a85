"""Rebuild what can be measured of Table 1 of WaveNet (arXiv:1609.03499), and its clips.

    python paper_repro/wavenet_table1.py
    python paper_repro/wavenet_table1.py --data_dir=LJSpeech-1.1 --preset=paper

Trains WaveNet, measures the likelihood of held-out speech, and writes OUT_DIR/table.html, table.md,
results.json, figures and clips of every row that can be made. The scores of the paper are
listeners': put theirs into OUT_DIR/ratings.json. The same command goes on where it was stopped and
computes nothing twice.
"""

import os
import pathlib
import sys

from absl import flags

from tfwave import cli

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "data_dir", "",
    "LJSpeech, VCTK, TIMIT or any folder of speech; empty for built-in sentences, which are "
    "synthetic.")
flags.DEFINE_string("out_dir", "wavenet_table1", "Result folder.")
flags.DEFINE_string("preset", "quick", "paper, quick or smoke (seconds, meaningless numbers).")
flags.DEFINE_list("rows", [], "Rows to compute: wavenet_lf, natural_8bit, natural_16bit.")
flags.DEFINE_integer("seed", 0, "Seed of everything.", lower_bound=0, upper_bound=2**30)
flags.DEFINE_string(
    "cache_dir", "", "Folder for decoded audio and features; empty for ~/.cache/tfwave.")
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

    from tfwave.papers import report, rows, wavenet_rows, wavenet_table1
    from tfwave.papers.wavenet_workbench import Options
    from tfwave.training.distribution import open_strategy
    from tfwave.training.interrupts import Interrupted

    presets = wavenet_rows.PRESETS
    if FLAGS.preset not in presets:
        raise ValueError(
            f"--preset: there is no preset {FLAGS.preset!r}; there are {', '.join(presets)}")
    preset = presets[FLAGS.preset]
    wanted = rows.select(wavenet_rows.ROWS, FLAGS.rows)
    cache = cli.cache_dir(FLAGS.cache_dir)
    options = Options(pathlib.Path(FLAGS.out_dir), cache, FLAGS.seed)
    try:
        corpus = open_corpus(preset, cache)
        made = wavenet_table1.reproduce(
            corpus, preset, wanted, options, open_strategy(FLAGS.strategy))
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    print(f"\n{report.terminal(made)}\n\nReport: {options.out_dir / 'table.html'}")
    print(f"Curves: tensorboard --logdir {options.out_dir / 'rows'}")
    return 0


def open_corpus(preset, cache_dir):
    """Open the recordings that the model learns."""
    from tfwave.data.sentence_corpora import open_sentences
    from tfwave.data.sentences import read_sentences

    if FLAGS.data_dir:
        return open_sentences(
            FLAGS.data_dir, cache_dir, preset.sample_rate, strict=FLAGS.strict)
    return read_sentences(
        cache_dir, FLAGS.seed, dict(preset.sentences), speakers=1,
        sample_rate=preset.sample_rate)


if __name__ == "__main__":
    cli.run(main)
