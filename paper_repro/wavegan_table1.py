"""Rebuild Table 1 of "Adversarial Audio Synthesis" (WaveGAN and SpecGAN, arXiv:1802.04208).

    python paper_repro/wavegan_table1.py
    python paper_repro/wavegan_table1.py --data_dir=DIR --preset=paper

Trains, samples and scores every row, and writes OUT_DIR/table.html, table.md, results.json and
figures. The same command goes on where it was stopped and computes nothing twice.
"""

import dataclasses
import functools
import os
import pathlib
import sys

from absl import flags

from tfwave import cli
from tfwave.papers.wavegan.rows import PRESET_HELP, ROWS, select_preset, select_rows

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "data_dir",
    "",
    "SC09, an unpacked Speech Commands release, or any folder of audio; empty for the built-in "
    "spoken digits, which are synthetic.",
)
flags.DEFINE_string("out_dir", "wavegan_table1", "Result folder.")
flags.DEFINE_string(
    "preset",
    "quick",
    "; ".join(f"{name} ({text})" for name, text in PRESET_HELP.items())
    + ". Also with --data_dir the preset is quick unless you say paper.",
)
flags.DEFINE_list(
    "rows",
    [],
    "Rows to compute, all by default; Real (train) and Real (test) always are. Rows: "
    + ", ".join(row.slug for row in ROWS)
    + ".",
)
flags.DEFINE_integer("seed", 0, "Seed of everything.", lower_bound=0, upper_bound=2**30)
flags.DEFINE_string(
    "cache_dir", "", "Folder for decoded audio and classifiers; empty for ~/.cache/tfwave."
)
flags.DEFINE_list(
    "merge",
    [],
    "Result folders of other machines whose finished rows are copied in. Without --rows nothing "
    "else is computed. Give every machine the same --classifier.",
)
flags.DEFINE_bool("strict", False, "Stop at the first audio file that cannot be used.")
flags.DEFINE_string("strategy", "auto", "auto, one, mirrored or multi_worker (with TF_CONFIG).")
flags.DEFINE_enum(
    "precision",
    "auto",
    ["auto", "float32", "mixed_bfloat16"],
    "Number format inside the networks; auto chooses what is fastest here.",
)
flags.DEFINE_string(
    "classifier",
    "",
    "Classifier of the inception score: folder of a trained one, or prefix of the authors' "
    "released TensorFlow 1 checkpoint; empty to train the preset's on the corpus.",
)
flags.DEFINE_string(
    "parametric_dir",
    "",
    "Recordings of the row Parametric; empty for digits spoken by formant synthesis.",
)
flags.DEFINE_enum(
    "griffin_lim",
    "authors",
    ["authors", "dual"],
    "SpecGAN's phase reconstruction: as the authors have it, or with the correct window.",
)
cli.define_profile_flag()


def main(argv):
    """Rebuild the table; returns the exit code."""
    if len(argv) > 1:
        raise ValueError(f"{argv[1]!r} is not a flag; see --help")
    preset, rows = select_preset(FLAGS.preset), select_rows(FLAGS.rows)
    # TensorFlow's own log speaks of GPU libraries that are absent; errors reach Python anyway.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    import tensorflow as tf
    from absl import logging

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)

    from tfwave import compat
    from tfwave.papers.wavegan import table1 as wavegan_table1
    from tfwave.papers.wavegan.experiment import Options
    from tfwave.repro import results as runner
    from tfwave.repro.report import report
    from tfwave.training.distribution import open_strategy
    from tfwave.training.interrupts import Interrupted

    strategy = open_strategy(FLAGS.strategy)
    options = Options(
        out_dir=pathlib.Path(FLAGS.out_dir),
        cache_dir=cli.cache_dir(FLAGS.cache_dir),
        seed=FLAGS.seed,
        precision=compat.default_precision() if FLAGS.precision == "auto" else FLAGS.precision,
        griffin_lim=FLAGS.griffin_lim,
        classifier=FLAGS.classifier,
        profile=FLAGS.profile,
        merge=tuple(pathlib.Path(folder) for folder in FLAGS.merge),
    )
    try:
        if options.merge and not FLAGS.rows:
            made = wavegan_table1.merge_only(options)
        else:
            runner.claim_folder(options.out_dir, wavegan_table1.early_settings(preset, options))
            corpus = open_corpus(preset, options)
            made = wavegan_table1.reproduce(
                corpus,
                functools.partial(open_parametric, preset, options),
                preset,
                rows,
                options,
                strategy,
            )
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.exit_code
    if made is not None:
        print(f"\n{report.terminal(made)}\n\nReport: {options.out_dir / 'table.html'}")
        print(f"Curves: tensorboard --logdir {options.out_dir / 'rows'}")
    return 0


def open_corpus(preset, options):
    """Open the recordings that the models learn."""
    from tfwave.data import corpus as corpora
    from tfwave.data.builtin.digits import spoken_digits
    from tfwave.data.layouts.recognize import CLIPS

    if FLAGS.data_dir:
        return corpora.open_corpus(
            FLAGS.data_dir, options.cache_dir, strict=FLAGS.strict, layouts=CLIPS
        )
    sizes = dict(train=preset.train_clips, valid=preset.valid_clips, test=preset.test_clips)
    corpus = spoken_digits(options.cache_dir, seed=options.seed, sizes=sizes)
    return dataclasses.replace(corpus, name="built-in spoken digits")


def open_parametric(preset, options):
    """Open the recordings of the row Parametric."""
    from tfwave.audio.files import find_audio
    from tfwave.data.builtin.digits import klatt_digits
    from tfwave.data.corpus import Split
    from tfwave.data.store import build_store

    if not FLAGS.parametric_dir:
        return klatt_digits(options.cache_dir, count=preset.parametric_clips, seed=options.seed)
    paths = find_audio(FLAGS.parametric_dir)
    if not paths:
        raise ValueError(f"--parametric_dir: {FLAGS.parametric_dir} holds no audio")
    return Split(build_store(paths, options.cache_dir, strict=FLAGS.strict))


if __name__ == "__main__":
    cli.run(main)
