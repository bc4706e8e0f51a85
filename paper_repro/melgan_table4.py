"""Rebuild what can be made of Table 4 of MelGAN (arXiv:1910.06711): unseen speakers.

    python paper_repro/melgan_table4.py
    python paper_repro/melgan_table4.py --data_dir=VCTK-Corpus --preset=paper

Trains MelGAN on some speakers, runs it on recordings of others, measures the outcome, and writes
OUT_DIR/table.html, table.md, results.json, figures and clips. The scores of the paper need
listeners: put their ratings into OUT_DIR/ratings.json. The same command resumes where it was
stopped.
"""

from tfwave import cli
from tfwave.papers.melgan.tables import TABLE4

cli.define_table_flags(TABLE4)


def main(argv):
    """Rebuild the table and return the exit code."""
    return cli.rebuild(argv, TABLE4)


if __name__ == "__main__":
    cli.run(main)
