"""Rebuild Table 1 of "Adversarial Audio Synthesis" (WaveGAN and SpecGAN, arXiv:1802.04208).

    python paper_repro/wavegan_table1.py
    python paper_repro/wavegan_table1.py --data_dir=DIR --preset=paper

Trains, samples and scores every row, and writes OUT_DIR/table.html, table.md, results.json and
figures. The same command resumes where it was stopped and computes nothing twice.
"""

from absl import flags

from tfwave import cli
from tfwave.papers.wavegan.tables import TABLE1

FLAGS = flags.FLAGS

cli.define_table_flags(TABLE1)
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


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(
        argv,
        TABLE1,
        classifier=FLAGS.classifier,
        parametric_dir=FLAGS.parametric_dir,
        griffin_lim=FLAGS.griffin_lim,
    )


if __name__ == "__main__":
    cli.run(main)
