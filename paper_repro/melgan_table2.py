"""Rebuild what can be made of Table 2 of MelGAN (arXiv:1910.06711): the ablation.

    python paper_repro/melgan_table2.py
    python paper_repro/melgan_table2.py --data_dir=LJSpeech-1.1 --preset=paper

Trains MelGAN and its six variants, runs them on held-out recordings, measures the outcome, and
writes OUT_DIR/table.html, table.md, results.json, figures and clips. The scores of the paper need
listeners: put their ratings into OUT_DIR/ratings.json. The same command resumes where it was
stopped.
"""

from tfwave import cli
from tfwave.papers.melgan.tables import TABLE2

cli.define_table_flags(TABLE2)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE2)


if __name__ == "__main__":
    cli.run(main)
